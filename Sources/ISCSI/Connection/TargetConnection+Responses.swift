// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

// MARK: - Data-In

extension TargetConnection {
    /// Writes the header of the next Data-In PDU; the caller appends exactly `length` bytes and calls `endDataIn`.
    ///
    /// The last PDU carries GOOD status (RFC 7143 §11.7.3), so that no SCSI Response is needed and the task is closed.
    package mutating func writeDataInHeader(
        _ transfer: inout DataInTransfer, length: Int, output: inout ByteBuffer
    ) {
        var header = transfer.nextHeader(length: length, maxBurstLength: self.parameters.maxBurstLength)
        guard self.sent == nil else {
            if transfer.isDone { self.close(transfer.initiatorTaskTag) }
            return self.writeRecorded(&header, residual: transfer.isDone ? transfer.residual : nil, &output)
        }
        guard transfer.isDone else { return self.write(&header, advancingStatSN: false, &output) }
        self.close(transfer.initiatorTaskTag)
        guard !self.session.fence.isClosed else {
            // The status waits for its turn; the data need not.
            self.write(&header, advancingStatSN: false, &output)
            return self.writeResponse(
                transfer.initiatorTaskTag, 0, nil, transfer.residual, expDataSN: transfer.sentPDUs, &output)
        }
        header.flags = 0x81 | transfer.residual.flags
        header[field: 44] = transfer.residual.count
        self.write(&header, advancingStatSN: true, &output)
    }

    /// Completes a Data-In PDU whose `length` bytes are the last of `output`.
    package mutating func endDataIn(length: Int, output: inout ByteBuffer) {
        guard self.sent == nil else { return self.endRecorded(length: length, &output) }
        self.endDataSegment(length: length, &output)
    }

    /// The bytes that `writeDataInHeader` appends.
    package var dataInHeaderLength: Int {
        BasicHeaderSegment.byteCount + (self.parameters.headerDigest ? 4 : 0)
    }
}

// MARK: - Responses

extension TargetConnection {
    /// Answers a command: its Data-In, if any, then its status.
    ///
    /// - Parameters:
    ///   - status: the SCSI status; with GOOD it rides on the last Data-In.
    ///   - transferred: the bytes that the command had to transfer, where `dataIn` does not say it.
    ///   - isFenced: whether it says something of other tasks, where the session fences such responses.
    package mutating func complete(
        _ command: SCSICommand, status: UInt8, sense: ByteBuffer? = nil, dataIn: ByteBuffer? = nil,
        transferred: Int = 0, isFenced: Bool = false, output: inout ByteBuffer
    ) {
        self.close(command.initiatorTaskTag)
        let available = dataIn?.readableBytes ?? 0
        var transfer = DataInTransfer(command, wanted: available)
        if var dataIn, transfer.total > 0 {
            while !transfer.isDone {
                let length = transfer.nextLength(self.parameters)
                let isLast = transfer.offset + length == transfer.total
                if isLast && status != 0 {
                    var header = transfer.nextHeader(length: length, maxBurstLength: self.parameters.maxBurstLength)
                    if self.sent == nil {
                        self.write(&header, advancingStatSN: false, &output)
                    } else {
                        self.writeRecorded(&header, residual: nil, &output)
                    }
                } else {
                    self.writeDataInHeader(&transfer, length: length, output: &output)
                }
                if var segment = dataIn.readSlice(length: length) {
                    output.writeBuffer(&segment)
                }
                self.endDataIn(length: length, output: &output)
            }
            if status == 0 { return }
        }
        let residual = Residual(wanted: max(transferred, available), expected: command.expectedLength)
        guard self.sent == nil else {
            return self.writeStatus(command.initiatorTaskTag, status, sense, residual, isFenced: isFenced, &output)
        }
        self.writeResponse(
            command.initiatorTaskTag, status, sense, residual, expDataSN: transfer.sentPDUs, isFenced: isFenced,
            &output)
    }

    mutating func writeResponse(
        _ initiatorTaskTag: UInt32, _ status: UInt8, _ sense: ByteBuffer?, _ residual: Residual, expDataSN: UInt32,
        snackTag: UInt32 = 0, isFenced: Bool = false, _ output: inout ByteBuffer
    ) {
        var header = BasicHeaderSegment(.scsiResponse, flags: 0x80 | residual.flags)
        // Response code 0: the command was completed at the target (RFC 7143 §11.4.3).
        header.opcodeSpecific = UInt16(status)
        header.initiatorTaskTag = initiatorTaskTag
        header[field: 20] = snackTag
        header[field: 36] = expDataSN
        header[field: 44] = residual.count
        guard let sense, sense.readableBytes > 0 else {
            return self.writeInOrder(&header, isFenced: isFenced, &output)
        }
        // The sense data's length stands before it (RFC 7143 §11.4.7).
        var data = ByteBuffer()
        data.writeInteger(UInt16(sense.readableBytes))
        data.writeImmutableBuffer(sense)
        self.writeInOrder(&header, data: data, isFenced: isFenced, &output)
    }

