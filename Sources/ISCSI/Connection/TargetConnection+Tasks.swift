// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

// MARK: - Open tasks

extension TargetConnection {
    /// Enters a command that will be answered later.
    package mutating func open(_ command: SCSICommand) {
        _ = self.opened(command)
    }

    private mutating func opened(_ command: SCSICommand) -> OpenCommand {
        let task = self.session.begin(command, connection: self.number)
        // The data came with the command's own PDU, and whoever serves it has it by now.
        task.command.immediateData = ByteBuffer()
        if command.isImmediate {
            self.session.immediateTasks += 1
        } else {
            self.session.window.taskBegan()
        }
        return task
    }

    /// Takes a task out of the table: it has been answered, or was aborted and will not be.
    @discardableResult
    package mutating func close(_ initiatorTaskTag: UInt32) -> SCSICommand? {
        guard let task = self.session.end(initiatorTaskTag) else { return nil }
        assert(task.connection == self.number)
        self.chargedBytes -= task.chargedBytes
        if task.isQueued {
            self.solicitQueue.removeAll { $0 == initiatorTaskTag }
        }
        if task.command.isImmediate {
            self.session.immediateTasks -= 1
        } else {
            self.session.window.taskEnded()
        }
        return task.command
    }

    /// What becomes of an ABORT TASK whose task is not open (RFC 7143 §11.6.1): one that lies in the window and has
    /// not had its turn is taken as come and aborted. An immediate command is referred to by the request's own CmdSN
    /// (§11.5.5), which is not its to take.
    package func abortUnknown(_ request: TaskManagementRequest) -> TaskManagementResponse {
        let referenced = SerialNumber(request.referencedCmdSN)
        guard referenced.precedes(SerialNumber(request.cmdSN)), !referenced.precedes(self.session.window.expCmdSN),
            !self.session.window.maxCmdSN.precedes(referenced)
        else { return .noSuchTask }
        if case .waiting(let pdu, _) = self.session.held[referenced.value],
            pdu.header.initiatorTaskTag != request.referencedTaskTag
        {
            return .noSuchTask
        }
        if referenced == self.session.window.expCmdSN {
            _ = self.session.window.received(referenced)
        } else {
            self.session.held[referenced.value] = .aborted
        }
        return .complete
    }
}

// MARK: - Data-Out

/// How the Data-Out of a command begins.
package enum DataOutStart: Sendable {
    /// All of it came with the command, which is not an open task.
    case complete(ByteBuffer)
    /// The command is an open task now, and more will come; this is what came with it.
    case pending(ByteBuffer)
}

extension TargetConnection {
    /// Begins to receive `wanted` bytes for a command, or as many as the initiator has.
    ///
    /// - Parameter isGathered: whether the server keeps all data until the last has come, and consumes none before.
    package mutating func beginDataOut(
        _ command: SCSICommand, wanted: Int, isGathered: Bool = false
    ) -> DataOutStart {
        let transfer = DataOutTransfer(
            wanted: wanted, expected: command.expectedDataOut, immediate: command.immediateData.readableBytes,
            moreUnsolicited: !command.header.isFinal, firstBurstLength: self.parameters.firstBurstLength,
            rules: DataOutTransfer.Rules(
                pduInOrder: self.parameters.dataPDUInOrder, sequenceInOrder: self.parameters.dataSequenceInOrder,
                recovers: self.sent != nil))
        var data = command.immediateData
        if data.readableBytes > transfer.total {
            data.moveWriterIndex(to: data.readerIndex + transfer.total)
        }
        if transfer.isComplete { return .complete(data) }
        let charged = data.readableBytes
        self.chargedBytes += charged
        let task = self.opened(command)
        task.begin(transfer)
        task.chargedBytes = charged
        task.isGathered = isGathered
        self.queueForR2T(task)
        return .pending(data)
    }

    mutating func receivedDataOut(_ pdu: PDU, _ output: inout ByteBuffer) -> Inbound {
        let tag = pdu.header.initiatorTaskTag
        if !self.session.abandoned.isEmpty,
            self.session.abandoned.takes(pdu.header[field: 20], isFinal: pdu.header.isFinal)
        {
            return pdu.header.isFinal ? .abandonedDataEnded : .nothing
        }
        guard let task = self.session.tasks[tag], task.hasDataOut else {
            // Its task was answered early or aborted; the initiator will learn that from the answer.
            return .nothing
        }
        guard task.connection == self.number else {
            return .close(reason: "Data-Out of task \(tag), which is another connection's")
        }
        let inbound = self.receivedDataOut(pdu, task)
        guard task.refusal != nil else { return inbound }
        switch inbound {
        case .data(_, let data, let isLast):
            self.consumed(data.readableBytes, of: tag)
            if isLast { self.endRefused(task, &output) }
            return .nothing
        case .dataOutLost:
            self.endRefused(task, &output)
            return .nothing
        default:
            return inbound
        }
    }

