// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("LOG SENSE")
struct LogSenseTests {
    static let thin: BlockCapabilities = [.writeCache, .unmap, .unmapZeroes, .tellsUsage]

    static func data(_ test: inout UnitUnderTest, _ cdb: String) -> [UInt8]? {
        test.execute(bytes(cdb)).dataIn.map { Array($0.readableBytesView) }
    }

    @Test func `the supported pages, with and without subpages`() {
        var test = UnitUnderTest(capabilities: Self.thin)
        #expect(Self.data(&test, "4D 00 40 00 00 00 00 00 FF 00") == bytes("00 00 0003 00 0C 2F"))
        #expect(Self.data(&test, "4D 00 40 FF 00 00 00 00 FF 00") == bytes("40 FF 0008 0000 00FF 0C00 2F00"))
        var thick = UnitUnderTest(capabilities: [.tellsUsage])
        #expect(Self.data(&thick, "4D 00 40 00 00 00 00 00 FF 00") == bytes("00 00 0002 00 2F"))
    }

    @Test func `a thin unit tells what it takes and what is free, in mebibytes`() {
        var test = UnitUnderTest(capabilities: Self.thin)
        #expect(test.dataIn(bytes("12 01 B2 01 00 00")) == bytes("00 B2 0004 0B E4 02 00"))
        let page = bytes("0C 00 0018 0001 03 08 00000005 02 000000 0002 03 08 00000003 01 000000")
        #expect(Self.data(&test, "4D 00 4C 00 00 00 00 00 FF 00") == page)
        #expect(Self.data(&test, "4D 00 4C 00 00 00 02 00 FF 00") == bytes("0C 00 000C") + page.suffix(12))
        #expect(Self.data(&test, "4D 00 4C 00 00 00 00 00 08 00") == Array(page.prefix(8)))
        test.medium.usage = .usage(takenBytes: 1, freeBytes: .max)
        #expect(
            Self.data(&test, "4D 00 4C 00 00 00 00 00 FF 00")
                == bytes("0C 00 0018 0001 03 08 FFFFFFFF 02 000000 0002 03 08 00000001 01 000000"))
        test.medium.failure = BlockError(.read, "x")
        #expect(test.execute(bytes("4D 00 4C 00 00 00 00 00 FF 00")).senseText == "03/11/00")
    }

    @Test func `no exceptions, and no thermometer`() {
        var test = UnitUnderTest()
        #expect(Self.data(&test, "4D 00 6F 00 00 00 00 00 FF 00") == bytes("2F 00 0008 0000 03 04 00 00 FF 00"))
    }

    @Test(arguments: [
        "4D 00 42 00 00 00 00 00 FF 00", "4D 00 4C 00 00 00 00 00 FF 00", "4D 01 40 00 00 00 00 00 FF 00",
        "4D 00 6F 01 00 00 00 00 FF 00", "4D 00 6F 00 00 00 01 00 FF 00", "4D 00 40 00 00 00 01 00 FF 00",
    ])
    func `what is not there is a bad field`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00")
    }
}

@Suite("Saved mode pages")
struct SavedModePageTests {
    /// D_SENSE=1, which MODE SELECT saves where SP says so.
    static func select(_ test: inout UnitUnderTest, saves: Bool) -> CommandResult {
        test.execute(
            [0x15, saves ? 0x11 : 0x10, 0, 0, 16, 0],
            dataOut: bytes("00000000 0A 0A 04 10 00 00 00 00 FF FF 00 00"))
    }

    static func sense(_ test: inout UnitUnderTest, _ control: UInt8) -> [UInt8]? {
        test.dataIn([0x1A, 0x08, control << 6 | 0x0A, 0, 0xFF, 0]).map { Array($0.dropFirst(4)) }
    }

    @Test func `saved values outlive a reset and a power cut, others do not`() throws {
        var test = UnitUnderTest(memory: UnitMemory())
        #expect(Self.sense(&test, 3)?.prefix(4) == bytes("8A 0A 00 10")[...])
        #expect(Self.select(&test, saves: false).status == .good)
        #expect(test.kept == nil)
        test.unit.reset()
        _ = test.run([0])
        #expect(Self.sense(&test, 0)?.prefix(4) == bytes("8A 0A 00 10")[...])
        #expect(Self.select(&test, saves: true).status == .good)
        test.unit.reset()
        _ = test.run([0])
        for control in [UInt8(0), 3] {
            #expect(Self.sense(&test, control)?.prefix(4) == bytes("8A 0A 04 10")[...])
        }
        #expect(Self.sense(&test, 2)?.prefix(4) == bytes("8A 0A 00 10")[...])
        let text = try #require(test.kept).text(ofUnit: UnitUnderTest.serial)
        var after = UnitUnderTest(memory: try UnitMemory.read(text, ofUnit: UnitUnderTest.serial))
        #expect(Self.sense(&after, 0)?.prefix(4) == bytes("8A 0A 04 10")[...])
    }

