// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing
import Wire

@Suite("RFC 3720 B.4 CRC32C")
struct CRC32CTests {
    /// The bytes of a digest as the standard prints them, in the order of the wire.
    static let vectors: [(bytes: [UInt8], wire: [UInt8])] = [
        ([UInt8](repeating: 0, count: 32), bytes("aa 36 91 8a")),
        ([UInt8](repeating: 0xff, count: 32), bytes("43 ab a8 62")),
        ((0..<32).map { UInt8($0) }, bytes("4e 79 dd 46")),
        ((0..<32).reversed().map { UInt8($0) }, bytes("5c db 3f 11")),
        (
            bytes(
                """
                01 c0 00 00 00 00 00 00 00 00 00 00 00 00 00 00
                14 00 00 00 00 00 04 00 00 00 00 14 00 00 00 18
                28 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
                """), bytes("56 3a 96 d9")
        ),
    ]

    @Test(arguments: Self.vectors.indices)
    func `the standard's vectors`(index: Int) {
        let (message, wire) = Self.vectors[index]
        let span = ByteBuffer(bytes: wire)
        let digest = CRC32C.stored(span.readableBytesSpan, at: 0)
        #expect(CRC32C.checksum(ByteBuffer(bytes: message).readableBytesSpan) == digest)
        #expect(CRC32C.table(ByteBuffer(bytes: message).readableBytesSpan) == digest)
    }

    @Test func `nothing has the digest 0`() {
        #expect(CRC32C.checksum(ByteBuffer().readableBytesSpan) == 0)
        #expect(CRC32C.table(ByteBuffer().readableBytesSpan) == 0)
    }

    /// Those of this processor; on one that has none, what is tested is the table against itself.
    private static let ways = CRC32C.Way.allCases.filter { $0.rawValue <= CRC32C.bestWay.rawValue }

    @Test(arguments: Self.ways)
    func `every way and the table agree on any bytes at any alignment`(way: CRC32C.Way) {
        var generator = SeededGenerator(seed: 32)
        let message = ByteBuffer(bytes: generator.bytes(4_096))
        for length in Array(0...80) + [127, 128, 255, 256, 257, 319, 320, 511, 512, 513, 1_023, 1_024, 1_025, 4_000] {
            for start in 0..<9 {
                let part = message.readableBytesSpan.extracting(start..<(start + length))
                #expect(
                    CRC32C.checksum(part, by: way) == CRC32C.table(part), "seed 32, \(length) bytes from \(start)")
            }
        }
    }

    @Test func `every flipped bit of a header shows`() {
        var header = Self.vectors[4].bytes
        let digest = CRC32C.checksum(ByteBuffer(bytes: header).readableBytesSpan)
        for bit in 0..<(header.count * 8) {
            header[bit / 8] ^= 1 << (bit % 8)
            #expect(CRC32C.checksum(ByteBuffer(bytes: header).readableBytesSpan) != digest)
            header[bit / 8] ^= 1 << (bit % 8)
        }
    }
}
