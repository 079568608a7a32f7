// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// SNACK Requests: what the initiator has not received is said again (RFC 7143 §11.16).
extension TargetConnection {
    /// Types (RFC 7143 §11.16.1).
    private enum SnackType: UInt8 {
        case dataOrR2T = 0
        case status = 1
        case dataACK = 2
        case resegmentedData = 3
    }

    mutating func receivedSnack(_ pdu: PDU, _ output: inout ByteBuffer) {
        let header = pdu.header
        guard self.sent != nil else { return self.reject(header, .snackReject, &output) }
        guard let type = SnackType(rawValue: header.flags & 0x0f) else {
            return self.reject(header, .protocolError, &output)
        }
        let refusal: RejectReason?
        switch type {
        case .status: refusal = self.repeatStatuses(header, &output)
        case .dataACK:
            self.sent?.acknowledgeData(transferTag: header[field: 20], dataSN: header[field: 40])
            refusal = nil
        case .dataOrR2T where self.session.tasks[header.initiatorTaskTag]?.hasDataOut == true:
            refusal = self.repeatR2Ts(header, &output)
        case .dataOrR2T: refusal = self.repeatData(header, &output)
        case .resegmentedData: refusal = self.resegment(header, &output)
        }
        if let refusal { self.reject(header, refusal, &output) }
    }

    /// The run that BegRun and RunLength ask for of what lies between `first` and `end`; nil where some of it was never
    /// sent or has been acknowledged. Both zero ask for everything, a length of zero for all that follows.
    private func run(_ header: BasicHeaderSegment, from first: UInt32, to end: UInt32) -> Range<UInt32>? {
        let (begin, length) = (header[field: 40], header[field: 44])
        let count = SerialNumber(end).distance(from: SerialNumber(first))
        guard begin != 0 || length != 0 else { return 0..<count }
        let skipped = SerialNumber(begin).distance(from: SerialNumber(first))
        guard skipped < count, length <= count - skipped else { return nil }
        return skipped..<(length == 0 ? count : skipped + length)
    }

    private mutating func repeatStatuses(_ request: BasicHeaderSegment, _ output: inout ByteBuffer) -> RejectReason? {
        guard let sent = self.sent,
            let run = self.run(request, from: self.acknowledgedStatSN.value, to: self.statSN.value)
        else { return .protocolError }
        let forgotten = Int(self.statSN.distance(from: self.acknowledgedStatSN)) - sent.statuses.count
        guard run.isEmpty || Int(run.lowerBound) >= forgotten else { return .snackReject }
        for index in run {
            let status = sent.statuses[offset: Int(index) - forgotten]
            self.writeAgain(status.header, status.data, &output)
        }
        return nil
    }

    private mutating func repeatData(_ request: BasicHeaderSegment, _ output: inout ByteBuffer) -> RejectReason? {
        guard let data = self.sent?.data[request.initiatorTaskTag],
            let run = self.run(request, from: data.acknowledged, to: data.nextDataSN)
        else { return .protocolError }
        let pdus = data.run((data.acknowledged + run.lowerBound)..<(data.acknowledged + run.upperBound))
        // A smaller MaxRecvDataSegmentLength wants an R-Data SNACK (RFC 7143 §11.16.3).
        guard let pdus, pdus.allSatisfy({ $0.bytes.readableBytes <= self.parameters.initiatorMaxRecvDataSegmentLength })
        else { return .snackReject }
        for pdu in pdus { self.writeAgain(pdu.header, pdu.bytes, &output) }
        return nil
    }

    private mutating func repeatR2Ts(_ request: BasicHeaderSegment, _ output: inout ByteBuffer) -> RejectReason? {
        let tag = request.initiatorTaskTag
        guard let task = self.session.tasks[tag], task.connection == self.number, task.hasDataOut else {
            return .protocolError
        }
        let outstanding = task.dataOut.outstanding
        let next = task.dataOut.r2tSN
        guard let run = self.run(request, from: outstanding.first?.r2tSN ?? next, to: next) else {
            return .protocolError
        }
        // Those in between that were answered in full are acknowledged.
        let first = outstanding.first?.r2tSN ?? 0
        for burst in outstanding where run.contains(burst.r2tSN &- first) {
            self.writeR2T(task.command, burst, &output)
        }
        return nil
    }

    /// R-Data SNACK: all data that was not acknowledged comes again, in segments that fit, and the response with the
    /// request's tag (RFC 7143 §11.16.3).
    private mutating func resegment(_ request: BasicHeaderSegment, _ output: inout ByteBuffer) -> RejectReason? {
        let tag = request.initiatorTaskTag
        let snackTag = request[field: 20]
        guard request[field: 40] == 0, request[field: 44] == 0, snackTag != 0, snackTag != reservedTag,
            self.sent?.data[tag] != nil
        else { return .protocolError }
        guard let lun = self.sent?.data[tag]?.headers.first?.lun ?? self.session.tasks[tag]?.command.lun,
            self.sendAnew(tag, lun: lun, snackTag: snackTag, &output)
        else { return .snackReject }
        let expDataSN = self.sent?.nextDataSN(of: tag) ?? 0
        if let status = self.sent?.retag(tag, snackTag: snackTag, expDataSN: expDataSN) {
            self.writeAgain(status.header, status.data, &output)
        }
        return nil
    }

    /// Sends what a task had sent and the initiator has not acknowledged, in segments of this connection.
    ///
    /// - Returns: false where not all of it is there any longer.
    mutating func sendAnew(_ tag: UInt32, lun: UInt64, snackTag: UInt32, _ output: inout ByteBuffer) -> Bool {
        guard var (bytes, offset) = self.sent?.restart(tag) else { return false }
        self.sent?.setSnackTag(snackTag, of: tag)
        // A task that has more to send goes on with the sequence that this ends in.
        let isOver = self.session.tasks[tag] == nil
        while bytes.readableBytes > 0 {
            let toBurstEnd = self.parameters.maxBurstLength - offset % self.parameters.maxBurstLength
            let length = min(
                bytes.readableBytes, self.parameters.initiatorMaxRecvDataSegmentLength, toBurstEnd)
            guard let segment = bytes.readSlice(length: length) else { break }
            let endsSequence = length == toBurstEnd || (isOver && bytes.readableBytes == 0)
            var header = BasicHeaderSegment(.dataIn, flags: endsSequence ? 0x80 : 0)
            header.dataSegmentLength = length
            header.lun = lun
            header.initiatorTaskTag = tag
            header[field: 20] = reservedTag
            header[field: 40] = UInt32(truncatingIfNeeded: offset)
            self.writeRecorded(&header, residual: nil, &output)
            output.writeImmutableBuffer(segment)
            self.endRecorded(length: length, &output)
            offset += length
        }
        return true
    }

    /// Writes a PDU that was sent before, with the window of this moment.
    mutating func writeAgain(_ header: BasicHeaderSegment, _ data: ByteBuffer, _ output: inout ByteBuffer) {
        var header = header
        let (expCmdSN, maxCmdSN) = self.session.window.advance()
        header[field: 28] = expCmdSN
        header[field: 32] = maxCmdSN
        self.writeHeader(header, &output)
        guard data.readableBytes > 0 else { return }
        output.writeImmutableBuffer(data)
        self.endDataSegment(length: data.readableBytes, &output)
    }
}
