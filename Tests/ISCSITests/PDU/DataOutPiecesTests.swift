// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

/// A long Data-Out need not have come whole before its data is written.
@Suite("RFC 7143 §11.7 Data-Out in pieces")
struct DataOutPiecesTests {
    static let data = (0..<100_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    /// The Data-Outs and the pings of a stream that comes in `chunks`.
    static func cut(
        _ chunks: [ByteBuffer], headerDigest: Bool, dataDigest: Bool = false
    ) throws -> (pieces: [PDU], pings: Int) {
        var framer = PDUFramer(maxDataSegmentLength: 262_144)
        framer.hasHeaderDigest = headerDigest
        framer.hasDataDigest = dataDigest
        var pieces: [PDU] = []
        var pings = 0
        for chunk in chunks {
            framer.append(chunk)
            while let pdu = try framer.next() {
                if pdu.header.opcode == .dataOut { pieces.append(pdu) } else { pings += 1 }
            }
        }
        #expect(framer.bufferedBytes == 0)
        return (pieces, pings)
    }

    static func stream(_ data: [UInt8] = Self.data, headerDigest: Bool, dataDigest: Bool = false) -> ByteBuffer {
        let request = Request.dataOut(tag: 7, transferTag: 3, dataSN: 5, offset: 40_960, isFinal: true, data: data)
        var stream = Request.nopOut(tag: 1, data: [1]).encode(headerDigest: headerDigest, dataDigest: dataDigest)
        stream.writeImmutableBuffer(request.encode(headerDigest: headerDigest, dataDigest: dataDigest))
        stream.writeImmutableBuffer(
            Request.nopOut(tag: 2, data: [2]).encode(headerDigest: headerDigest, dataDigest: dataDigest))
        return stream
    }

    @Test(arguments: [false, true], [1, 1_448, 16_384, 65_536, 99_999])
    func `pieces follow one another, and only the last is final`(headerDigest: Bool, longest: Int) throws {
        var generator = SeededGenerator(seed: 17)
        // Byte by byte, three pieces and an odd end show as much as many do.
        let data = longest == 1 ? Array(Self.data.prefix(12_289)) : Self.data
        let stream = Self.stream(data, headerDigest: headerDigest)
        let chunks = longest == 1 ? drip(stream) : pieces(stream, longest: longest, &generator)
        let (pieces, pings) = try Self.cut(chunks, headerDigest: headerDigest)
        #expect(pings == 2)
        #expect(pieces.count > 1)
        var offset = 0
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1
            #expect(piece.header[field: 40] == UInt32(40_960 + offset))
            #expect(piece.header.dataSegmentLength == piece.data.readableBytes)
            #expect(piece.header.initiatorTaskTag == 7 && piece.header[field: 36] == 5)
            #expect(piece.header.isFinal == isLast)
            #expect(piece.isContinuation == (index > 0))
            #expect(isLast || piece.data.readableBytes % 4_096 == 0)
            offset += piece.data.readableBytes
        }
        #expect(pieces.flatMap(\.data.array) == data)
    }

    @Test func `what has come whole stays whole`() throws {
        let (pieces, _) = try Self.cut([Self.stream(headerDigest: false)], headerDigest: false)
        #expect(pieces.map(\.data.readableBytes) == [Self.data.count])
        #expect(pieces.map(\.isContinuation) == [false])
    }

    @Test func `under a data digest nothing is handed on before it has been verified`() throws {
        var generator = SeededGenerator(seed: 18)
        let chunks = pieces(Self.stream(headerDigest: true, dataDigest: true), longest: 30_000, &generator)
        let (pieces, pings) = try Self.cut(chunks, headerDigest: true, dataDigest: true)
        #expect(pieces.map(\.data.array) == [Self.data])
        #expect(pings == 2)
    }
}
