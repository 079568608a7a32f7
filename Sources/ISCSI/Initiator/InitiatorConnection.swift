// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// The initiator's side of a session's one connection in the full-feature phase (RFC 7143 §4.2, §11).
///
/// One owner sends commands and feeds it the target's PDUs; both append to `output` what is to be sent:
///
///     send ─► command, immediate data, unsolicited Data-Out
///     received ─┬─ R2T ─────────► Data-Out
///               ├─ NOP-In ──────► NOP-Out
///               └─ Data-In, SCSI Response ─► what became of the task
///
/// Tasks have numbers below the depth, which are their tags too: an answer finds its task without a search, and a task
/// costs no allocation. Data is kept by reference; it goes out from where it is (see `OutgoingBytes`).
package struct InitiatorConnection: Sendable {
    struct Task: Sendable {
        enum State: UInt8, Sendable {
            case free
            case reading
            case writing
        }

        var state = State.free
        /// Bytes to transfer, and those of a read that have come.
        var expected = 0
        var received = 0
        var nextDataSN: UInt32 = 0
        var lun: UInt64 = 0
        var data = ByteBuffer()
    }

    package let agreement: InitiatorAgreement
    var tasks: [Task]
    var freeTasks: [Int]
    private var cmdSN: SerialNumber
    var maxCmdSN: SerialNumber
    var expStatSN: SerialNumber
    private let hasHeaderDigest: Bool
    private let hasDataDigest: Bool

    /// Tags of what is no SCSI command are above every task's.
    private static let controlTag: UInt32 = 0x8000_0000

    /// - Parameter depth: commands that may be under way at once.
    package init(_ agreement: InitiatorAgreement, depth: Int) {
        precondition(depth > 0 && depth < Int(Self.controlTag))
        self.agreement = agreement
        self.tasks = [Task](repeating: Task(), count: depth)
        self.freeTasks = Array((0..<depth).reversed())
        self.cmdSN = SerialNumber(agreement.cmdSN)
        self.maxCmdSN = SerialNumber(agreement.maxCmdSN)
        self.expStatSN = SerialNumber(agreement.expStatSN)
        self.hasHeaderDigest = agreement.parameters.headerDigest
        self.hasDataDigest = agreement.parameters.dataDigest
    }

    /// Commands under way.
    package var underWay: Int {
        self.tasks.count - self.freeTasks.count
    }

    /// Whether a command may be sent now: a task is free, and the target's window is open.
    package var canSend: Bool {
        !self.freeTasks.isEmpty && !self.maxCmdSN.precedes(self.cmdSN)
    }

    // MARK: - Requests

    /// Sends a command, which `canSend` must have allowed, and returns the number of its task.
    package mutating func send(_ command: InitiatorCommand, _ output: inout OutgoingBytes) -> Int {
        guard let task = self.freeTasks.popLast() else { preconditionFailure("canSend was not asked") }
        // F and the simple task attribute.
        var header = BasicHeaderSegment(.scsiCommand, flags: 0x81)
        header.lun = command.lun
        header.initiatorTaskTag = UInt32(task)
        header.words[4] = command.cdb.0
        header.words[5] = command.cdb.1
        self.tasks[task].lun = command.lun
        self.tasks[task].nextDataSN = 0
        self.tasks[task].received = 0
        switch command.transfer {
        case .none:
            self.begin(task, .reading, 0)
            self.writeCommand(&header, &output)
        case .read(let length):
            header.flags = length > 0 ? 0xc1 : 0x81
            header[field: 20] = UInt32(length)
            self.begin(task, .reading, length)
            self.writeCommand(&header, &output)
        case .write(let data):
            self.begin(task, .writing, data.readableBytes)
            self.tasks[task].data = data
            self.sendWrite(task, &header, data, &output)
        }
        return task
    }

    private mutating func begin(_ task: Int, _ state: Task.State, _ expected: Int) {
        self.tasks[task].state = state
        self.tasks[task].expected = expected
    }

    /// The command, as much data with it as may be, and what else may go unasked (RFC 7143 §4.2.5.2).
    private mutating func sendWrite(
        _ task: Int, _ header: inout BasicHeaderSegment, _ data: ByteBuffer, _ output: inout OutgoingBytes
    ) {
        let parameters = self.agreement.parameters
        let length = data.readableBytes
        header[field: 20] = UInt32(length)
        let unasked = min(length, parameters.firstBurstLength)
        let immediate =
            parameters.immediateData ? min(unasked, self.agreement.targetMaxRecvDataSegmentLength) : 0
        let goesOn = !parameters.initialR2T && immediate < unasked
        header.flags = goesOn ? 0x21 : 0xa1
        header.dataSegmentLength = immediate
        self.writeCommand(&header, &output)
        self.writeSegment(data, offset: 0, length: immediate, &output)
        if goesOn {
            self.sendData(
                task, transferTag: reservedTag, offset: immediate, length: unasked - immediate, &output)
        }
    }

    /// Data-Out PDUs for `length` bytes from `offset` on: one sequence, the last of which has the F bit.
    mutating func sendData(
        _ task: Int, transferTag: UInt32, offset: Int, length: Int, _ output: inout OutgoingBytes
    ) {
        let data = self.tasks[task].data
        let end = offset + length
        var offset = offset
        var dataSN: UInt32 = 0
        while offset < end {
            let length = min(end - offset, self.agreement.targetMaxRecvDataSegmentLength)
            var header = BasicHeaderSegment(.dataOut, flags: offset + length == end ? 0x80 : 0)
            header.dataSegmentLength = length
            header.lun = self.tasks[task].lun
            header.initiatorTaskTag = UInt32(task)
            header[field: 20] = transferTag
            header[field: 36] = dataSN
            header[field: 40] = UInt32(offset)
            self.writeHeader(&header, &output)
            self.writeSegment(data, offset: offset, length: length, &output)
            offset += length
            dataSN &+= 1
        }
    }

    /// Asks for targets: `SendTargets=All` in a discovery session (RFC 7143 appendix C).
    ///
    /// - Parameter transferTag: the tag that the target gave for the rest of a long answer.
    package mutating func sendText(_ pairs: [KeyValue], _ output: inout OutgoingBytes) {
        let text = KeyValueText.encode(pairs)
        var header = BasicHeaderSegment(.textRequest, flags: 0x80)
        header.dataSegmentLength = text.readableBytes
        header.initiatorTaskTag = Self.controlTag
        header[field: 20] = self.textTransferTag
        self.writeCommand(&header, &output)
        self.writeSegment(text, offset: 0, length: text.readableBytes, &output)
    }

    /// By which the rest of a long text answer is asked for.
    var textTransferTag = reservedTag

    /// Ends the session (RFC 7143 §11.14).
    package mutating func logOut(_ output: inout OutgoingBytes) {
        var header = BasicHeaderSegment(.logoutRequest, flags: 0x80)
        header.isImmediate = true
        header.initiatorTaskTag = Self.controlTag + 1
        self.writeHeader(&header, &output)
    }

    /// Pings the target: it answers in its turn (RFC 7143 §11.18).
    package mutating func ping(_ output: inout OutgoingBytes) {
        var header = BasicHeaderSegment(.nopOut, flags: 0x80)
        header.isImmediate = true
        header.initiatorTaskTag = Self.controlTag + 2
        header[field: 20] = reservedTag
        self.writeHeader(&header, &output)
    }

    // MARK: - Bytes

    /// A request that takes its place in the command order.
    private mutating func writeCommand(_ header: inout BasicHeaderSegment, _ output: inout OutgoingBytes) {
        self.writeHeader(&header, &output)
        self.cmdSN = self.cmdSN.advanced(by: 1)
    }

    func writeHeader(_ header: inout BasicHeaderSegment, _ output: inout OutgoingBytes) {
        // Data-Out has no CmdSN (RFC 7143 §11.7).
        if header.opcode != .dataOut { header[field: 24] = self.cmdSN.value }
        header[field: 28] = self.expStatSN.value
        header.write(to: &output.tail)
        if self.hasHeaderDigest { output.tail.writeDigest(ofLast: BasicHeaderSegment.byteCount) }
    }

    private func writeSegment(_ data: ByteBuffer, offset: Int, length: Int, _ output: inout OutgoingBytes) {
        guard length > 0, let segment = data.getSlice(at: data.readerIndex + offset, length: length) else { return }
        output.append(segment)
        let padding = paddingLength(length)
        guard padding > 0 || self.hasDataDigest else { return }
        output.tail.writeRepeatingByte(0, count: padding)
        guard self.hasDataDigest else { return }
        var covered = segment
        if padding > 0 { covered.writeRepeatingByte(0, count: padding) }
        output.tail.writeInteger(CRC32C.checksum(covered.readableBytesSpan), endianness: .little)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeDigest(ofLast count: Int) {
        let end = self.readableBytes
        let checksum = CRC32C.checksum(self.readableBytesSpan.extracting((end - count)..<end))
        self.writeInteger(checksum, endianness: .little)
    }
}
