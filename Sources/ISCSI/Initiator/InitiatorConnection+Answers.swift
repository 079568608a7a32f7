// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

private import NIOCore
import Wire

/// What the target's PDUs mean.
extension InitiatorConnection {
    /// Takes one PDU.
    package mutating func received(
        _ pdu: PDU, _ output: inout OutgoingBytes
    ) throws(TargetViolation) -> InitiatorEvent {
        let header = pdu.header
        guard let opcode = header.opcode else { throw .unknownPDU }
        guard !pdu.isDamaged else { throw .damagedData }
        self.noteWindow(header)
        switch opcode {
        case .dataIn:
            return try self.receivedDataIn(pdu)
        case .scsiResponse:
            try self.noteStatSN(header)
            return try self.receivedResponse(pdu)
        case .readyToTransfer:
            try self.receivedR2T(header, &output)
            return .nothing
        case .nopIn:
            try self.receivedNOP(pdu, &output)
            return .nothing
        case .textResponse:
            try self.noteStatSN(header)
            self.textTransferTag = header[field: 20]
            return .text(pdu.data, isFinal: header.isFinal)
        case .logoutResponse:
            try self.noteStatSN(header)
            return .loggedOut
        case .asyncMessage:
            try self.noteStatSN(header)
            // AsyncEvent 0 is sense data; 1 asks for a logout, 2 and 3 tell that connections will be dropped.
            let event = UInt8(truncatingIfNeeded: header[field: 36] >> 24)
            return 1...3 ~= event ? .wantsLogout("asynchronous event \(event)") : .nothing
        case .reject:
            try self.noteStatSN(header)
            throw .rejected(UInt8(truncatingIfNeeded: header.opcodeSpecific >> 8))
        default:
            throw .unknownPDU
        }
    }

    private mutating func receivedDataIn(_ pdu: PDU) throws(TargetViolation) -> InitiatorEvent {
        let header = pdu.header
        let number = try self.taskNumber(header, .reading)
        let offset = Int(header[field: 40])
        let received = self.tasks[number].received
        guard offset == received else { throw .wrongOffset(expected: received, got: offset) }
        guard offset + pdu.data.readableBytes <= self.tasks[number].expected else { throw .tooMuchData }
        if !pdu.isContinuation {
            let expected = self.tasks[number].nextDataSN
            guard header[field: 36] == expected else {
                throw .wrongDataSN(expected: expected, got: header[field: 36])
            }
            self.tasks[number].nextDataSN = expected &+ 1
        }
        self.tasks[number].received = offset + pdu.data.readableBytes
        // The S bit: status rides along (RFC 7143 §11.7.3).
        guard header.flags & 0x01 != 0 else { return .data(task: number, offset: offset, pdu.data) }
        try self.noteStatSN(header)
        let ending = try self.end(number, header, status: UInt8(truncatingIfNeeded: header.opcodeSpecific))
        return .dataAndEnd(task: number, offset: offset, pdu.data, ending)
    }

    private mutating func receivedResponse(_ pdu: PDU) throws(TargetViolation) -> InitiatorEvent {
        let header = pdu.header
        let number = Int(header.initiatorTaskTag)
        guard number < self.tasks.count, self.tasks[number].state != .free else {
            throw .unknownTask(header.initiatorTaskTag)
        }
        let isCompleted = header.opcodeSpecific >> 8 == 0
        var ending = try self.end(
            number, header, status: isCompleted ? UInt8(truncatingIfNeeded: header.opcodeSpecific) : nil)
        var data = pdu.data
        if let length = data.readInteger(as: UInt16.self), let sense = data.readSlice(length: Int(length)) {
            ending.sense = sense
        }
        return .ended(task: number, ending)
    }

    private mutating func receivedR2T(
        _ header: BasicHeaderSegment, _ output: inout OutgoingBytes
    ) throws(TargetViolation) {
        let number = try self.taskNumber(header, .writing)
        let offset = Int(header[field: 40])
        let length = Int(header[field: 44])
        guard length > 0, length <= self.agreement.parameters.maxBurstLength,
            offset + length <= self.tasks[number].expected
        else { throw .wrongR2T }
        self.sendData(number, transferTag: header[field: 20], offset: offset, length: length, &output)
    }

    private mutating func receivedNOP(_ pdu: PDU, _ output: inout OutgoingBytes) throws(TargetViolation) {
        if pdu.header.initiatorTaskTag != reservedTag { try self.noteStatSN(pdu.header) }
        guard pdu.header[field: 20] != reservedTag else { return }
        var header = BasicHeaderSegment(.nopOut, flags: 0x80)
        header.isImmediate = true
        header.lun = pdu.header.lun
        header.initiatorTaskTag = reservedTag
        header[field: 20] = pdu.header[field: 20]
        self.writeHeader(&header, &output)
    }

    private func taskNumber(
        _ header: BasicHeaderSegment, _ state: Task.State
    ) throws(TargetViolation) -> Int {
        let number = Int(header.initiatorTaskTag)
        guard number < self.tasks.count, self.tasks[number].state == state else {
            throw .unknownTask(header.initiatorTaskTag)
        }
        return number
    }

    private mutating func end(
        _ number: Int, _ header: BasicHeaderSegment, status: UInt8?
    ) throws(TargetViolation) -> TaskEnding {
        var ending = TaskEnding(status: status)
        // The U bit: the target had less to transfer.
        if header.flags & 0x02 != 0 { ending.underflow = Int(header[field: 44]) }
        let task = self.tasks[number]
        if status == 0, task.state == .reading, task.received + ending.underflow < task.expected {
            throw .missingData(expected: task.expected, got: task.received)
        }
        self.tasks[number].state = .free
        if task.data.readableBytes > 0 { self.tasks[number].data = ByteBuffer() }
        self.freeTasks.append(number)
        return ending
    }

    // MARK: - Sequence numbers

    /// MaxCmdSN never goes back, and one that lies before ExpCmdSN − 1 says nothing (RFC 7143 §4.2.2.1).
    private mutating func noteWindow(_ header: BasicHeaderSegment) {
        let expCmdSN = SerialNumber(header[field: 28])
        let maxCmdSN = SerialNumber(header[field: 32])
        guard !maxCmdSN.precedes(SerialNumber(expCmdSN.value &- 1)), self.maxCmdSN.precedes(maxCmdSN) else { return }
        self.maxCmdSN = maxCmdSN
    }

    private mutating func noteStatSN(_ header: BasicHeaderSegment) throws(TargetViolation) {
        guard header[field: 24] == self.expStatSN.value else {
            throw .wrongStatSN(expected: self.expStatSN.value, got: header[field: 24])
        }
        self.expStatSN = self.expStatSN.advanced(by: 1)
    }
}
