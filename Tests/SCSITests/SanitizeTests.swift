// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("SANITIZE")
struct SanitizeTests {
    static func list(_ pattern: [UInt8], flags: UInt8 = 0x01, length: Int? = nil) -> [UInt8] {
        let length = length ?? pattern.count
        return [flags, 0, UInt8(length >> 8), UInt8(length & 0xFF)] + pattern
    }

    static func cdb(_ action: UInt8, _ length: Int = 0) -> [UInt8] {
        [0x48, action, 0, 0, 0, 0, 0, UInt8(length >> 8), UInt8(length & 0xFF), 0]
    }

    /// A unit in the middle of an overwrite of 4,096 blocks of 4 KiB, four pieces.
    static func running(action: UInt8 = 0x81, memory: UnitMemory? = nil) -> UnitUnderTest {
        var test = UnitUnderTest(blockSize: 4096, blockCount: 4096, memory: memory)
        let list = Self.list([0xAA])
        guard case .collect(_, let continuation) = test.begin(Self.cdb(action, list.count)) else {
            Issue.record("it takes no list")
            return test
        }
        var step = test.unit.resume(continuation, with: .collected(ByteBuffer(bytes: list)), nexus: test.nexus)
        if case .remember(let change, let continuation) = step {
            test.unit.settle(change, isKept: true)
            step = test.unit.resume(continuation, with: .remembered(true), nexus: test.nexus)
        }
        guard case .sanitize(let isImmediate) = step else {
            Issue.record("it does not begin")
            return test
        }
        #expect(isImmediate == (action & 0x80 != 0))
        return test
    }

    @Test func `an overwrite repeats its pattern in every block, and ends with a flush`() {
        var test = UnitUnderTest(blockCount: 4096)
        let list = Self.list([1, 2, 3])
        #expect(test.execute(Self.cdb(0x01, list.count), dataOut: list).status == .good)
        #expect(test.medium.log == ["same 0+4096", "flush"])
        #expect(test.medium.block(0).prefix(4) == [1, 2, 3, 1])
        #expect(test.medium.block(4095) == test.medium.block(0))
        #expect(test.run([0])?.status == .good)
    }

    @Test func `passes follow one another, inverted where that is asked for`() {
        for (flags, last) in [(0x82, 0x55), (0x83, 0xAA), (0x02, 0xAA)] as [(UInt8, UInt8)] {
            var test = UnitUnderTest(blockCount: 4096)
            let list = Self.list([0xAA], flags: flags)
            #expect(test.execute(Self.cdb(0x01, list.count), dataOut: list).status == .good)
            let passes = Int(flags & 0x1F)
            #expect(test.medium.log == (0..<passes).flatMap { _ in ["same 0+4096", "flush"] })
            #expect(test.medium.bytes.allSatisfy { $0 == last })
        }
    }

