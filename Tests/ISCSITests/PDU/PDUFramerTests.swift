// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §11.1 PDUs in a stream")
struct PDUFramerTests {
    /// A stream of PDUs of every shape: without data, with data of every padding, with additional headers.
    static func requests() -> [Request] {
        var requests = (0...9).map { length in
            Request.nopOut(tag: UInt32(length), data: [UInt8](repeating: UInt8(0xa0 + length), count: length))
        }
        var command = Request.command([0x2a], tag: 99, flags: 0xa1, expectedLength: 512)
        command.additionalHeaders = bytes("00 06 01 00 11 12 13 14 15 00 00 00")
        command.data = [UInt8](repeating: 7, count: 512)
        requests.append(command)
        return requests
    }

    static func framer(headerDigest: Bool = false, dataDigest: Bool = false) -> PDUFramer {
        var framer = PDUFramer()
        framer.hasHeaderDigest = headerDigest
        framer.hasDataDigest = dataDigest
        return framer
    }

    static func cut(_ chunks: [ByteBuffer], by framer: PDUFramer) throws(FramingError) -> [PDU] {
        var framer = framer
        var pdus: [PDU] = []
        for chunk in chunks {
            framer.append(chunk)
            while let pdu = try framer.next() { pdus.append(pdu) }
        }
        #expect(framer.bufferedBytes == 0)
        return pdus
    }

    @Test func `a golden NOP-Out with padding`() throws {
        var framer = PDUFramer()
        framer.append(
            ByteBuffer(
                bytes: bytes(
                    """
                    40 80 00 00 00 00 00 05 00 00 00 00 00 00 00 00
                    00 00 00 01 ff ff ff ff 00 00 00 07 00 00 00 09
                    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
                    68 65 6c 6c 6f 00 00 00
                    """)))
        let pdu = try #require(try framer.next())
        #expect(pdu.header.opcode == .nopOut && pdu.header.isImmediate)
        #expect(String(buffer: pdu.data) == "hello")
        #expect(pdu.additionalHeaders == nil)
        #expect(framer.bufferedBytes == 0)
        #expect(try framer.next() == nil)
    }

    @Test(arguments: [false, true], [false, true])
    func `whole, in drips and in pieces a stream gives the same PDUs`(headerDigest: Bool, dataDigest: Bool) throws {
        let requests = Self.requests()
        var stream = ByteBuffer()
        for request in requests {
            stream.writeImmutableBuffer(request.encode(headerDigest: headerDigest, dataDigest: dataDigest))
        }
        var generator = SeededGenerator(seed: 11)
        let framer = Self.framer(headerDigest: headerDigest, dataDigest: dataDigest)
        for chunks in [[stream], drip(stream), pieces(stream, longest: 100, &generator)] {
            let pdus = try Self.cut(chunks, by: framer)
            #expect(pdus.count == requests.count)
            for (pdu, request) in zip(pdus, requests) {
                #expect(pdu.data.array == request.data)
                #expect(pdu.additionalHeaders?.array ?? [] == request.additionalHeaders)
                #expect(pdu.header.initiatorTaskTag == request.tag)
            }
        }
    }

