// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("VERIFY, COMPARE AND WRITE, ORWRITE")
struct VerifyTests {
    static let a = [UInt8](repeating: 0xAA, count: 512)
    static let b = [UInt8](repeating: 0xBB, count: 512)
    static let zero = [UInt8](repeating: 0, count: 512)

    @Test(arguments: [
        "2F 02 00 00 00 02 00 00 02 00", "AF 02 00 00 00 02 00 00 00 02 00 00",
        "8F 02 00 00 00 00 00 00 00 02 00 00 00 02 00 00",
    ])
    func `VERIFY with BYTCHK 1 compares the data`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.execute(bytes(cdb), dataOut: Self.zero + Self.zero).status == .good)
        #expect(test.medium.log == ["compare 2+2"])
        var wrong = Self.zero + Self.zero
        wrong[700] = 1
        let result = test.execute(bytes(cdb), dataOut: wrong)
        #expect(result.senseText == "0E/1D/00")
    }

    @Test func `VERIFY with BYTCHK 3 compares one block with all, in pieces`() {
        var test = UnitUnderTest()
        let cdb = bytes("8F 06 00 00 00 00 00 00 00 00 00 00 0F FF 00 00")
        #expect(test.execute(cdb, dataOut: Self.zero).status == .good)
        #expect(test.medium.log == ["compare 0+2048", "compare 2048+2047"])
        _ = test.execute(bytes("2A 00 00 00 0F FE 00 00 01 00"), dataOut: Self.a)
        #expect(test.execute(cdb, dataOut: Self.zero).senseText == "0E/1D/00")
    }

    @Test func `VERIFY without BYTCHK reads the range in pieces`() {
        var test = UnitUnderTest()
        #expect(test.execute(bytes("AF 00 00 00 00 00 00 00 0F FF 00 00")).status == .good)
        #expect(test.medium.log == ["read 0+2048", "read 2048+2047"])
        test.medium.failure = BlockError(.read, "read")
        #expect(test.execute(bytes("2F 00 00 00 00 00 00 00 01 00")).senseText == "03/11/00")
    }

    @Test(arguments: [
        ("BYTCHK 2 is reserved", "2F 04 00 00 00 00 00 00 01 00", "05/24/00"),
        ("VRPROTECT", "2F 20 00 00 00 00 00 00 01 00", "05/24/00"),
        ("past the end", "2F 02 00 01 00 00 00 00 01 00", "05/21/00"),
        ("no blocks past the end", "2F 02 00 01 00 01 00 00 00 00", "05/21/00"),
        ("WRITE AND VERIFY: BYTCHK 3", "2E 06 00 00 00 00 00 00 01 00", "05/24/00"),
        ("WRITE AND VERIFY: WRPROTECT", "8E 20 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "05/24/00"),
        ("COMPARE AND WRITE past the end", "89 00 00 00 00 00 00 01 00 00 00 00 00 01 00 00", "05/21/00"),
        ("ORWRITE: ORPROTECT", "8B 20 00 00 00 00 00 00 00 00 00 00 00 01 00 00", "05/24/00"),
    ])
    func `a bad field is refused`(_ name: String, _ cdb: String, _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.execute(bytes(cdb), dataOut: Self.zero).senseText == sense, "\(name)")
        #expect(test.medium.log.isEmpty)
    }

    @Test(arguments: [
        "2E 02 00 00 00 03 00 00 02 00", "AE 02 00 00 00 03 00 00 00 02 00 00",
        "8E 02 00 00 00 00 00 00 00 03 00 00 00 02 00 00",
    ])
    func `WRITE AND VERIFY writes durably, then compares`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.execute(bytes(cdb), dataOut: Self.a + Self.b).status == .good)
        #expect(test.medium.log == ["write 3+2 durable", "compare 3+2"])
        #expect(test.medium.block(4) == Self.b)
    }

    @Test func `WRITE AND VERIFY writes the whole blocks that came`() {
        var test = UnitUnderTest()
        let cdb = bytes("2E 02 00 00 00 03 00 00 02 00")
        #expect(test.execute(cdb, dataOut: Self.a).status == .good)
        #expect(test.medium.log == ["write 3+1 durable", "compare 3+1"])
        #expect(test.execute(cdb, dataOut: Array(Self.a.prefix(200))).senseText == "05/0E/03")
        #expect(test.execute(cdb, dataOut: []).status == .good)
        #expect(test.medium.log.count == 2)
    }

    @Test func `COMPARE AND WRITE writes what matches`() {
        var test = UnitUnderTest()
        let cdb = bytes("89 08 00 00 00 00 00 00 00 07 00 00 00 01 00 00")
        #expect(test.execute(cdb, dataOut: Self.zero + Self.a).status == .good)
        #expect(test.medium.log == ["compare and write 7+1 durable"])
        #expect(test.medium.block(7) == Self.a)
    }

    @Test func `COMPARE AND WRITE tells the offset of a miscompare`() {
        var test = UnitUnderTest()
        var expected = Self.zero
        expected[0x123] = 9
        let cdb = bytes("89 00 00 00 00 00 00 00 00 07 00 00 00 01 00 00")
        let result = test.execute(cdb, dataOut: expected + Self.a)
        #expect(result.senseText == "0E/1D/00")
        let sense = result.sense.map { Array($0.readableBytesView) } ?? []
        #expect(sense.first == 0xF0)
        #expect(Array(sense[3..<7]) == [0, 0, 0x01, 0x23])
        #expect(test.medium.block(7) == Self.zero)
    }

    @Test(arguments: [512, 1023, 1025, 2048])
    func `COMPARE AND WRITE refuses any other length of data`(_ length: Int) {
        var test = UnitUnderTest()
        let cdb = bytes("89 00 00 00 00 00 00 00 00 07 00 00 00 01 00 00")
        #expect(test.execute(cdb, dataOut: [UInt8](repeating: 0, count: length)).senseText == "05/0E/03")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `ORWRITE sets bits`() {
        var test = UnitUnderTest()
        let cdb = bytes("8B 00 00 00 00 00 00 00 00 01 00 00 00 01 00 00")
        #expect(test.execute(cdb, dataOut: [UInt8](repeating: 0xA5, count: 512)).status == .good)
        #expect(test.execute(cdb, dataOut: [UInt8](repeating: 0x5A, count: 512)).status == .good)
        #expect(test.medium.block(1) == [UInt8](repeating: 0xFF, count: 512))
    }

    @Test func `ORWRITE starts over when another writes in between`() {
        var test = UnitUnderTest()
        test.medium.interference = (1, [UInt8](repeating: 0x0F, count: 512))
        let cdb = bytes("8B 00 00 00 00 00 00 00 00 01 00 00 00 01 00 00")
        #expect(test.execute(cdb, dataOut: [UInt8](repeating: 0xF0, count: 512)).status == .good)
        #expect(test.medium.block(1) == [UInt8](repeating: 0xFF, count: 512))
        #expect(test.medium.log.count == 4)
    }
}
