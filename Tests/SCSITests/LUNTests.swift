// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import SCSI
import Testing

@Suite("LUN")
struct LUNTests {
    @Test(arguments: [
        ("00 00 00 00 00 00 00 00", UInt16(0)), ("00 01 00 00 00 00 00 00", 1), ("00 FF 00 00 00 00 00 00", 255),
        ("40 00 00 00 00 00 00 00", 0), ("41 00 00 00 00 00 00 00", 256), ("7F FF 00 00 00 00 00 00", 16383),
    ])
    func `parses`(_ wire: String, _ number: UInt16) {
        #expect(LUN(parsing: ByteBuffer(bytes: bytes(wire)).readableBytesSpan)?.number == number)
    }

    @Test(arguments: [
        ("another bus", "01 00 00 00 00 00 00 00"), ("a second level", "00 01 00 02 00 00 00 00"),
        ("logical unit addressing", "80 00 00 00 00 00 00 00"), ("a well-known LUN", "C1 01 00 00 00 00 00 00"),
        ("too short", "00 00 00 00"),
    ])
    func `does not take`(_ name: String, _ wire: String) {
        #expect(LUN(parsing: ByteBuffer(bytes: bytes(wire)).readableBytesSpan) == nil, "\(name)")
    }

    @Test func `every number comes back from the wire`() {
        for number in UInt16(0)...16383 {
            #expect(LUN(number).flatMap { LUN(wire: $0.wire) }?.number == number)
        }
        #expect(LUN(16384) == nil)
    }
}

@Suite("REPORT LUNS and absent units")
struct ReportLUNsTests {
    static let luns = [300, 0, 5].compactMap { LUN($0) }

    static func report(_ cdb: String) -> CommandResult {
        ReportLUNs.begin(ByteBuffer(bytes: UnitUnderTest.padded(bytes(cdb))).readableBytesSpan, luns: Self.luns)
    }

    @Test(arguments: [
        ("A0 00 00 00 00 00 00 00 10 00 00 00", "00000018 00000000 0000000000000000 0005000000000000 412C000000000000"),
        ("A0 00 02 00 00 00 00 00 10 00 00 00", "00000018 00000000 0000000000000000 0005000000000000 412C000000000000"),
        ("A0 00 00 00 00 00 00 00 00 10 00 00", "00000018 00000000 0000000000000000"),
        ("A0 00 01 00 00 00 00 00 10 00 00 00", "00000000 00000000"),
    ])
    func `lists the LUNs`(_ cdb: String, _ expected: String) {
        #expect(Self.report(cdb).dataIn.map { Array($0.readableBytesView) } == bytes(expected))
    }

    @Test(arguments: ["A0 00 00 00 00 00 00 00 00 0F 00 00", "A0 00 03 00 00 00 00 00 10 00 00 00"])
    func `refuses a short allocation length and an unknown report`(_ cdb: String) {
        #expect(Self.report(cdb).senseText == "05/24/00")
    }

    static func absent(_ cdb: String) -> CommandResult {
        AbsentUnit.begin(ByteBuffer(bytes: UnitUnderTest.padded(bytes(cdb))).readableBytesSpan, luns: Self.luns)
    }

    @Test func `an absent unit answers INQUIRY with qualifier 3 and type 1Fh`() {
        let result = Self.absent("12 00 00 00 24 00")
        #expect(result.status == .good)
        #expect(result.dataIn.map { Array($0.readableBytesView.prefix(5)) } == bytes("7F 00 06 32 5B"))
        #expect(Self.absent("12 01 00 00 24 00").senseText == "05/24/00")
    }

    @Test func `an absent unit says so in its sense data`() {
        #expect(
            Self.absent("03 00 00 00 12 00").dataIn.map { Array($0.readableBytesView) }
                == bytes("70 00 05 00000000 0A 00000000 25 00 00 000000"))
        #expect(Self.absent("00").senseText == "05/25/00")
        #expect(Self.absent("28").senseText == "05/25/00")
        #expect(Self.absent("A0 00 00 00 00 00 00 00 10 00 00 00").dataIn?.readableBytes == 32)
    }
}
