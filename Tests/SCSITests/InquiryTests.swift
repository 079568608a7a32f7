// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("INQUIRY")
struct InquiryTests {
    static func ascii(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `standard data`() {
        var test = UnitUnderTest()
        let expected =
            bytes("00 00 06 32 5B 38 00 02") + Self.ascii("APUS    disk0           0001")
            + [UInt8](repeating: 0, count: 22) + bytes("00A0 0460 04C0 0960") + [UInt8](repeating: 0, count: 30)
        #expect(test.dataIn(bytes("12 00 00 00 FF 00")) == expected)
        #expect(test.dataIn(bytes("12 00 00 00 24 00")) == Array(expected.prefix(36)))
        #expect(test.dataIn(bytes("12 00 00 00 00 00")) == [])
    }

    @Test func `a removable medium sets RMB`() {
        var test = UnitUnderTest(settings: LogicalUnitSettings(removable: true))
        #expect(test.dataIn(bytes("12 00 00 00 02 00")) == bytes("00 80"))
    }

    @Test func `names longer than their fields are cut, and what is not ASCII is replaced`() {
        var test = UnitUnderTest()
        test.unit = LogicalUnit(
            identity: LogicalUnitIdentity(product: "größer-als-sechzehn", serial: "s"), info: test.unit.info)
        #expect(test.dataIn(bytes("12 00 00 00 20 00"))?.suffix(16) == Self.ascii("gr??er-als-sechz")[...])
    }

    @Test(arguments: [
        ("supported pages", "00", "00 00 0008 00 80 83 86 8F B0 B1 B2"),
        ("extended INQUIRY data", "86", "00 86 003C 00 07 01" + zeroes(57)),
        (
            "block limits", "B0",
            "00 B0 003C 00 FF 0008 00008000 00000800 00000000 00001000 00000100 00000008 80000000 0000000000008000"
                + "00000800" + zeroes(16)
        ),
        ("block device characteristics", "B1", "00 B1 003C 0001 00 40" + zeroes(56)),
        ("logical block provisioning", "B2", "00 B2 0004 00 E4 02 00"),
    ])
    func `page`(_ name: String, _ page: String, _ expected: String) {
        var test = UnitUnderTest(physicalBlockExponent: 3, maxAtomicBlocks: 0x800)
        #expect(test.dataIn(bytes("12 01 \(page) 01 00 00")) == bytes(expected), "\(name)")
    }

    @Test(arguments: [
        (
            "thick: block limits", "B0",
            "00 B0 003C 00 FF 0001 00001000 00000100 00000000 00000000 00000000 00000000 00000000 0000000000001000"
                + zeroes(20)
        ),
        ("thick: provisioning", "B2", "00 B2 0004 00 00 00 00"),
        ("rotational", "B1", "00 B1 003C 0000" + zeroes(58)),
        ("no cache", "86", "00 86 003C 00 07 00" + zeroes(57)),
    ])
    func `page of a thick, turning disk with blocks of 4096 and no cache`(
        _ name: String, _ page: String, _ expected: String
    ) {
        var test = UnitUnderTest(blockSize: 4096, capabilities: [.rotational])
        #expect(test.dataIn(bytes("12 01 \(page) 01 00 00")) == bytes(expected), "\(name)")
    }

    @Test func `the unit serial number`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes("12 01 80 01 00 00")) == bytes("00 80 0024") + Self.ascii(UnitUnderTest.serial))
    }

    @Test func `device identification names unit, port and target`() {
        var test = UnitUnderTest()
        let designators: [[UInt8]] = [
            bytes("02 01 00 32") + Self.ascii("APUS    disk0:" + UnitUnderTest.serial),
            bytes("01 03 00 08 36F1C2D3E4A5B4C6"),
            bytes("51 94 00 04 0000 0001"),
            bytes("51 95 00 04 0000 0000"),
            bytes("53 98 00 24") + Self.ascii("iqn.2026-11.org.apus:disk,t,0x0001") + [0, 0],
            bytes("53 A8 00 1C") + Self.ascii("iqn.2026-11.org.apus:disk") + [0, 0, 0],
        ]
        let body = designators.flatMap { $0 }
        let page = test.dataIn(bytes("12 01 83 01 00 00"))
        #expect(page == bytes("00 83 00") + [UInt8(body.count)] + body)
    }

    @Test func `a serial without enough digits still gives a name of its own`() {
        var names: Set<[UInt8]> = []
        for serial in ["one", "two", ""] {
            var test = UnitUnderTest()
            test.unit = LogicalUnit(identity: LogicalUnitIdentity(product: "x", serial: serial), info: test.unit.info)
            let page = test.dataIn(bytes("12 01 83 01 00 00")) ?? []
            let start = 4 + 4 + 8 + 2 + serial.utf8.count
            #expect(Array(page[start..<(start + 4)]) == bytes("01 03 00 08"))
            #expect(page[start + 4] >> 4 == 3)
            names.insert(Array(page[(start + 4)..<(start + 12)]))
        }
        #expect(names.count == 3)
    }

    @Test(arguments: [
        ("a page that is not there", "12 01 99 00 FF 00"), ("a page without EVPD", "12 00 80 00 FF 00"),
        ("CMDDT", "12 02 00 00 FF 00"),
    ])
    func `refuses`(_ name: String, _ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00", "\(name)")
    }
}

func zeroes(_ count: Int) -> String {
    String(repeating: "00", count: count)
}
