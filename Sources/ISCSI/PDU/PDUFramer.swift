// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// Cuts a stream of bytes into PDUs (RFC 7143 §11.1, §11.2).
///
/// PDUs come out of the buffer that a socket read filled, without a copy. Only of one that begins in one read and ends
/// in another the first part is copied, and the socket's buffer let go, so that the next read can use it again while it
/// is in the processor's cache. Long segments of Data-Out come in pieces (see `PDUCutter`).
///
/// Nothing larger than the limits is ever waited for, so a peer's nonsense costs at most one PDU's worth of memory.
package struct PDUFramer: Sendable {
    private var cutter: PDUCutter
    /// The start of a PDU whose rest has not been cut.
    private var start = ByteBuffer()
    /// What came after that.
    private var arrived = ByteBuffer()

    package init(maxDataSegmentLength: Int = Limits.loginDataSegmentLength) {
        self.cutter = PDUCutter(maxDataSegmentLength: maxDataSegmentLength)
    }

    /// The kind of PDU whose long data segments come in pieces: Data-Out at a target, Data-In at an initiator.
    package var piecewise: Opcode {
        get { self.cutter.piecewise }
        set { self.cutter.piecewise = newValue }
    }

    /// The largest data segment that is accepted now, in bytes.
    package var maxDataSegmentLength: Int {
        get { self.cutter.maxDataSegmentLength }
        set { self.cutter.maxDataSegmentLength = newValue }
    }

    /// Digests in force, from the first PDU of the full-feature phase on.
    package var hasHeaderDigest: Bool {
        get { self.cutter.hasHeaderDigest }
        set { self.cutter.hasHeaderDigest = newValue }
    }

    package var hasDataDigest: Bool {
        get { self.cutter.hasDataDigest }
        set { self.cutter.hasDataDigest = newValue }
    }

    /// Bytes that wait for the rest of their PDU.
    package var bufferedBytes: Int {
        self.start.readableBytes + self.arrived.readableBytes
    }

    /// Takes in what a socket read brought.
    package mutating func append(_ bytes: consuming ByteBuffer) {
        if self.arrived.readableBytes == 0 {
            self.arrived = bytes
        } else {
            self.arrived.writeImmutableBuffer(bytes)
        }
    }

    /// The next PDU; nil when more bytes are needed.
    package mutating func next() throws(FramingError) -> PDU? {
        while self.start.readableBytes > 0 {
            switch try self.cutter.cut(&self.start) {
            case .pdu(let pdu):
                if self.start.readableBytes == 0 {
                    self.start = ByteBuffer()
                }
                return pdu
            case .missing(let count):
                let count = min(count, self.arrived.readableBytes)
                guard count > 0, var bytes = self.arrived.readSlice(length: count) else {
                    self.arrived = ByteBuffer()
                    return nil
                }
                self.start.writeBuffer(&bytes)
            }
        }
        if case .pdu(let pdu) = try self.cutter.cut(&self.arrived) { return pdu }
        self.start.writeBuffer(&self.arrived)
        self.arrived = ByteBuffer()
        return nil
    }
}

/// Why a stream cannot be cut any further: the connection has to end, at any error recovery level. A header that does not
/// match its digest may lie about its length, and nothing tells where the next PDU begins (RFC 7143 §7.8).
package enum FramingError: Error, Equatable {
    case additionalHeaderTooLong(Int)
    case dataSegmentTooLong(Int, limit: Int)
    case headerDigestMismatch
}

extension FramingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .additionalHeaderTooLong(let length):
            "additional headers of \(length) bytes; the limit is \(Limits.additionalHeaderLength)"
        case .dataSegmentTooLong(let length, let limit):
            "a data segment of \(length) bytes; MaxRecvDataSegmentLength is \(limit)"
        case .headerDigestMismatch:
            "the header digest does not match"
        }
    }
}