    @Test func `a write cache that is switched off for good is flushed first`() {
        var test = UnitUnderTest(memory: UnitMemory())
        let list = bytes("00000000 08 12 00") + [UInt8](repeating: 0, count: 17)
        #expect(test.execute(bytes("15 11 00 00 18 00"), dataOut: list).status == .good)
        #expect(test.medium.log == ["flush"])
        #expect(test.kept?.modePages[0x0800]?[2] == 0)
    }

    @Test func `what cannot be kept is not saved`() {
        var test = UnitUnderTest(memory: UnitMemory())
        test.canKeep = false
        #expect(Self.select(&test, saves: true).senseText == "04/44/00")
        #expect(Self.sense(&test, 3)?.prefix(4) == bytes("8A 0A 00 10")[...])
        var forgetful = UnitUnderTest()
        #expect(forgetful.run(bytes("15 11 00 00 10 00"))?.senseText == "05/24/00")
        #expect(forgetful.run(bytes("1A 08 CA 00 FF 00"))?.senseText == "05/39/00")
        #expect(Self.sense(&forgetful, 0)?.first == 0x0A)
    }

    @Test func `saved values that are no longer such as can be set are left alone`() {
        var memory = UnitMemory()
        memory.modePages = [
            0x0A00: bytes("0A 0A FF FF FF FF FF FF FF FF FF FF"), 0x0800: [0x08, 0x00], 0x3E00: [0x3E, 0],
        ]
        var test = UnitUnderTest(memory: memory)
        #expect(Self.sense(&test, 0) == Self.sense(&test, 2))
    }
}

@Suite("IDENTIFYING INFORMATION")
struct IdentifyingInformationTests {
    static func set(_ test: inout UnitUnderTest, _ type: UInt8, _ data: [UInt8]) -> CommandResult {
        test.execute(
            [0xA4, 0x06, 0, 0, 0, 0, 0, 0, UInt8(data.count >> 8), UInt8(data.count & 0xFF), type << 1, 0],
            dataOut: data)
    }

    static func report(_ test: inout UnitUnderTest, _ type: UInt8) -> [UInt8]? {
        test.dataIn([0xA3, 0x05, 0, 0, 0, 0, 0, 0, 2, 0, type << 1, 0])
    }

    @Test func `what was set is told, also after a power cut, until it is taken away`() throws {
        var test = UnitUnderTest(memory: UnitMemory())
        #expect(Self.report(&test, 0) == bytes("0000 0000"))
        #expect(Self.set(&test, 0, [1, 2, 3]).status == .good)
        #expect(Self.set(&test, 2, Array("Grün\0".utf8)).status == .good)
        let text = try #require(test.kept).text(ofUnit: UnitUnderTest.serial)
        var after = UnitUnderTest(memory: try UnitMemory.read(text, ofUnit: UnitUnderTest.serial))
        #expect(Self.report(&after, 0) == bytes("0000 0003 010203"))
        #expect(Self.report(&after, 2) == bytes("0000 0006") + Array("Grün\0".utf8))
        #expect(Self.report(&after, 0x7F) == bytes("0000 0008 00 00 0040 04 00 0100"))
        #expect(Self.set(&after, 0, []).status == .good)
        #expect(Self.report(&after, 0) == bytes("0000 0000"))
    }

    @Test func `what is too long, no text, or of no kind is refused`() {
        var test = UnitUnderTest(memory: UnitMemory())
        #expect(Self.set(&test, 0, [UInt8](repeating: 1, count: 65)).senseText == "05/24/00")
        #expect(Self.set(&test, 2, Array("no end".utf8)).senseText == "05/26/00")
        #expect(Self.set(&test, 2, [0xFF, 0x00]).senseText == "05/26/00")
        #expect(Self.set(&test, 1, [0]).senseText == "05/24/00")
        #expect(Self.report(&test, 1) == nil)
        #expect(test.kept == nil)
        var forgetful = UnitUnderTest()
        #expect(Self.set(&forgetful, 0, [1]).senseText == "05/20/00")
        #expect(Self.report(&forgetful, 0) == bytes("0000 0000"))
    }
}
