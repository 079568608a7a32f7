// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §6.1 text format")
struct KeyValueTextTests {
    private static func parse(_ bytes: [UInt8]) throws(KeyValueText.ParseError) -> [KeyValue] {
        try KeyValueText.parse(ByteBuffer(bytes: bytes))
    }

    @Test func `pairs in their order`() throws {
        let pairs = try Self.parse(text("InitiatorName=iqn.2026-11.org.example:a", "SessionType=Normal", "X-a="))
        #expect(
            pairs == [
                KeyValue("InitiatorName", "iqn.2026-11.org.example:a"), KeyValue("SessionType", "Normal"),
                KeyValue("X-a", ""),
            ])
    }

    @Test func `only the first equals sign parts key and value`() throws {
        #expect(try Self.parse(text("CHAP_R=0sYWI==")) == [KeyValue("CHAP_R", "0sYWI==")])
    }

    @Test func `no text and nothing but NULs are no pairs`() throws {
        #expect(try Self.parse([]) == [])
        #expect(try Self.parse([0, 0, 0]) == [])
        #expect(try Self.parse([0] + text("A=1") + [0, 0] + text("B=2") + [0]).map(\.key) == ["A", "B"])
    }

    @Test func `what is no list of pairs`() {
        let cases: [([UInt8], KeyValueText.ParseError)] = [
            (Array("A=1".utf8), .missingTerminator),
            (text("A=1") + Array("B".utf8), .missingTerminator),
            (text("A"), .missingEquals),
            (text("=1"), .emptyKey),
            (text(String(repeating: "k", count: 64) + "=1"), .keyTooLong),
            (text("A=" + String(repeating: "v", count: 8_193)), .valueTooLong),
            (text("A=").dropLast() + [0xff, 0xfe, 0], .notText),
            ([0xc3, 0x28] + text("=1"), .notText),
        ]
        for (bytes, error) in cases {
            #expect(throws: error) { try Self.parse(bytes) }
        }
    }

    @Test func `a key of 63 bytes and a value of 8192 are read`() throws {
        let pair = String(repeating: "k", count: 63) + "=" + String(repeating: "v", count: 8_192)
        #expect(try Self.parse(text(pair)).count == 1)
    }

    @Test func `what is written is read again`() throws {
        let pairs = [KeyValue("A", "1"), KeyValue("B", ""), KeyValue("C", "x=y")]
        #expect(KeyValueText.encode(pairs).array == text("A=1", "B=", "C=x=y"))
        #expect(try KeyValueText.parse(KeyValueText.encode(pairs)) == pairs)
    }

    @Test func `text of any bytes is read or refused, and what is read is written the same`() {
        var generator = SeededGenerator(seed: 61)
        let alphabet: [UInt8] = [0, 0, 61, 61, 65, 66, 97, 0x80, 0xff, 0xc3, 0xa9, 48]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let bytes = (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
            guard let pairs = try? Self.parse(bytes) else { continue }
            #expect((try? KeyValueText.parse(KeyValueText.encode(pairs))) == pairs, "seed 61: \(bytes)")
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("1", 1), ("262144", 262_144), ("0512", 512), ("4294967295", 4_294_967_295),
            ("0x0", 0), ("0x1F", 31), ("0X1f", 31), ("0xffffffff", 4_294_967_295),
        ] as [(String, UInt32)])
    func `numbers are decimal, or hexadecimal after 0x`(written: String, value: UInt32) {
        #expect(parseKeyNumber(written) == value)
    }

    @Test(arguments: [
        "", "-1", "+1", " 1", "1 ", "1.5", "1e3", "0x", "0x-1", "0x+1", "0xg", "x10", "4294967296", "0x100000000", "½",
        "٣", "１", "0x１", "Yes", "1,2", "1~2",
    ])
    func `everything else is no number`(written: String) {
        #expect(parseKeyNumber(written) == nil)
    }
}
