// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import NIOCore
import SCSI

/// WRITE and every other command with Data-Out.
///
/// Data goes to the store segment by segment as it comes, from the buffer that the socket read filled.
extension ConnectionHandler {
    func beginWrite(_ command: SCSICommand, _ unit: ServedUnit, _ range: BlockRange, isDurable: Bool) {
        let wanted = Int(range.count) * unit.blockSize
        switch self.connection.beginDataOut(command, wanted: wanted) {
        case .complete(let data):
            self.writeWhole(data, command, unit, range, isDurable: isDurable)
        case .pending(let data):
            let task = PendingTask(command, unit, .write(WriteWork(range: range, isDurable: isDurable)))
            self.pending[command.initiatorTaskTag] = task
            if data.readableBytes > 0 {
                self.receive(data, isLast: false, task)
            }
        }
    }

    /// All data came with the command.
    private func writeWhole(
        _ data: ByteBuffer, _ command: SCSICommand, _ unit: ServedUnit, _ range: BlockRange, isDurable: Bool
    ) {
        let wanted = Int(range.count) * unit.blockSize
        self.session.counters.bytesWritten.bump(by: UInt64(data.readableBytes))
        guard data.readableBytes > 0 else {
            return self.finish(command, CommandResult(status: .good), transferred: wanted)
        }
        guard data.readableBytes.isMultiple(of: unit.blockSize) else {
            var work = WriteWork(range: range, isDurable: isDurable)
            work.hasAllData = true
            let task = PendingTask(command, unit, .write(work))
            self.connection.open(command)
            self.pending[command.initiatorTaskTag] = task
            return self.receive(data, isLast: true, task)
        }
        let blocks = BlockRange(lba: range.lba, count: UInt32(data.readableBytes / unit.blockSize))
        let length = data.readableBytes
        do throws(BlockError) {
            if !isDurable, try unit.store.writeNow(blocks, from: data.readableBytesSpan) {
                self.answeredAtOnce(.write, unit)
                return self.finish(command, CommandResult(status: .good), transferred: wanted)
            }
        } catch {
            return self.finish(command, unit.failed(error), transferred: wanted)
        }
        var work = WriteWork(range: range, isDurable: false, written: length)
        work.hasAllData = true
        let task = PendingTask(command, unit, .write(work))
        self.connection.open(command)
        self.pending[command.initiatorTaskTag] = task
        self.submit(.write(blocks, data, durable: isDurable), task)
    }

    func beginCollecting(
        _ command: SCSICommand, _ unit: ServedUnit, _ byteCount: Int, _ continuation: CommandContinuation
    ) {
        switch self.connection.beginDataOut(command, wanted: byteCount, isGathered: true) {
        case .complete(let data):
            self.take(self.collected(data, continuation, unit), command, unit, wantedDataOut: byteCount)
        case .pending(let data):
            let task = PendingTask(command, unit, .collect(continuation, data))
            task.wantedDataOut = byteCount
            self.pending[command.initiatorTaskTag] = task
        }
    }

    private func collected(
        _ data: ByteBuffer, _ continuation: CommandContinuation, _ unit: ServedUnit
    ) -> TaskStep {
        let nexus = self.session.nexus
        defer { if case .setTargetPortGroups = continuation { unit.timeTransitions() } }
        return unit.withUnit { $0.resume(continuation, with: .collected(data), nexus: nexus) }
    }

    /// The next Data-Out of a task.
    func receive(_ data: ByteBuffer, isLast: Bool, _ task: PendingTask) {
        switch task.work {
        case .write(var work):
            work.hasAllData = isLast
            self.write(data, &work, task)
            task.work = .write(work)
            self.finishWriteIfDone(task)
        case .collect(let continuation, var gathered):
            gathered.writeImmutableBuffer(data)
            guard isLast else {
                task.work = .collect(continuation, gathered)
                return
            }
            self.takeNext(self.collected(gathered, continuation, task.unit), task)
        case .wait(var gathered, _):
            gathered.writeImmutableBuffer(data)
            task.work = .wait(gathered, hasAllData: isLast)
            self.beginIfReady(task)
        case .read, .perform, .copy:
            preconditionFailure("a task without Data-Out was given some")
        }
    }

    /// Hands the whole blocks among what has come to the store.
    private func write(_ data: ByteBuffer, _ work: inout WriteWork, _ task: PendingTask) {
        let unit = task.unit
        let tag = task.command.initiatorTaskTag
        self.session.counters.bytesWritten.bump(by: UInt64(data.readableBytes))
        guard work.failure == nil else {
            // The initiator sends the rest of a failed write all the same: it is taken and dropped.
            return self.connection.consumed(data.readableBytes, of: tag)
        }
        var bytes = data
        if work.partialBlock.readableBytes > 0 {
            work.partialBlock.writeBuffer(&bytes)
            bytes = work.partialBlock
            work.partialBlock = ByteBuffer()
        }
        let length = bytes.readableBytes - bytes.readableBytes % unit.blockSize
        guard length > 0 else {
            work.partialBlock = bytes
            return
        }
        let blocks = BlockRange(
            lba: work.range.lba + UInt64(work.written / unit.blockSize), count: UInt32(length / unit.blockSize))
        work.written += length
        do throws(BlockError) {
            if try unit.store.writeNow(blocks, from: bytes.readableBytesSpan.extracting(first: length)) {
                self.connection.consumed(length, of: tag)
            } else if let slice = bytes.getSlice(at: bytes.readerIndex, length: length) {
                work.queuedBytes += length
                self.submit(.write(blocks, slice, durable: false), task)
            }
        } catch {
            work.failure = error
            return self.connection.consumed(bytes.readableBytes, of: tag)
        }
        bytes.moveReaderIndex(forwardBy: length)
        work.partialBlock = bytes.slice()
    }

    func writeAnswered(_ result: Result<BlockReply, BlockError>, _ task: PendingTask) {
        guard case .write(var work) = task.work else { return }
        if case .failure(let error) = result {
            work.failure = error
        }
        if task.requestsInFlight == 0 {
            self.connection.consumed(work.queuedBytes, of: task.command.initiatorTaskTag)
            work.queuedBytes = 0
        }
        task.work = .write(work)
        self.finishWriteIfDone(task)
    }

    private func finishWriteIfDone(_ task: PendingTask) {
        guard case .write(var work) = task.work, work.hasAllData, task.requestsInFlight == 0 else { return }
        let wanted = Int(work.range.count) * task.unit.blockSize
        if let failure = work.failure {
            return self.finish(task, task.unit.failed(failure), transferred: wanted)
        }
        if work.isDurable, !work.isFlushing {
            work.isFlushing = true
            task.work = .write(work)
            return self.submit(.flush, task)
        }
        if work.partialBlock.readableBytes > 0 {
            let lba = work.range.lba + UInt64(work.written / task.unit.blockSize)
            let rest = PartialBlock(lba: lba, bytes: work.partialBlock, durable: work.isDurable)
            task.wantedDataOut = wanted
            return self.takeNext(task.unit.withUnit { $0.write(rest) }, task)
        }
        self.finish(task, CommandResult(status: .good), transferred: wanted)
    }
}