    private mutating func receivedDataOut(_ pdu: PDU, _ task: OpenCommand) -> Inbound {
        let tag = task.command.initiatorTaskTag
        var data = pdu.data
        let transferTag = pdu.header[field: 20]
        let newBytes: Int
        do throws(DataOutTransfer.Violation) {
            if task.dataOut.rules.isStrict {
                let wanted = try task.dataOut.receive(
                    length: data.readableBytes, offset: Int(pdu.header[field: 40]),
                    dataSN: pdu.isContinuation ? nil : pdu.header[field: 36],
                    targetTransferTag: transferTag, isFinal: pdu.header.isFinal)
                if wanted < data.readableBytes {
                    data.moveWriterIndex(to: data.readerIndex + wanted)
                }
                newBytes = data.readableBytes
            } else {
                (data, newBytes) = try task.dataOut.receiveLoosely(
                    DataOutTransfer.Piece(pdu), data: pdu.isDamaged ? nil : data)
            }
        } catch {
            switch error {
            case .wrongDataSN, .wrongOffset, .finalTooEarly:
                return .dataOutLost(initiatorTaskTag: tag, reason: "\(error)")
            case .tooLong, .unsolicited, .wrongTransferTag, .tooManyPieces:
                return .close(reason: "Data-Out of task \(tag): \(error)")
            }
        }
        if transferTag == reservedTag {
            // Unsolicited data comes before the first R2T, so that no gathered task is reserved yet.
            task.chargedBytes += newBytes
            self.chargedBytes += newBytes
        }
        let isLast = task.dataOut.isComplete
        self.queueForR2T(task)
        // What came before its turn waits for it.
        guard data.readableBytes > 0 || isLast || task.dataOut.rules.isStrict else { return .nothing }
        return .data(initiatorTaskTag: tag, data, isLast: isLast)
    }

    /// Puts a task that wants an R2T at the end of the queue for one.
    mutating func queueForR2T(_ task: OpenCommand) {
        guard !task.isQueued, task.hasDataOut,
            task.dataOut.wantsR2T(maxOutstanding: self.parameters.maxOutstandingR2T)
        else { return }
        task.isQueued = true
        self.solicitQueue.append(task.command.initiatorTaskTag)
    }

    /// The server is done with `count` bytes of a task's Data-Out and holds them no longer.
    package mutating func consumed(_ count: Int, of initiatorTaskTag: UInt32) {
        guard let task = self.session.tasks[initiatorTaskTag] else { return }
        task.chargedBytes -= count
        self.chargedBytes -= count
    }

    /// Whose turn it is: the first in the queue, or where there is no room the first that has its room already.
    private var nextToSolicit: CircularBuffer<UInt32>.Index? {
        guard self.chargedBytes >= Limits.solicitedBytes else {
            return self.solicitQueue.isEmpty ? nil : self.solicitQueue.startIndex
        }
        return self.solicitQueue.firstIndex { self.session.tasks[$0]?.isReserved == true }
    }

    /// Sends the R2Ts that there is room for; called when a pass ends and when room has been made.
    package mutating func solicit(_ output: inout ByteBuffer) {
        let maxBurstLength = self.parameters.maxBurstLength
        while let index = self.nextToSolicit {
            let tag = self.solicitQueue.remove(at: index)
            guard let task = self.session.tasks[tag], task.hasDataOut, task.connection == self.number else { continue }
            task.isQueued = false
            let transferTag = self.session.takeTransferTag()
            let (burst, newBytes) = task.dataOut.solicit(
                targetTransferTag: transferTag, maxBurstLength: maxBurstLength)
            self.writeR2T(task.command, burst, &output)

            let charge = task.isReserved ? 0 : task.isGathered ? task.dataOut.total - task.chargedBytes : newBytes
            task.isReserved = task.isGathered
            task.chargedBytes += charge
            self.chargedBytes += charge
            self.queueForR2T(task)
        }
    }
}

extension DataOutTransfer.Piece {
    init(_ pdu: PDU) {
        self.offset = Int(pdu.header[field: 40])
        self.length = pdu.header.dataSegmentLength
        self.dataSN = pdu.isContinuation ? nil : pdu.header[field: 36]
        self.targetTransferTag = pdu.header[field: 20]
        self.isFinal = pdu.header.isFinal
    }
}
