// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import NIOCore
import SCSI

/// READ: blocks go from the store straight into the output, behind the header of the PDU that carries them.
extension ConnectionHandler {
    private enum Progress {
        case finished
        /// The output has no room; goes on when the peer has read.
        case noRoom
        /// The medium has to be waited for, or the next segment does not consist of whole blocks.
        case needsRequest
        case failed(BlockError)
    }

    func beginRead(_ command: SCSICommand, _ unit: ServedUnit, _ range: BlockRange) {
        let wanted = Int(range.count) * unit.blockSize
        var work = ReadWork(range: range, transfer: DataInTransfer(command, wanted: wanted))
        guard work.transfer.total > 0 else {
            return self.finish(command, CommandResult(status: .good), transferred: wanted)
        }
        self.session.counters.bytesRead.bump(by: UInt64(work.transfer.total))
        let progress = self.waitingReads.isEmpty ? self.pump(&work, unit) : .noRoom
        if case .finished = progress { return self.answeredAtOnce(.read, unit) }
        self.connection.open(command)
        let task = PendingTask(command, unit, .read(work))
        self.pending[command.initiatorTaskTag] = task
        self.proceed(task, progress)
    }

    /// A command that went through other steps ends as a read.
    func continueAsRead(_ task: PendingTask, _ range: BlockRange) {
        let wanted = Int(range.count) * task.unit.blockSize
        let work = ReadWork(range: range, transfer: DataInTransfer(task.command, wanted: wanted))
        guard work.transfer.total > 0 else {
            return self.finish(task, CommandResult(status: .good), transferred: wanted)
        }
        self.session.counters.bytesRead.bump(by: UInt64(work.transfer.total))
        self.resume(task, work)
    }

    private func resume(_ task: PendingTask, _ work: consuming ReadWork) {
        var work = work
        let progress = self.pump(&work, task.unit)
        task.work = .read(work)
        self.proceed(task, progress)
    }

    private func proceed(_ task: PendingTask, _ progress: Progress) {
        switch progress {
        case .finished:
            self.answeredLate(task)
            self.remove(task)
        case .noRoom:
            self.waitingReads.append(task)
        case .needsRequest:
            self.requestChunk(task)
        case .failed(let error):
            self.finish(task, task.unit.failed(error))
        }
    }

    /// The peer has read, or a store has brought something: goes on with the reads that waited for that.
    func pumpWaitingReads() {
        while self.requestedReadBytes < ServerLimits.requestedReadBytes, self.hasRoom,
            let task = self.waitingReads.popFirst()
        {
            guard !task.isAborted, case .read(let work) = task.work else { continue }
            self.resume(task, work)
        }
    }

    private func pump(_ work: inout ReadWork, _ unit: ServedUnit) -> Progress {
        let blockSize = unit.blockSize
        while !work.transfer.isDone {
            guard self.hasRoom else { return .noRoom }
            let next = work.transfer.nextLength(self.connection.parameters)
            let length = next - next % blockSize
            guard length > 0 else { return .needsRequest }
            let blocks = BlockRange(
                lba: work.range.lba + UInt64(work.transfer.offset / blockSize), count: UInt32(length / blockSize))
            if length >= ServerLimits.sentFromFileBytes, self.sendNow(blocks, length, &work.transfer, unit) { continue }
            do throws(BlockError) {
                guard try self.readNow(blocks, length, &work.transfer, unit.store) else { return .needsRequest }
            } catch {
                return .failed(error)
            }
        }
        return .finished
    }

    /// Appends one Data-In PDU whose blocks the store has at hand; leaves the output as it was where it has not.
    private func readNow(
        _ blocks: BlockRange, _ length: Int, _ transfer: inout DataInTransfer, _ store: any BlockStore
    ) throws(BlockError) -> Bool {
        let start = self.output.writerIndex
        let headerLength = self.connection.dataInHeaderLength
        // The blocks come first, so that no header has to be taken back: room for it, data, then the header.
        self.output.reserveCapacity(minimumWritableBytes: headerLength + length + 8)
        self.output.moveWriterIndex(forwardBy: headerLength)
        let isRead: Bool
        do throws(BlockError) {
            var answer = false
            try self.output.writeWithOutputRawSpan(minimumWritableBytes: length) { span throws(BlockError) in
                answer = try store.readNow(blocks, into: &span)
            }
            isRead = answer
        } catch {
            self.output.moveWriterIndex(to: start)
            throw error
        }
        let end = self.output.writerIndex
        self.output.moveWriterIndex(to: start)
        guard isRead else { return false }
        self.connection.writeDataInHeader(&transfer, length: length, output: &self.output)
        self.output.moveWriterIndex(to: end)
        self.connection.endDataIn(length: length, output: &self.output)
        return true
    }

    private func requestChunk(_ task: PendingTask) {
        guard case .read(let work) = task.work else { return }
        guard self.requestedReadBytes < ServerLimits.requestedReadBytes else {
            return self.waitingReads.append(task)
        }
        let blockSize = task.unit.blockSize
        let first = work.transfer.offset / blockSize
        let left = (work.transfer.total + blockSize - 1) / blockSize - first
        let count = min(left, max(1, ServerLimits.readChunkBytes / blockSize))
        task.requestedReadBytes = count * blockSize
        self.requestedReadBytes += task.requestedReadBytes
        self.submit(.read(BlockRange(lba: work.range.lba + UInt64(first), count: UInt32(count))), task)
    }

    func readAnswered(_ result: Result<BlockReply, BlockError>, _ task: PendingTask) {
        guard case .read(var work) = task.work else { return }
        switch result {
        case .failure(let error):
            self.finish(task, task.unit.failed(error))
        case .success(.data(var chunk)):
            while !work.transfer.isDone, chunk.readableBytes > 0 {
                let length = min(work.transfer.nextLength(self.connection.parameters), chunk.readableBytes)
                self.connection.writeDataInHeader(&work.transfer, length: length, output: &self.output)
                if var segment = chunk.readSlice(length: length) {
                    self.output.writeBuffer(&segment)
                }
                self.connection.endDataIn(length: length, output: &self.output)
            }
            self.resume(task, work)
        case .success:
            preconditionFailure("a store answers a read with data")
        }
    }
}
