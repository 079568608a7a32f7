// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("MODE SENSE and MODE SELECT")
struct ModePageTests {
    static let caching = "08 12 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    static let control = "0A 0A 00 10 00 00 00 00 FF FF 00 00"
    static let recovery = "01 0A 00 00 00 00 00 00 00 00 00 00"
    static let exceptions = "1C 0A 08 00 00 00 00 00 00 00 00 00"
    static let provisioning = "5C 02 00 1C 00 0000000000000000000000 00 01 0000 00000000 01 02 0000 00000000"
    static let all = Self.recovery + Self.caching + Self.control + Self.exceptions
    static let descriptor = "00 01 00 00 00 00 02 00"

    @Test(arguments: [
        ("all pages", "1A 00 3F 00 FF 00", "43 00 10 08" + descriptor + all),
        ("all pages and subpages", "1A 00 3F FF FF 00", "43 00 10 08" + descriptor + all),
        ("all pages without descriptors", "1A 08 3F 00 FF 00", "3B 00 10 00" + all),
        ("caching", "1A 08 08 00 FF 00", "17 00 10 00" + caching),
        (
            "caching, changeable", "1A 08 48 00 FF 00",
            "17 00 10 00 08 12 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        ),
        ("control, changeable", "1A 08 4A 00 FF 00", "0F 00 10 00 0A 0A 24 06 08 40 00 00 00 00 00 00"),
        ("control, default", "1A 08 8A 00 FF 00", "0F 00 10 00" + control),
        ("ten bytes", "5A 00 0A 00 00 00 00 00 FF 00", "00 1A 00 10 00 00 00 08" + descriptor + control),
        (
            "ten bytes, LLBAA", "5A 10 0A 00 00 00 00 00 FF 00",
            "00 22 00 10 01 00 00 10 0000000000010000 00000000 00000200" + control
        ),
        ("cut to the allocation length", "1A 00 3F 00 04 00", "43 00 10 08"),
    ])
    func `MODE SENSE returns`(_ name: String, _ cdb: String, _ expected: String) {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes(cdb)) == bytes(expected), "\(name)")
    }

    @Test(arguments: [
        ("a page that is not there", "1A 00 05 00 FF 00", "05/24/00"),
        ("a subpage that is not there", "1A 00 0A 01 FF 00", "05/24/00"),
        ("a subpage of all pages", "1A 00 3F 02 FF 00", "05/24/00"),
        ("thresholds of a store that cannot tell its space", "1A 00 1C 02 FF 00", "05/24/00"),
        ("saved values", "1A 00 FF 00 FF 00", "05/39/00"),
    ])
    func `MODE SENSE refuses`(_ name: String, _ cdb: String, _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == sense, "\(name)")
    }

    @Test func `WP and WCE tell the truth`() {
        var readOnly = UnitUnderTest(capabilities: [.readOnly])
        #expect(readOnly.dataIn(bytes("1A 08 08 00 07 00")) == bytes("17 00 90 00 08 12 00"))
        var writeThrough = UnitUnderTest(capabilities: [])
        #expect(writeThrough.dataIn(bytes("1A 08 48 00 07 00")) == bytes("17 00 10 00 08 12 00"))
    }

    /// MODE SELECT (6) with the pages behind an empty header.
    static func select(_ test: inout UnitUnderTest, _ pages: String, from nexus: Nexus? = nil) -> CommandResult {
        let list = [0, 0, 0, 0] + bytes(pages)
        return test.execute([0x15, 0x10, 0, 0, UInt8(list.count), 0], dataOut: list, from: nexus)
    }

    @Test func `D_SENSE switches the format of sense data`() {
        var test = UnitUnderTest()
        #expect(Self.select(&test, "0A 0A 04 10 00 00 00 00 FF FF 00 00").status == .good)
        let result = test.run(bytes("28 00 FF FF FF FF 00 00 01 00"))
        #expect(
            result?.sense.map { Array($0.readableBytesView) }
                == bytes("72 05 21 00 00 00 00 0C 00 0A 80 00 00000000FFFFFFFF"))
    }

    @Test func `SWP write-protects`() {
        var test = UnitUnderTest()
        #expect(Self.select(&test, "0A 0A 00 10 08 00 00 00 FF FF 00 00").status == .good)
        #expect(test.run(bytes("2A 00 00 00 00 00 00 00 01 00"))?.senseText == "07/27/02")
        #expect(test.dataIn(bytes("1A 08 0A 00 04 00")) == bytes("0F 00 90 00"))
        #expect(Self.select(&test, Self.control).status == .good)
        #expect(
            test.execute(bytes("2A 00 00 00 00 00 00 00 01 00"), dataOut: [UInt8](repeating: 1, count: 512)).status
                == .good)
    }

    @Test func `WCE off flushes, and makes writes durable from then on`() {
        var test = UnitUnderTest()
        let off = "08 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        #expect(Self.select(&test, off).status == .good)
        #expect(test.medium.log == ["flush"])
        guard case .write(_, durable: true) = test.begin(bytes("2A 00 00 00 00 00 00 00 01 00")) else {
            Issue.record("the write is not durable")
            return
        }
    }

    @Test func `a change is announced to the other nexuses`() {
        var test = UnitUnderTest()
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run(bytes("00"), from: other)
        _ = Self.select(&test, "0A 0A 04 10 00 00 00 00 FF FF 00 00")
        #expect(test.run(bytes("00"), from: other)?.senseText == "06/2A/01")
        #expect(test.run(bytes("00"))?.status == .good)
        _ = Self.select(&test, "0A 0A 04 10 00 00 00 00 FF FF 00 00")
        #expect(test.run(bytes("00"), from: other)?.status == .good)
    }

    @Test(arguments: [
        (
            "a bit that cannot change", "15 10 00 00 10 00", "00000000" + "0A 0A 00 00 00 00 00 00 FF FF 00 00",
            "05/26/00"
        ),
        ("a wrong page length", "15 10 00 00 10 00", "00000000" + "0A 0B 00 10 00 00 00 00 FF FF 00 00", "05/26/00"),
        ("an unknown page", "15 10 00 00 10 00", "00000000" + "0B 0A 00 10 00 00 00 00 FF FF 00 00", "05/26/00"),
        ("another block size", "15 10 00 00 0C 00", "00000008 00010000 00001000", "05/26/00"),
        ("another block count", "15 10 00 00 0C 00", "00000008 00000001 00000200", "05/26/00"),
        ("a truncated page", "15 10 00 00 0A 00", "00000000" + "0A 0A 00 10 00 00", "05/1A/00"),
        ("a truncated header", "15 10 00 00 03 00", "000000", "05/1A/00"),
        ("a descriptor beyond the list", "15 10 00 00 08 00", "00000008 00010000", "05/1A/00"),
        ("PF=0", "15 00 00 00 04 00", "00000000", "05/24/00"),
        ("SP=1", "15 11 00 00 04 00", "00000000", "05/24/00"),
    ])
    func `MODE SELECT refuses, and changes nothing`(_ name: String, _ cdb: String, _ list: String, _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.execute(bytes(cdb), dataOut: bytes(list)).senseText == sense, "\(name)")
        #expect(test.dataIn(bytes("1A 08 3F 00 FF 00")) == bytes("3B 00 10 00" + Self.all))
    }

    @Test func `what MODE SENSE returned can be sent back`() {
        var test = UnitUnderTest()
        for (sense, select) in [
            ("1A 00 3F 00 FF 00", "15 10 00 00 2C 00"),
            ("5A 10 3F 00 00 00 00 00 FF 00", "55 10 00 00 00 00 00 00 38 00"),
        ] {
            let list = test.dataIn(bytes(sense)) ?? []
            #expect(test.execute(bytes(select), dataOut: list).status == .good, "\(list)")
        }
    }
}
