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
        #expect(Self.data(&test, "4D 00 40 00 00 00 00 00 FF 00") == bytes("00 00 0009 00 02 03 05 06 0C 10 19 2F"))
        #expect(
            Self.data(&test, "4D 00 40 FF 00 00 00 00 FF 00")
                == bytes("40 FF 0014 0000 00FF 0200 0300 0500 0600 0C00 1000 1900 2F00"))
        var thick = UnitUnderTest(capabilities: [.tellsUsage])
        #expect(Self.data(&thick, "4D 00 40 00 00 00 00 00 FF 00") == bytes("00 00 0008 00 02 03 05 06 10 19 2F"))
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

    /// The eight-byte counter of a page's parameter.
    static func counter(_ test: inout UnitUnderTest, _ page: UInt8, _ parameter: UInt8, control: UInt8 = 0x40)
        -> UInt64?
    {
        let data = Self.data(&test, "4D 00 \(hex(control | page)) 00 00 00 \(hex(parameter)) 00 FF 00")
        guard let data, data.count >= 16, data[5] == parameter, data[6] == 0x02, data[7] == 8 else { return nil }
        return data[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    @Test func `counters tell the bytes that went through and the errors that nobody corrected`() {
        var test = UnitUnderTest()
        #expect(test.execute(bytes("28 00 00 00 00 00 00 00 04 00")).status == .good)
        #expect(
            test.execute(bytes("2A 00 00 00 00 00 00 00 02 00"), dataOut: [UInt8](repeating: 1, count: 1024)).status
                == .good)
        #expect(test.execute(bytes("2F 00 00 00 00 00 00 00 08 00")).status == .good)
        test.medium.failure = BlockError(.read, "x")
        #expect(test.execute(bytes("2F 00 00 00 00 00 00 00 01 00")).senseText == "03/11/00")
        test.medium.failure = BlockError(.write, "x")
        #expect(
            test.execute(bytes("2A 00 00 00 00 00 00 00 02 00"), dataOut: [UInt8](repeating: 1, count: 1024)).senseText
                == "03/0C/00")
        test.medium.failure = nil
        #expect(Self.counter(&test, 0x03, 5) == 4 * 512)
        #expect(Self.counter(&test, 0x03, 6) == 1)
        #expect(Self.counter(&test, 0x02, 5) == 4 * 512)
        #expect(Self.counter(&test, 0x02, 6) == 1)
        #expect(Self.counter(&test, 0x05, 5) == 9 * 512)
        #expect(Self.counter(&test, 0x05, 6) == 1)
        #expect(Self.counter(&test, 0x06, 0) == 0)
        #expect(Self.counter(&test, 0x03, 5, control: 0xC0) == 0)
        #expect(Self.counter(&test, 0x03, 5, control: 0x00) == .max)
        let statistics = Self.data(&test, "4D 00 59 00 00 00 00 00 FF 00")
        #expect(statistics?.prefix(8) == bytes("19 00 0044 0001 03 40")[...])
        #expect(statistics?[8..<24] == bytes("0000000000000001 0000000000000002")[...])
        #expect(statistics?[24..<40] == bytes("0000000000000004 0000000000000004")[...])
    }

    @Test func `LOG SELECT lets a page's counters begin anew, and tells the other nexuses`() {
        var test = UnitUnderTest()
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run([0], from: other)
        test.medium.failure = BlockError(.read, "x")
        _ = test.execute(bytes("28 00 00 00 00 00 00 00 04 00"))
        test.medium.failure = nil
        #expect(test.run(bytes("4C 02 42 00 00 00 00 00 00 00"))?.status == .good)
        #expect(test.run([0], from: other)?.senseText == "06/2A/02")
        #expect(Self.counter(&test, 0x03, 6) == 1)
        #expect(test.run(bytes("4C 02 43 00 00 00 00 00 00 00"))?.status == .good)
        #expect(Self.counter(&test, 0x03, 6) == 0)
        #expect(Self.counter(&test, 0x03, 5) == 4 * 512)
        #expect(test.run(bytes("4C 00 C0 00 00 00 00 00 00 00"))?.status == .good)
        #expect(Self.counter(&test, 0x03, 5) == 0)
        for bad in ["4C 03 40", "4C 02 40 00 00 00 00 00 04 00", "4C 02 4D", "4C 02 40 01"] {
            #expect(test.run(bytes(bad))?.senseText == "05/24/00", "\(bad)")
        }
    }

    @Test func `no exceptions, and no thermometer`() {
        var test = UnitUnderTest()
        #expect(Self.data(&test, "4D 00 6F 00 00 00 00 00 FF 00") == bytes("2F 00 0008 0000 03 04 00 00 FF 00"))
    }

    @Test(arguments: [
        "4D 00 4D 00 00 00 00 00 FF 00", "4D 00 4C 00 00 00 00 00 FF 00", "4D 01 40 00 00 00 00 00 FF 00",
        "4D 00 6F 01 00 00 00 00 FF 00", "4D 00 6F 00 00 00 01 00 FF 00", "4D 00 40 00 00 00 01 00 FF 00",
    ])
    func `what is not there is a bad field`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00")
    }
}