    /// Answers a Task Management Function Request (RFC 7143 §11.6).
    ///
    /// - Parameter information: three bytes of additional response information (RFC 7144 §6.4.1).
    package mutating func respond(
        to request: TaskManagementRequest, _ response: TaskManagementResponse, information: UInt32 = 0,
        output: inout ByteBuffer
    ) {
        var header = BasicHeaderSegment(.taskManagementResponse, flags: 0x80)
        header.opcodeSpecific = UInt16(response.rawValue) << 8
        header.lun = UInt64(information & 0xff_ffff) << 40
        header.initiatorTaskTag = request.initiatorTaskTag
        self.session.openManagement[request.initiatorTaskTag] = nil
        self.writeInOrder(&header, isFenced: request.isFenced, &output)
    }

    /// Rejects a PDU, giving its header back (RFC 7143 §11.17).
    mutating func reject(_ rejected: BasicHeaderSegment, _ reason: RejectReason, _ output: inout ByteBuffer) {
        var header = BasicHeaderSegment(.reject, flags: 0x80)
        header.opcodeSpecific = UInt16(reason.rawValue) << 8
        header.initiatorTaskTag = reservedTag
        var data = ByteBuffer()
        rejected.write(to: &data)
        self.writeNumbered(&header, data: data, &output)
    }

    /// Echoes a ping (RFC 7143 §11.18, §11.19), at most what the initiator accepts in one segment.
    mutating func answerPing(_ pdu: PDU, _ output: inout ByteBuffer) {
        self.initiatorPings = true
        let length = min(pdu.data.readableBytes, self.parameters.initiatorMaxRecvDataSegmentLength)
        var header = BasicHeaderSegment(.nopIn, flags: 0x80)
        header.lun = pdu.header.lun
        header.initiatorTaskTag = pdu.header.initiatorTaskTag
        header[field: 20] = reservedTag
        let data = pdu.data.getSlice(at: pdu.data.readerIndex, length: length) ?? ByteBuffer()
        self.writeNumbered(&header, data: data, &output)
    }

    /// Pings the initiator, whose NOP-Out will come back without a task tag (RFC 7143 §11.19).
    package mutating func ping(output: inout ByteBuffer) {
        var header = BasicHeaderSegment(.nopIn, flags: 0x80)
        header.initiatorTaskTag = reservedTag
        header[field: 20] = self.session.takeTransferTag()
        // A ping carries the next StatSN without using it up.
        self.write(&header, advancingStatSN: false, &output)
    }
}

// MARK: - Bytes

extension TargetConnection {
    /// Writes a response that uses up a StatSN, and keeps it where it may be asked for again.
    mutating func writeNumbered(
        _ header: inout BasicHeaderSegment, data: ByteBuffer = ByteBuffer(), _ output: inout ByteBuffer
    ) {
        header.dataSegmentLength = data.readableBytes
        self.write(&header, advancingStatSN: true, &output)
        if data.readableBytes > 0 {
            output.writeImmutableBuffer(data)
            self.endDataSegment(length: data.readableBytes, &output)
        }
        self.sent?.append(header, data)
    }

    /// Appends a header with the sequence numbers of this moment, and its digest.
    mutating func write(
        _ header: inout BasicHeaderSegment, advancingStatSN: Bool, _ output: inout ByteBuffer
    ) {
        let (expCmdSN, maxCmdSN) = self.session.window.advance()
        header[field: 24] = self.statSN.value
        header[field: 28] = expCmdSN
        header[field: 32] = maxCmdSN
        if advancingStatSN {
            self.statSN = self.statSN.advanced(by: 1)
            if self.session.fencesResponses { self.session.fence.sent(on: self.number, next: self.statSN) }
        }
        self.writeHeader(header, &output)
    }

    func writeHeader(_ header: BasicHeaderSegment, _ output: inout ByteBuffer) {
        header.write(to: &output)
        if self.parameters.headerDigest {
            self.writeDigest(ofLast: BasicHeaderSegment.byteCount, &output)
        }
    }

    /// Appends a data segment's padding and digest.
    func endDataSegment(length: Int, _ output: inout ByteBuffer) {
        let padding = paddingLength(length)
        output.writeRepeatingByte(0, count: padding)
        if self.parameters.dataDigest {
            self.writeDigest(ofLast: length + padding, &output)
        }
    }

    private func writeDigest(ofLast count: Int, _ output: inout ByteBuffer) {
        let end = output.readableBytes
        let checksum = CRC32C.checksum(output.readableBytesSpan.extracting((end - count)..<end))
        output.writeInteger(checksum, endianness: .little)
    }
}
