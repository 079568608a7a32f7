// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// Recovery within a connection: acknowledgement, damaged PDUs, R2Ts that were not answered (RFC 7143 §7.1.4, §7.8).
extension TargetConnection {
    /// Every PDU of an initiator tells which statuses it has received (RFC 7143 §4.2.2.2).
    mutating func acknowledge(_ header: BasicHeaderSegment) {
        let expected = SerialNumber(header[field: 28])
        guard self.acknowledgedStatSN.precedes(expected), !self.statSN.precedes(expected) else { return }
        self.acknowledgedStatSN = expected
        self.sent?.acknowledge(expected)
    }

    /// A PDU whose data does not match its digest is rejected and dropped (RFC 7143 §7.8). Data is then asked for again,
    /// and a command's CmdSN stays open until the initiator retries it.
    mutating func receivedDamaged(_ pdu: PDU, _ output: inout ByteBuffer) -> Inbound {
        self.reject(pdu.header, .dataDigestError, &output)
        guard self.sent != nil else { return .close(reason: "the data digest does not match") }
        guard pdu.header.opcode == .dataOut else { return .nothing }
        return self.receivedDataOut(pdu, &output)
    }

    /// Sends R2Ts again whose data has not come, where the clock has ticked as often as a task may be silent; called with
    /// each tick. Returns the tasks that have been silent for too long. At error recovery level 0 nothing is asked for
    /// again: the first silence is one too many.
    package mutating func retransmitR2Ts(
        retries: Int = Limits.r2tRetries, _ output: inout ByteBuffer
    ) -> [UInt32] {
        let retries = self.sent == nil ? 0 : retries
        var given: [UInt32] = []
        for (tag, task) in self.session.tasks where task.connection == self.number {
            guard task.hasDataOut, !task.dataOut.outstanding.isEmpty else { continue }
            task.dataOut.idleTicks += 1
            // The first tick comes at any time after the R2T.
            guard task.dataOut.idleTicks > 1 else { continue }
            guard task.dataOut.idleTicks <= retries + 1 else {
                given.append(tag)
                continue
            }
            for burst in task.dataOut.outstanding { self.writeR2T(task.command, burst, &output) }
        }
        return given
    }

    mutating func writeR2T(
        _ command: SCSICommand, _ burst: DataOutTransfer.Burst, _ output: inout ByteBuffer
    ) {
        var header = BasicHeaderSegment(.readyToTransfer, flags: 0x80)
        header.lun = command.lun
        header.initiatorTaskTag = command.initiatorTaskTag
        header[field: 20] = burst.targetTransferTag
        header[field: 36] = burst.r2tSN
        header[field: 40] = UInt32(truncatingIfNeeded: burst.start)
        header[field: 44] = UInt32(truncatingIfNeeded: burst.end - burst.start)
        // An R2T carries the next StatSN without using it up (RFC 7143 §11.8.3).
        self.write(&header, advancingStatSN: false, &output)
    }
}

// MARK: - Data-In that is kept

extension TargetConnection {
    /// Writes the header of a Data-In that is kept until it is acknowledged. Its status comes in a PDU of its own, so that
    /// each can be asked for alone. The end of each sequence asks for a DataACK (RFC 7143 §11.7.2).
    mutating func writeRecorded(_ header: inout BasicHeaderSegment, residual: Residual?, _ output: inout ByteBuffer) {
        header[field: 36] = self.sent?.nextDataSN(of: header.initiatorTaskTag) ?? 0
        if header.isFinal {
            header.flags |= 0x40
            header[field: 20] = self.session.takeTransferTag()
        }
        self.write(&header, advancingStatSN: false, &output)
        self.sent?.unfinished = SentRecord.UnfinishedDataIn(header: header, residual: residual)
    }

    /// Completes a Data-In whose `length` bytes are the last of `output`; after the last of a task comes its status.
    mutating func endRecorded(length: Int, _ output: inout ByteBuffer) {
        let end = output.writerIndex
        if let unfinished = self.sent?.unfinished, let bytes = output.viewBytes(at: end - length, length: length) {
            self.sent?.append(unfinished.header, bytes: bytes)
        }
        self.endDataSegment(length: length, &output)
        guard let unfinished = self.sent?.unfinished else { return }
        self.sent?.unfinished = nil
        if let residual = unfinished.residual {
            self.writeStatus(unfinished.header.initiatorTaskTag, 0, nil, residual, &output)
        }
    }

    /// Writes a SCSI Response at error recovery level 1 and above, with the numbers that go with what was kept.
    mutating func writeStatus(
        _ initiatorTaskTag: UInt32, _ status: UInt8, _ sense: ByteBuffer?, _ residual: Residual,
        isFenced: Bool = false, _ output: inout ByteBuffer
    ) {
        let snackTag = self.sent?.data[initiatorTaskTag]?.snackTag ?? 0
        let expDataSN = self.sent?.nextDataSN(of: initiatorTaskTag) ?? 0
        self.writeResponse(
            initiatorTaskTag, status, sense, residual, expDataSN: expDataSN, snackTag: snackTag, isFenced: isFenced,
            &output)
    }
}