@Suite("SEND DIAGNOSTIC")
struct SelfTestTests {
    private static func results(_ test: inout UnitUnderTest) -> [UInt8] {
        LogSenseTests.data(&test, "4D 00 50 00 00 00 00 02 00 00") ?? []
    }

    @Test(
        arguments: [
            ("1D 04", 0b000, ["read 0+1", "read 2048+1", "read 4095+1"]),
            ("1D 20", 0b001, ["read 0+1", "read 2048+1", "read 4095+1"]),
            ("1D A0", 0b101, ["read 0+1", "read 2048+1", "read 4095+1"]),
            ("1D C0", 0b110, ["read 0+2048", "read 2048+2048"]),
        ] as [(String, UInt8, [String])])
    func `a self-test reads, and its result is kept`(_ cdb: String, _ code: UInt8, _ requests: [String]) {
        var test = UnitUnderTest(blockCount: 4096)
        #expect(test.execute(bytes(cdb)).status == .good)
        #expect(test.medium.log == requests)
        let results = Self.results(&test)
        #expect(results.count == 4 + 20 * 20)
        #expect(
            results[..<24] == bytes("10 00 0190 0001 03 10 \(hex(code << 5)) 00 0000 FFFFFFFFFFFFFFFF 00 00 00 00")[...]
        )
        #expect(results[24..<32] == bytes("0002 03 10 00000000")[...])
    }

    @Test func `one that cannot read fails, and tells where`() {
        var test = UnitUnderTest(blockCount: 4096)
        #expect(test.execute(bytes("1D A0")).status == .good)
        test.medium.failure = BlockError(.read, "x")
        #expect(test.execute(bytes("1D C0")).senseText == "04/3E/03")
        test.medium.failure = nil
        let results = Self.results(&test)
        #expect(results[..<24] == bytes("10 00 0190 0001 03 10 C6 00 0000 0000000000000000 04 3E 03 00")[...])
        #expect(results[24..<29] == bytes("0002 03 10 A0")[...])
        #expect(test.run(bytes("4C 02 50 00 00 00 00 00 00 00"))?.status == .good)
        #expect(Self.results(&test)[8] == 0)
    }

    @Test func `an extended one in the background reads all beside commands, and tells how far it is`() {
        var test = UnitUnderTest(blockCount: 4096)
        #expect(test.execute(bytes("1D 40")).status == .good)
        #expect(Self.results(&test)[..<10] == bytes("10 00 0190 0001 03 10 4F 00")[...])
        for (request, progress) in [("read 0+2048", "8000"), ("read 2048+2048", "FFFF")] {
            let step = test.unit.nextSelfTestStep()
            #expect(step?.byteCount == 2048 * 512)
            let performed = step.map { test.medium.perform($0.request) }
            #expect(test.medium.log.last == request)
            // NOT READY, self-test in progress: REQUEST SENSE alone says so.
            #expect(
                test.dataIn(bytes("03 00 00 00 FC 00"))?[2..<18]
                    == bytes(
                        "02 00000000 0A 00000000 04 09 00 80 \(progress)")[...])
            #expect(test.run([0])?.status == .good)
            #expect(test.execute(bytes("1D 20")).senseText == "02/04/09")
            if let performed { test.unit.selfTestPerformed(performed) }
        }
        #expect(test.unit.nextSelfTestStep() == nil)
        #expect(Self.results(&test)[8] == 0x40)
        #expect(test.dataIn(bytes("03 00 00 00 FC 00"))?[2] == 0)
    }

    @Test func `one in the background fails, is aborted, or ends with a reset`() {
        var test = UnitUnderTest(blockCount: 4096)
        #expect(test.execute(bytes("1D 40")).status == .good)
        for _ in 0..<2 { _ = test.unit.nextSelfTestStep() }
        test.unit.selfTestPerformed(.failure(BlockError(.read, "x")))
        #expect(Self.results(&test)[8..<20] == bytes("46 00 0000 0000000000000800")[...])
        #expect(test.unit.nextSelfTestStep() == nil)

        #expect(test.execute(bytes("1D 40")).status == .good)
        #expect(test.execute(bytes("1D 80")).status == .good)
        #expect(Self.results(&test)[8] == 0x41 && test.unit.nextSelfTestStep() == nil)
        #expect(test.execute(bytes("1D 80")).senseText == "05/24/00")

        #expect(test.execute(bytes("1D 40")).status == .good)
        test.unit.reset()
        // What was still under way when it ended says nothing.
        test.unit.selfTestPerformed(.failure(BlockError(.read, "x")))
        _ = test.run([0])
        #expect(Self.results(&test)[8] == 0x42)
    }

    @Test(arguments: ["1D 60", "1D 80", "1D E0", "1D 24", "1D 10 00 00 04"])
    func `what there is not is refused`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00")
        #expect(test.run(bytes("1D 00"))?.status == .good)
    }

    @Test func `the smallest medium has one block to read`() {
        var test = UnitUnderTest(blockCount: 1)
        #expect(test.execute(bytes("1D 04")).status == .good)
        #expect(test.medium.log == ["read 0+1"])
    }
}