    @Test func `a wrong header digest ends the stream, wherever the bit fell`() {
        let good = Self.requests()[10].encode(headerDigest: true, dataDigest: true)
        // Bytes 4 to 7 are lengths: with those wrong the stream may also be too long, or wait for more.
        for offset in Array(0..<4) + Array(8..<64) {
            var bad = good
            bad.setInteger(good.array[offset] ^ 0x10, at: offset)
            #expect(throws: FramingError.headerDigestMismatch) {
                try Self.cut([bad], by: Self.framer(headerDigest: true, dataDigest: true))
            }
        }
    }

    @Test(arguments: [64, 300, 575, 576, 579])
    func `a wrong data digest marks its PDU, and the stream goes on`(offset: Int) throws {
        var bad = Self.requests()[10].encode(headerDigest: true, dataDigest: true)
        bad.setInteger(bad.array[offset] ^ 0x01, at: offset)
        let good = Self.requests()[10].encode(headerDigest: true, dataDigest: true)
        let pdus = try Self.cut([bad, good], by: Self.framer(headerDigest: true, dataDigest: true))
        #expect(pdus.map(\.isDamaged) == [true, false])
    }

    @Test func `the padding is under the data digest`() throws {
        var bad = Request.nopOut(tag: 1, data: [1]).encode(dataDigest: true)
        bad.setInteger(0x55 as UInt8, at: 51)
        #expect(try Self.cut([bad], by: Self.framer(dataDigest: true)).map(\.isDamaged) == [true])
    }

    @Test func `limits are kept to the byte, before the data is there`() throws {
        var framer = PDUFramer(maxDataSegmentLength: 1_000)
        framer.append(Request.nopOut(tag: 1, data: [UInt8](repeating: 0, count: 1_000)).encode())
        #expect(try framer.next()?.data.readableBytes == 1_000)
        var tooLong = Request.nopOut(tag: 1)
        tooLong.header[6] = 0x03
        tooLong.header[7] = 0xe9
        framer.append(ByteBuffer(bytes: tooLong.header))
        #expect(throws: FramingError.dataSegmentTooLong(1_001, limit: 1_000)) { try framer.next() }

        var headers = PDUFramer()
        var command = Request(opcode: 0x01)
        command.additionalHeaders = [UInt8](repeating: 0, count: Limits.additionalHeaderLength)
        headers.append(command.encode())
        #expect(try headers.next()?.additionalHeaders?.readableBytes == Limits.additionalHeaderLength)
        command.header[4] = UInt8(Limits.additionalHeaderLength / 4 + 1)
        headers.append(ByteBuffer(bytes: command.header))
        #expect(throws: FramingError.additionalHeaderTooLong(Limits.additionalHeaderLength + 4)) {
            try headers.next()
        }
    }

    @Test func `every prefix of a PDU waits for the rest`() throws {
        let whole = Self.requests()[10].encode(headerDigest: true, dataDigest: true)
        for length in 0..<whole.readableBytes {
            var framer = Self.framer(headerDigest: true, dataDigest: true)
            framer.append(ByteBuffer(bytes: whole.readableBytesView.prefix(length)))
            #expect(try framer.next() == nil)
            #expect(framer.bufferedBytes == length)
        }
    }

    @Test func `digests begin with the first PDU after the login`() throws {
        var framer = PDUFramer()
        var stream = Request.nopOut(tag: 1, data: [1]).encode()
        stream.writeImmutableBuffer(Request.nopOut(tag: 2, data: [2]).encode(headerDigest: true, dataDigest: true))
        framer.append(stream)
        #expect(try framer.next()?.data.array == [1])
        framer.hasHeaderDigest = true
        framer.hasDataDigest = true
        #expect(try framer.next()?.data.array == [2])
    }

    @Test func `bytes of any value never trap and never pile up`() {
        var generator = SeededGenerator(seed: 7_143)
        for round in 0..<3_000 {
            var framer = PDUFramer(maxDataSegmentLength: 2_048)
            framer.hasHeaderDigest = round & 1 == 1
            framer.hasDataDigest = round & 2 == 2
            var largest = 0
            do {
                for _ in 0..<40 {
                    var chunk = generator.bytes(Int.random(in: 1...300, using: &generator))
                    // Half of the headers are short enough to go on.
                    if round & 4 == 4, chunk.count > 8 { chunk.replaceSubrange(4..<7, with: [0, 0, 0]) }
                    framer.append(ByteBuffer(bytes: chunk))
                    while let pdu = try framer.next() {
                        #expect(pdu.data.readableBytes <= 2_048)
                    }
                    largest = max(largest, framer.bufferedBytes)
                }
            } catch {
                // A stream of nonsense ends; which error it is depends on the bytes.
            }
            #expect(largest < 48 + 288 + 4 + 2_048 + 3 + 4, "seed 7143, round \(round)")
        }
    }
}
