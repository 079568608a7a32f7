// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// A SCSI Command PDU (RFC 7143 §11.3).
package struct SCSICommand: Sendable {
    package var header: BasicHeaderSegment
    /// What follows the CDB's first 16 bytes, from an extended-CDB header segment.
    package var extendedCDB: ByteBuffer?
    package var immediateData: ByteBuffer

    package init(_ pdu: PDU) {
        self.header = pdu.header
        self.immediateData = pdu.data
        self.extendedCDB = pdu.additionalHeaders.flatMap(Self.extendedCDB(in:))
    }

    @inlinable package var lun: UInt64 { self.header.lun }
    @inlinable package var initiatorTaskTag: UInt32 { self.header.initiatorTaskTag }
    @inlinable package var isImmediate: Bool { self.header.isImmediate }
    @inlinable package var cmdSN: UInt32 { self.header[field: 24] }
    @inlinable package var reads: Bool { self.header.flags & 0x40 != 0 }
    @inlinable package var writes: Bool { self.header.flags & 0x20 != 0 }

    /// Expected Data Transfer Length in bytes.
    @inlinable package var expectedLength: Int { Int(self.header[field: 20]) }
    /// The bytes that the initiator will take as Data-In.
    @inlinable package var expectedDataIn: Int { self.reads && !self.writes ? self.expectedLength : 0 }
    /// The bytes that the initiator will give as Data-Out.
    @inlinable package var expectedDataOut: Int { self.writes ? self.expectedLength : 0 }

    /// Calls `body` with the whole CDB.
    @inlinable
    package func withCDB<Result>(_ body: (RawSpan) -> Result) -> Result {
        let head = self.header.cdb
        // Integers have no padding, so their bytes may be looked at.
        guard let rest = self.extendedCDB else { return unsafe body(head.span.bytes) }
        var whole = ByteBuffer()
        unsafe whole.writeBytes(head.span.bytes)
        whole.writeImmutableBuffer(rest)
        return body(whole.readableBytesSpan)
    }

    /// The extended CDB among additional header segments (RFC 7143 §11.2.2.3): type 1, a reserved byte, then the bytes.
    private static func extendedCDB(in segments: ByteBuffer) -> ByteBuffer? {
        var segments = segments
        while let length = segments.readInteger(as: UInt16.self), let type = segments.readInteger(as: UInt8.self) {
            guard let body = segments.readSlice(length: Int(length)) else { return nil }
            segments.moveReaderIndex(forwardBy: min(segments.readableBytes, paddingLength(Int(length) + 3)))
            if type & 0x3f == 1, length > 1 {
                return body.getSlice(at: body.readerIndex + 1, length: Int(length) - 1)
            }
        }
        return nil
    }
}

/// How much less or more was transferred than the initiator expected (RFC 7143 §11.4.5).
package enum Residual: Sendable, Equatable {
    case none
    /// The command had less to transfer than expected.
    case underflow(UInt32)
    /// The command would have transferred more than expected.
    case overflow(UInt32)

    /// Compares what a command has to transfer with what the initiator expects.
    package init(wanted: Int, expected: Int) {
        if wanted < expected {
            self = .underflow(UInt32(clamping: expected - wanted))
        } else if wanted > expected {
            self = .overflow(UInt32(clamping: wanted - expected))
        } else {
            self = .none
        }
    }

    /// The O and U bits as they stand in byte 1 of a SCSI Response and of a Data-In.
    var flags: UInt8 {
        switch self {
        case .none: 0
        case .overflow: 0x04
        case .underflow: 0x02
        }
    }

    var count: UInt32 {
        switch self {
        case .none: 0
        case .overflow(let count), .underflow(let count): count
        }
    }
}
