// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// Cuts the PDU at the front of a buffer.
///
///     | BHS 48 | AHS 0…n×4 | header digest 0/4 | data 0…n | padding 0…3 | data digest 0/4 |
///
/// A PDU comes out when its last byte is there, with one exception. A long data segment of a Data-Out (of a Data-In at
/// the initiator) is handed on in pieces as it comes, each as a PDU whose buffer offset tells where it belongs, so that
/// it need not be gathered just to be written. Under a data digest it is gathered: nothing may be done with data that has
/// not been verified.
struct PDUCutter: Sendable {
    var maxDataSegmentLength: Int
    var hasHeaderDigest = false
    var hasDataDigest = false
    /// The kind of PDU whose long data segments are handed on in pieces.
    var piecewise = Opcode.dataOut
    /// Stands for what is to come of a segment whose first pieces have been handed on.
    private var rest: BasicHeaderSegment?

    enum Outcome {
        case pdu(PDU)
        /// So many more bytes have to come before anything can be cut.
        case missing(Int)
    }

    init(maxDataSegmentLength: Int) {
        self.maxDataSegmentLength = maxDataSegmentLength
    }

    mutating func cut(_ buffer: inout ByteBuffer) throws(FramingError) -> Outcome {
        if let rest = self.rest {
            return self.cutPiece(of: rest, isContinuation: true, &buffer)
        }
        let available = buffer.readableBytes
        guard available >= BasicHeaderSegment.byteCount else {
            return .missing(BasicHeaderSegment.byteCount - available)
        }
        let header = BasicHeaderSegment(buffer.readableBytesSpan)
        let layout = try self.layout(of: header)
        let comesInPieces =
            header.opcode == self.piecewise && layout.data > Limits.pieceLength && layout.additional == 0
            && !self.hasDataDigest && available < layout.total
        let needed = comesInPieces ? layout.dataOffset + Limits.pieceLength : layout.total
        guard available >= needed else { return .missing(needed - available) }

        if self.hasHeaderDigest {
            try self.verifyHeaderDigest(layout, buffer)
        }
        buffer.moveReaderIndex(forwardBy: BasicHeaderSegment.byteCount)
        var pdu = PDU(header: header)
        if layout.additional > 0 {
            pdu.additionalHeaders = buffer.readSlice(length: layout.additional)
        }
        if self.hasHeaderDigest {
            buffer.moveReaderIndex(forwardBy: 4)
        }
        if comesInPieces {
            return self.cutPiece(of: header, isContinuation: false, &buffer)
        }
        guard layout.data > 0 else { return .pdu(pdu) }
        if self.hasDataDigest {
            pdu.isDamaged = !self.matchesDataDigest(layout, buffer)
        }
        if let data = buffer.readSlice(length: layout.data) {
            pdu.data = data
        }
        buffer.moveReaderIndex(forwardBy: paddingLength(layout.data) + (self.hasDataDigest ? 4 : 0))
        return .pdu(pdu)
    }

    /// Cuts what has come of a Data-Out's segment: all that `header` tells of, or as many whole pieces as are there.
    private mutating func cutPiece(
        of header: BasicHeaderSegment, isContinuation: Bool, _ buffer: inout ByteBuffer
    ) -> Outcome {
        let left = header.dataSegmentLength
        let available = buffer.readableBytes
        let isLast = available >= left + paddingLength(left)
        let length = isLast ? left : available - available % Limits.pieceLength
        guard length > 0, let data = buffer.readSlice(length: length) else {
            return .missing(min(left + paddingLength(left), Limits.pieceLength) - available)
        }
        var piece = PDU(header: header, data: data)
        piece.isContinuation = isContinuation
        if isLast {
            buffer.moveReaderIndex(forwardBy: paddingLength(left))
            self.rest = nil
        } else {
            // F, and the status of a Data-In, belong to the last piece.
            piece.header.flags = 0
            piece.header.dataSegmentLength = length
            var rest = header
            rest.dataSegmentLength = left - length
            rest[field: 40] &+= UInt32(length)
            self.rest = rest
        }
        return .pdu(piece)
    }

    private struct Layout {
        var additional: Int
        var data: Int
        /// From the start of the PDU, in bytes.
        var dataOffset: Int
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
        let dataOffset = BasicHeaderSegment.byteCount + additional + (self.hasHeaderDigest ? 4 : 0)
        let total = dataOffset + data + paddingLength(data) + (self.hasDataDigest && data > 0 ? 4 : 0)
        return Layout(additional: additional, data: data, dataOffset: dataOffset, total: total)
    }

    private func verifyHeaderDigest(_ layout: Layout, _ buffer: ByteBuffer) throws(FramingError) {
        let span = buffer.readableBytesSpan
        let covered = BasicHeaderSegment.byteCount + layout.additional
        guard CRC32C.checksum(span.extracting(0..<covered)) == CRC32C.stored(span, at: covered) else {
            throw .headerDigestMismatch
        }
    }

    private func matchesDataDigest(_ layout: Layout, _ buffer: ByteBuffer) -> Bool {
        let span = buffer.readableBytesSpan
        let covered = layout.data + paddingLength(layout.data)
        return CRC32C.checksum(span.extracting(0..<covered)) == CRC32C.stored(span, at: covered)
    }
}
