// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// Cuts a stream of bytes into PDUs (RFC 7143 §11.1, §11.2).
///
///     | BHS 48 | AHS 0…n×4 | header digest 0/4 | data 0…n | padding 0…3 | data digest 0/4 |
///
/// A PDU comes out when its last byte has come in. Nothing larger than the limits below is ever waited for, so a
/// peer's nonsense costs at most one PDU's worth of memory.
package struct PDUFramer: Sendable {
    /// The largest data segment that is accepted now, in bytes.
    package var maxDataSegmentLength: Int
    /// Digests in force, from the first PDU of the full-feature phase on.
    package var hasHeaderDigest = false
    package var hasDataDigest = false

    /// The bytes that no PDU has been cut from yet.
    private var buffer = ByteBuffer()

    package init(maxDataSegmentLength: Int = Limits.loginDataSegmentLength) {
        self.maxDataSegmentLength = maxDataSegmentLength
    }

    /// Bytes that wait for the rest of their PDU.
    package var bufferedBytes: Int {
        self.buffer.readableBytes
    }

    /// Takes in what a socket read brought.
    package mutating func append(_ bytes: consuming ByteBuffer) {
        if self.buffer.readableBytes == 0 {
            self.buffer = bytes
        } else {
            self.buffer.discardReadBytes()
            self.buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole PDU; nil when more bytes are needed.
    package mutating func next() throws(FramingError) -> PDU? {
        let available = self.buffer.readableBytes
        guard available >= BasicHeaderSegment.byteCount else { return nil }
        let header = BasicHeaderSegment(self.buffer.readableBytesSpan)
        let layout = try self.layout(of: header)
        guard available >= layout.total else { return nil }

        if self.hasHeaderDigest {
            try self.verifyHeaderDigest(layout)
        }
        self.buffer.moveReaderIndex(forwardBy: BasicHeaderSegment.byteCount)
        var pdu = PDU(header: header)
        if layout.additional > 0 {
            pdu.additionalHeaders = self.buffer.readSlice(length: layout.additional)
        }
        if self.hasHeaderDigest {
            self.buffer.moveReaderIndex(forwardBy: 4)
        }
        guard layout.data > 0 else { return pdu }
        if self.hasDataDigest {
            try self.verifyDataDigest(layout)
        }
        if let data = self.buffer.readSlice(length: layout.data) {
            pdu.data = data
        }
        self.buffer.moveReaderIndex(forwardBy: paddingLength(layout.data) + (self.hasDataDigest ? 4 : 0))
        return pdu
    }

    private struct Layout {
        var additional: Int
        var data: Int
        var total: Int
    }

    private func layout(of header: BasicHeaderSegment) throws(FramingError) -> Layout {
        let additional = header.additionalHeaderLength
        guard additional <= Limits.additionalHeaderLength else {
            throw .additionalHeaderTooLong(additional)
        }
        let data = header.dataSegmentLength
        guard data <= self.maxDataSegmentLength else {
            throw .dataSegmentTooLong(data, limit: self.maxDataSegmentLength)
        }
        let total =
            BasicHeaderSegment.byteCount + additional + (self.hasHeaderDigest ? 4 : 0)
            + data + paddingLength(data) + (self.hasDataDigest && data > 0 ? 4 : 0)
        return Layout(additional: additional, data: data, total: total)
    }

    private func verifyHeaderDigest(_ layout: Layout) throws(FramingError) {
        let span = self.buffer.readableBytesSpan
        let covered = BasicHeaderSegment.byteCount + layout.additional
        guard CRC32C.checksum(span.extracting(0..<covered)) == CRC32C.stored(span, at: covered) else {
            throw .headerDigestMismatch
        }
    }

    private func verifyDataDigest(_ layout: Layout) throws(FramingError) {
        let span = self.buffer.readableBytesSpan
        let covered = layout.data + paddingLength(layout.data)
        guard CRC32C.checksum(span.extracting(0..<covered)) == CRC32C.stored(span, at: covered) else {
            throw .dataDigestMismatch
        }
    }
}

/// Why a stream cannot be cut any further: the connection has to end (error recovery level 0).
package enum FramingError: Error, Equatable {
    case additionalHeaderTooLong(Int)
    case dataSegmentTooLong(Int, limit: Int)
    case headerDigestMismatch
    case dataDigestMismatch
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
        case .dataDigestMismatch:
            "the data digest does not match"
        }
    }
}