@Suite("Thresholds of a thin unit's space")
struct SpaceThresholdTests {
    /// The page with thresholds of 10 MiB left and 100 MiB taken.
    private static let both = "5C 02 00 1C 00 0000000000000000000000 80 01 0000 0000000A 81 02 0000 00000064"

    private static func observe(_ test: inout UnitUnderTest, taken: UInt64, free: UInt64) -> String? {
        test.unit.observed(takenBytes: taken << 20, freeBytes: free << 20)
        return test.run([0])?.senseText
    }

    @Test func `the page is there, its kinds are fixed, and it can be saved`() {
        var test = UnitUnderTest(capabilities: LogSenseTests.thin, memory: UnitMemory())
        #expect(
            test.dataIn(bytes("1A 08 1C 02 FF 00"))
                == bytes("23 00 10 00 DC 02 00 1C 00 0000000000000000000000 00 01 0000 00000000 01 02 0000 00000000"))
        #expect(
            test.dataIn(bytes("1A 08 5C 02 FF 00"))
                == bytes("23 00 10 00 DC 02 00 1C 00 0000000000000000000000 80 00 0000 FFFFFFFF 80 00 0000 FFFFFFFF"))
        #expect(test.dataIn(bytes("1A 08 1C FF FF 00"))?.count == 4 + 12 + 32)
        #expect(!test.unit.watchesSpace)
        let list = bytes("00000000" + Self.both)
        #expect(test.execute([0x15, 0x11, 0, 0, UInt8(list.count), 0], dataOut: list).status == .good)
        #expect(test.unit.watchesSpace)
        #expect(test.kept?.modePages[0x1C02]?.count == 32)
        for bad in ["5C 02 00 1B", "5C 03 00 1C", "5C 02 01 1C"] {
            let list = bytes("00000000" + bad + "00 0000000000000000000000 80 01 0000 0000000A 81 02 0000 00000064")
            #expect(test.execute([0x15, 0x10, 0, 0, UInt8(list.count), 0], dataOut: list).senseText == "05/26/00")
        }
        let other = bytes("00000000 5C 02 00 1C 00 0000000000000000000000 80 02 0000 0000000A 81 02 0000 00000064")
        #expect(test.execute([0x15, 0x10, 0, 0, UInt8(other.count), 0], dataOut: other).senseText == "05/26/00")
    }

    @Test func `each threshold is told once when it is reached, to every nexus`() {
        var test = UnitUnderTest(capabilities: LogSenseTests.thin)
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run([0], from: other)
        #expect(ModePageTests.select(&test, Self.both).status == .good)
        _ = test.run([0], from: other)
        #expect(Self.observe(&test, taken: 99, free: 11) == "")
        #expect(Self.observe(&test, taken: 99, free: 10) == "06/38/07")
        #expect(test.run([0], from: other)?.senseText == "06/38/07")
        #expect(Self.observe(&test, taken: 99, free: 5) == "")
        #expect(Self.observe(&test, taken: 100, free: 5) == "06/38/07")
        #expect(Self.observe(&test, taken: 100, free: 11) == "")
        #expect(Self.observe(&test, taken: 100, free: 10) == "06/38/07")
        // Set anew, they are told anew.
        #expect(ModePageTests.select(&test, Self.both.replacing("64", with: "63")).status == .good)
        #expect(Self.observe(&test, taken: 100, free: 10) == "06/38/07")
    }

    @Test func `nothing is told while LBPERE is off`() {
        var test = UnitUnderTest(capabilities: LogSenseTests.thin)
        #expect(ModePageTests.select(&test, Self.both).status == .good)
        #expect(ModePageTests.select(&test, ModePageTests.recovery).status == .good)
        #expect(!test.unit.watchesSpace)
        #expect(Self.observe(&test, taken: 1000, free: 0) == "")
    }
}

extension String {
    /// With the last `old` in it replaced.
    fileprivate func replacing(_ old: String, with new: String) -> String {
        self.hasSuffix(old) ? String(self.dropLast(old.count)) + new : self
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
        #expect(Self.set(&forgetful, 0, [1]).senseText == "05/24/00")
        #expect(Self.report(&forgetful, 0) == bytes("0000 0000"))
    }
}
