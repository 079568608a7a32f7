// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The Data-In of one command: where it stands (RFC 7143 §11.7).
///
/// The sender asks for the next segment's length, puts its header before that many bytes, and so on until `isDone`.
package struct DataInTransfer: Sendable {
    package let initiatorTaskTag: UInt32
    package let lun: UInt64
    /// Bytes to send in all: what the command has, at most what the initiator expects.
    package let total: Int
    package let residual: Residual
    /// Bytes whose headers have been written.
    package private(set) var offset = 0
    private var dataSN: UInt32 = 0
    private var sequenceOffset = 0

    /// - Parameter wanted: what the command has to send, in bytes.
    package init(_ command: borrowing SCSICommand, wanted: Int) {
        self.initiatorTaskTag = command.initiatorTaskTag
        self.lun = command.lun
        let expected = command.expectedDataIn
        self.total = min(wanted, expected)
        self.residual = Residual(wanted: wanted, expected: command.expectedLength)
    }

    package var isDone: Bool {
        self.offset == self.total
    }

    /// Bytes that the next Data-In PDU may carry: within the initiator's MaxRecvDataSegmentLength and what is left of
    /// the sequence that MaxBurstLength bounds.
    package func nextLength(_ parameters: borrowing OperationalParameters) -> Int {
        min(
            self.total - self.offset, parameters.initiatorMaxRecvDataSegmentLength,
            parameters.maxBurstLength - self.sequenceOffset)
    }

    /// The header of the next PDU, which carries `length` bytes; sequence numbers and status are still to be set.
    mutating func nextHeader(length: Int, maxBurstLength: Int) -> BasicHeaderSegment {
        assert(length > 0 && self.offset + length <= self.total)
        var header = BasicHeaderSegment(.dataIn)
        header.dataSegmentLength = length
        header.lun = self.lun
        header.initiatorTaskTag = self.initiatorTaskTag
        header[field: 20] = reservedTag
        header[field: 36] = self.dataSN
        header[field: 40] = UInt32(truncatingIfNeeded: self.offset)
        self.dataSN &+= 1
        self.offset += length
        self.sequenceOffset += length
        if self.isDone || self.sequenceOffset >= maxBurstLength {
            header.flags = 0x80
            self.sequenceOffset = 0
        }
        return header
    }

    /// Data-In PDUs sent so far: ExpDataSN of a SCSI Response.
    package var sentPDUs: UInt32 {
        self.dataSN
    }
}
