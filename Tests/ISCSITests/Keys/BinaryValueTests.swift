// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import Testing

@Suite("RFC 7143 §6.1 binary values")
struct BinaryValueTests {
    @Test(
        arguments: [
            ("0x00", [0x00]), ("0XfF01", [0xff, 0x01]), ("0xabCD", [0xab, 0xcd]),
            // RFC 4648 §10.
            ("0bZg==", Array("f".utf8)), ("0bZm8=", Array("fo".utf8)), ("0BZm9v", Array("foo".utf8)),
            ("0bZm9vYmFy", Array("foobar".utf8)), ("0b+/+/", [0xfb, 0xff, 0xbf]),
        ] as [(String, [UInt8])])
    func `values of both kinds`(text: String, value: [UInt8]) {
        #expect(BinaryValue.parse(text, limit: 16) == value)
    }

    @Test(arguments: [
        "", "0", "0x", "0b", "0x0", "0x123", "0xgg", "12", "ff", "1x00", "0x 0", "0bZg", "0bZg=", "0bZ===", "0b====",
        "0bZh==", "0bZm9=", "0bZm8=Zm8=", "0bZm-v", "0bZ\u{e9}==", "0x\u{ff11}0",
    ])
    func `what is no binary value`(text: String) {
        #expect(BinaryValue.parse(text, limit: 16) == nil)
    }

    @Test func `a value may be as long as its limit, and no longer`() {
        for limit in [1, 2, 3, 1_024] {
            let longest = String(repeating: "5a", count: limit)
            #expect(BinaryValue.parse("0x" + longest, limit: limit)?.count == limit)
            #expect(BinaryValue.parse("0x5a" + longest, limit: limit) == nil)
        }
        #expect(BinaryValue.parse("0b" + String(repeating: "WlpaWlpa", count: 170) + "WlpaWg==", limit: 1_024) != nil)
        #expect(BinaryValue.parse("0b" + String(repeating: "WlpaWlpa", count: 170) + "WlpaWlo=", limit: 1_024) == nil)
    }

    @Test func `what is encoded is read as it was`() {
        var generator = SeededGenerator(seed: 12)
        for length in 1...64 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(BinaryValue.parse(BinaryValue.encode(bytes), limit: 64) == bytes, "seed 12")
        }
        #expect(BinaryValue.encode([0x0a, 0xf0]) == "0x0af0")
    }
}