    @Test func `a block erase writes over what takes space, and gives everything back`() {
        var test = UnitUnderTest(blockCount: 4096)
        test.medium.extents = [.extent(count: 1000, .deallocated), .extent(count: 3096, .mapped)]
        test.medium.bytes[1000 * 512] = 1
        #expect(test.execute(Self.cdb(0x02)).status == .good)
        #expect(
            test.medium.log == [
                "extent 0+4096", "extent 1000+3096", "same 1000+3096", "flush", "unmap 0+4096", "flush",
            ])
        #expect(test.medium.bytes.allSatisfy { $0 == 0 })
    }

    @Test func `a thick unit has no block erase, and no unit a cryptographic one`() {
        var thick = UnitUnderTest(capabilities: [])
        #expect(thick.run(Self.cdb(0x02))?.senseText == "05/24/00")
        #expect(thick.run(Self.cdb(0x03))?.senseText == "05/24/00")
        #expect(thick.dataIn(bytes("A3 0C 02 48 00 03 00 00 00 20 00 00")) == bytes("00 01 00 00"))
    }

    @Test func `a cryptographic erase replaces the key, where there is one`() {
        var test = UnitUnderTest(capabilities: [.encrypts])
        test.medium.bytes[0] = 1
        #expect(test.run(Self.cdb(0x03, 4))?.senseText == "05/24/00")
        #expect(test.execute(Self.cdb(0x03)).status == .good)
        #expect(test.medium.log == ["replace key"])
        #expect(test.medium.bytes[0] == 0x5B)
        #expect(test.run([0])?.status == .good)
        test.medium.failure = BlockError(.write, "write the key")
        #expect(test.execute(Self.cdb(0x23)).senseText == "03/31/03")
        test.medium.failure = nil
        #expect(test.run([0])?.senseText == "03/31/03")
        #expect(test.run(Self.cdb(0x1F))?.status == .good)
        #expect(test.run([0])?.status == .good)
    }

    @Test(arguments: [
        ("no pattern", list([]), "05/24/00"),
        ("more than a block", list([UInt8](repeating: 0, count: 513)), "05/24/00"),
        ("no passes", list([1], flags: 0x00), "05/26/00"),
        ("TEST", list([1], flags: 0x21), "05/26/00"),
        ("a pattern shorter than told", list([1], length: 2), "05/26/00"),
        ("a pattern longer than told", list([1, 2], length: 1), "05/26/00"),
        ("a pattern of nothing", list([1], length: 0), "05/26/00"),
    ])
    func `a bad parameter list changes nothing`(_ name: String, _ list: [UInt8], _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.execute(Self.cdb(0x01, list.count), dataOut: list).senseText == sense, "\(name)")
        #expect(test.medium.log.isEmpty)
        #expect(test.run([0])?.status == .good)
    }

    @Test func `parameters where there are none are a bad field`() {
        var test = UnitUnderTest()
        #expect(test.run(Self.cdb(0x02, 8))?.senseText == "05/24/00")
        #expect(test.run(Self.cdb(0x1F, 8))?.senseText == "05/24/00")
        #expect(test.run(Self.cdb(0x1F))?.status == .good)
    }

    @Test(arguments: ["48 42", "48 02 01", "48 02 00 00 00 00 01", "48 5F", "48 41 00 00 00 00 00 00 05"])
    func `a reserved bit that is set is a bad field`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00")
    }

    @Test func `while it runs the unit answers INQUIRY and REQUEST SENSE, and nothing else`() {
        var test = Self.running()
        for cdb in [
            "00", "28 00 00 00 00 00 00 00 01 00", "25", "1B 00 00 00 03 00", "1A 00 3F 00 FF 00", "48 02", "48 1F",
            "5E 00 00 00 00 00 00 00 08 00",
        ] {
            #expect(test.run(bytes(cdb))?.senseText == "02/04/1B", "\(cdb)")
        }
        #expect(test.run(bytes("12 00 00 00 24 00"))?.status == .good)
        #expect(test.dataIn(bytes("03 00 00 00 12 00")) == bytes("70 00 02 00000000 0A 00000000 04 1B 00 80 0000"))
        for _ in 0..<2 {
            guard let step = test.unit.nextSanitizeStep() else { break }
            test.unit.sanitizePerformed(test.medium.perform(step.request))
        }
        #expect(test.dataIn(bytes("03 00 00 00 12 00"))?.suffix(3) == bytes("80 7FFF")[...])
    }

    @Test func `a reset does not end it, nor does the end of its nexus`() {
        var test = Self.running(action: 0x01)
        test.unit.reset()
        test.unit.nexusEnded(test.nexus.id)
        test.unit.nexusBegan(test.nexus)
        #expect(test.run([0])?.senseText == "06/29/00")
        #expect(test.run([0])?.senseText == "02/04/1B")
        #expect(test.sanitize() == 5)
        #expect(test.run([0])?.status == .good)
    }

    @Test(arguments: [(false, UInt8(0x01)), (true, 0x21)])
    func `a failed one locks the medium until it is sanitized, or may be left`(_ mayLeave: Bool, _ action: UInt8) {
        var test = UnitUnderTest(blockCount: 4096)
        let list = Self.list([1])
        test.medium.failure = BlockError(.write, "x")
        #expect(test.execute(Self.cdb(action, list.count), dataOut: list).senseText == "03/31/03")
        test.medium.failure = nil
        #expect(test.run([0])?.senseText == "03/31/03")
        #expect(test.run(bytes("28 00 00 00 00 00 00 00 01 00"))?.senseText == "03/31/03")
        #expect(test.dataIn(bytes("03 00 00 00 0E 00"))?.suffix(2) == bytes("31 03")[...])
        let exit = test.run(Self.cdb(0x1F))
        if mayLeave {
            #expect(exit?.status == .good)
        } else {
            #expect(exit?.senseText == "05/24/00")
            #expect(test.execute(Self.cdb(0x01, list.count), dataOut: list).status == .good)
        }
        #expect(test.run([0])?.status == .good)
    }

    /// The unit after a power cut, with the medium as it was.
    private static func afterPowerCut(_ test: UnitUnderTest, _ capabilities: BlockCapabilities) throws -> UnitUnderTest
    {
        let text = try #require(test.kept).text(ofUnit: UnitUnderTest.serial)
        var after = UnitUnderTest(
            blockCount: 4096, capabilities: capabilities,
            memory: try UnitMemory.read(text, ofUnit: UnitUnderTest.serial))
        after.medium = test.medium
        return after
    }

    @Test(arguments: [
        ("overwrite", cdb(0x81, 7), list([1, 2, 3], flags: 0x82), ["same 0+4096", "flush", "same 0+4096", "flush"]),
        ("block erase", cdb(0x82), [], ["extent 0+4096", "flush", "unmap 0+4096", "flush"]),
        ("cryptographic erase", cdb(0x83), [], ["replace key"]),
    ])
    func `one that a power cut interrupts begins anew`(
        _ name: String, _ cdb: [UInt8], _ list: [UInt8], _ requests: [String]
    ) throws {
        let capabilities: BlockCapabilities = [.unmap, .unmapZeroes, .encrypts]
        var test = UnitUnderTest(blockCount: 4096, capabilities: capabilities, memory: UnitMemory())
        var step = test.begin(cdb)
        if case .collect(_, let continuation) = step {
            step = test.unit.resume(continuation, with: .collected(ByteBuffer(bytes: list)), nexus: test.nexus)
        }
        guard case .remember(let change, let continuation) = step else {
            Issue.record("it is not kept before it begins")
            return
        }
        #expect(test.run([0])?.senseText == "02/04/1B")
        test.kept = change.memory
        test.unit.settle(change, isKept: true)
        guard
            case .sanitize(isImmediate: true) =
                test.unit.resume(continuation, with: .remembered(true), nexus: test.nexus)
        else {
            Issue.record("it does not begin")
            return
        }
        var after = try Self.afterPowerCut(test, capabilities)
        #expect(after.unit.isBeingSanitized)
        #expect(after.run([0])?.senseText == "02/04/1B", "\(name)")
        after.sanitize()
        #expect(after.medium.log == requests)
        #expect(after.run([0])?.status == .good)
        let last = try Self.afterPowerCut(after, capabilities)
        #expect(!last.unit.isBeingSanitized)
    }

    @Test func `one that failed stays failed over a power cut, until it is left`() throws {
        var test = UnitUnderTest(blockCount: 4096, memory: UnitMemory())
        test.medium.failure = BlockError(.write, "x")
        let list = Self.list([1])
        #expect(test.execute(Self.cdb(0x21, list.count), dataOut: list).senseText == "03/31/03")
        test.medium.failure = nil
        var after = try Self.afterPowerCut(test, [.unmap])
        #expect(!after.unit.isBeingSanitized)
        #expect(after.run([0])?.senseText == "03/31/03")
        #expect(after.execute(Self.cdb(0x1F)).status == .good)
        after = try Self.afterPowerCut(after, [.unmap])
        #expect(after.run([0])?.status == .good)
    }

    @Test func `an end that could not be kept is a failure, as a power cut would bring it back`() throws {
        var test = Self.running(memory: UnitMemory())
        test.canKeep = false
        test.sanitize()
        #expect(test.run([0])?.senseText == "03/31/03")
        // A beginning that could not be kept is none.
        test = UnitUnderTest(blockCount: 4096, memory: UnitMemory())
        test.canKeep = false
        #expect(test.execute(Self.cdb(0x02)).senseText == "04/44/00")
        #expect(test.medium.log.isEmpty)
        #expect(test.run([0])?.status == .good)
    }

    @Test func `an interrupted cryptographic erase of a store that has no key any longer has failed`() throws {
        var test = UnitUnderTest(blockCount: 4096, capabilities: [.encrypts], memory: UnitMemory())
        test.medium.failure = BlockError(.write, "x")
        guard case .remember(let change, _) = test.begin(Self.cdb(0x83)) else {
            Issue.record("it is not kept")
            return
        }
        test.kept = change.memory
        var after = try Self.afterPowerCut(test, [.unmap])
        #expect(after.run([0])?.senseText == "03/31/03")
    }

    @Test func `reservations and write-protects hold`() {
        var test = UnitUnderTest()
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run([0], from: other)
        _ = test.run(bytes("16"), from: other)
        #expect(test.run(Self.cdb(0x01, 5))?.status == .reservationConflict)
        #expect(test.run(Self.cdb(0x02))?.status == .reservationConflict)
        _ = test.run(bytes("17"), from: other)
        _ = ModePageTests.select(&test, "0A 0A 04 10 08 00 00 00 FF FF 00 00")
        #expect(test.run(Self.cdb(0x01, 5))?.status == .checkCondition)
        #expect(test.run(Self.cdb(0x02))?.status == .checkCondition)
    }
}
