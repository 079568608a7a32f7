// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("UNMAP and WRITE SAME")
struct ProvisioningTests {
    /// An UNMAP parameter list.
    static func list(_ ranges: [(UInt64, UInt32)]) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt16(6 + 16 * ranges.count))
        buffer.writeInteger(UInt16(16 * ranges.count))
        buffer.writeInteger(UInt32(0))
        for (lba, count) in ranges {
            buffer.writeInteger(lba)
            buffer.writeInteger(count)
            buffer.writeInteger(UInt32(0))
        }
        return Array(buffer.readableBytesView)
    }

    static func unmap(_ length: Int) -> [UInt8] {
        [0x42, 0, 0, 0, 0, 0, 0, UInt8(length >> 8), UInt8(length & 0xFF), 0]
    }

    @Test func `UNMAP hands all ranges to the store in one request`() {
        var test = UnitUnderTest()
        let list = Self.list([(0, 8), (100, 0), (200, 16)])
        #expect(test.execute(Self.unmap(list.count), dataOut: list).status == .good)
        #expect(test.medium.log == ["unmap 0+8 200+16"])
    }

    @Test func `UNMAP of nothing is no error`() {
        var test = UnitUnderTest()
        #expect(test.execute(Self.unmap(0)).status == .good)
        #expect(test.execute(Self.unmap(8), dataOut: Self.list([])).status == .good)
        let atTheEnd = Self.list([(0x10000, 0)])
        #expect(test.execute(Self.unmap(atTheEnd.count), dataOut: atTheEnd).status == .good)
        #expect(test.medium.log.isEmpty)
    }

    @Test(arguments: [
        ("shorter than the header", Array(repeating: UInt8(0), count: 7), "05/1A/00"),
        ("descriptors beyond the list", bytes("00 16 00 20 00000000 0000000000000000 00000001 00000000"), "05/1A/00"),
        ("past the end", list([(0xFFFF, 2)]), "05/21/00"),
        ("LBA that overflows", list([(UInt64.max, 2)]), "05/21/00"),
        ("more blocks than the limit", list([(0, 0x800), (0x1000, 0x801)]), "05/26/00"),
        ("more descriptors than the limit", list((0..<257).map { (UInt64($0), 1) }), "05/26/00"),
    ])
    func `a bad parameter list changes nothing`(_ name: String, _ list: [UInt8], _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.execute(Self.unmap(list.count), dataOut: list).senseText == sense, "\(name)")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `ANCHOR keeps the space, range by range, and is told by GET LBA STATUS`() {
        var test = UnitUnderTest(blockCount: 4096, capabilities: [.unmap, .unmapZeroes, .anchors])
        #expect(test.dataIn(bytes("12 01 B2 01 00 00")) == bytes("00 B2 0004 00 E6 02 00"))
        let list = Self.list([(0, 8), (64, 16)])
        #expect(test.execute(bytes("42 01 00 00 00 00 00 00") + [UInt8(list.count), 0], dataOut: list).status == .good)
        #expect(test.execute(bytes("41 18 00 00 00 02 00 00 04 00"), dataOut: Self.zero).status == .good)
        #expect(test.execute(bytes("93 19 00 00 00 00 00 00 00 02 00 00 00 04 00 00")).status == .good)
        #expect(test.medium.log == ["zero 0+8", "zero 64+16", "zero 2+4", "zero 2+4"])
        #expect(test.execute(bytes("41 10 00 00 00 02 00 00 04 00"), dataOut: Self.zero).senseText == "05/24/00")
        test.medium.extents = [.extent(count: 8, .anchored), .extent(count: 8, .mapped)]
        let status = test.execute(bytes("9E 12 0000000000000000 00000028 00 00")).dataIn
        #expect(
            status.map { Array($0.readableBytesView.prefix(40)) }
                == bytes("00000024 00000000 0000000000000000 00000008 02 000000 0000000000000008 00000008 00 000000"))
    }

    @Test func `UNMAP with ANCHOR is refused where space cannot be kept, and a thick unit does not know UNMAP`() {
        var test = UnitUnderTest()
        #expect(test.execute(bytes("42 01 00 00 00 00 00 00 08 00")).senseText == "05/24/00")
        var thick = UnitUnderTest(capabilities: [.writeCache])
        #expect(thick.execute(Self.unmap(24), dataOut: Self.list([(0, 1)])).senseText == "05/20/00")
    }

    @Test func `a list cut short by the transport is a length error`() {
        var test = UnitUnderTest()
        let list = Self.list([(0, 8)])
        #expect(test.execute(Self.unmap(24), dataOut: Array(list.prefix(16))).senseText == "05/1A/00")
    }

    static let zero = [UInt8](repeating: 0, count: 512)
    static let a = [UInt8](repeating: 0xAA, count: 512)

    @Test(arguments: [
        ("10, zeroes", "41 00 00 00 00 02 00 00 04 00", zero, "zero 2+4"),
        ("10, zeroes, UNMAP", "41 08 00 00 00 02 00 00 04 00", zero, "zero 2+4 unmap"),
        ("10, a pattern, UNMAP", "41 08 00 00 00 02 00 00 04 00", a, "same 2+4"),
        ("16, a pattern", "93 00 00 00 00 00 00 00 00 02 00 00 00 04 00 00", a, "same 2+4"),
        ("16, NDOB", "93 01 00 00 00 00 00 00 00 02 00 00 00 04 00 00", [], "zero 2+4"),
        ("16, NDOB, UNMAP", "93 09 00 00 00 00 00 00 00 02 00 00 00 04 00 00", [], "zero 2+4 unmap"),
        ("10, to the end", "41 00 00 00 0F F0 00 00 00 00", zero, "zero 4080+16"),
    ])
    func `WRITE SAME becomes what costs least`(_ name: String, _ cdb: String, _ data: [UInt8], _ request: String) {
        var test = UnitUnderTest(blockCount: 4096)
        #expect(test.execute(bytes(cdb), dataOut: data).status == .good, "\(name)")
        #expect(test.medium.log == [request])
    }

    @Test(arguments: [
        ("WRPROTECT", "41 20 00 00 00 00 00 00 01 00", "05/24/00"),
        ("ANCHOR", "41 18 00 00 00 00 00 00 01 00", "05/24/00"),
        ("PBDATA", "41 04 00 00 00 00 00 00 01 00", "05/24/00"),
        ("LBDATA", "41 02 00 00 00 00 00 00 01 00", "05/24/00"),
        ("past the end", "41 00 00 01 00 00 00 00 01 00", "05/21/00"),
        ("to the end, beyond the limit", "93 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "05/24/00"),
        ("beyond the limit", "93 00 00 00 00 00 00 00 00 00 00 00 80 01 00 00", "05/24/00"),
    ])
    func `WRITE SAME refuses a bad field`(_ name: String, _ cdb: String, _ sense: String) {
        var test = UnitUnderTest(blockCount: name.hasPrefix("past") ? 0x10000 : 0x100_0000)
        #expect(test.execute(bytes(cdb), dataOut: Self.zero).senseText == sense, "\(name)")
        #expect(test.medium.log.isEmpty)
    }

    @Test(arguments: [0, 256, 513, 1024])
    func `WRITE SAME takes exactly one block of data`(_ length: Int) {
        var test = UnitUnderTest()
        let data = [UInt8](repeating: 0, count: length)
        #expect(test.execute(bytes("41 00 00 00 00 02 00 00 04 00"), dataOut: data).senseText == "05/0E/03")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `WRITE SAME with UNMAP needs a thin unit`() {
        var test = UnitUnderTest(capabilities: [.writeCache])
        #expect(test.execute(bytes("41 08 00 00 00 02 00 00 04 00"), dataOut: Self.zero).senseText == "05/24/00")
        #expect(test.execute(bytes("41 00 00 00 00 02 00 00 04 00"), dataOut: Self.zero).status == .good)
    }

    @Test func `GET LBA STATUS tells what the store says of the blocks`() {
        var test = UnitUnderTest()
        test.medium.extents = [.extent(count: 8, .deallocated), .extent(count: 8, .mapped)]
        let cdb = bytes("9E 12 00 00 00 00 00 00 FF F0 00 00 00 18 00 00")
        let result = test.execute(cdb)
        #expect(
            result.dataIn.map { Array($0.readableBytesView) }
                == bytes("00000014 00000000 000000000000FFF0 00000008 01 000000"))
        #expect(test.medium.log == ["extent 65520+16"])
        #expect(test.execute(bytes("9E 12 00 00 00 00 00 01 00 00 00 00 00 20 00 00")).senseText == "05/21/00")
    }

    @Test func `GET LBA STATUS joins extents that are alike, and answers as many as fit`() {
        var test = UnitUnderTest()
        test.medium.extents = [
            .extent(count: 8, .deallocated), .extent(count: 8, .deallocated), .extent(count: 4, .mapped),
            .extent(count: 6, .deallocated), .extent(count: 1, .mapped),
        ]
        #expect(
            test.execute(bytes("9E 12 00 00 00 00 00 00 FF 00 00 00 00 38 00 00")).dataIn.map {
                Array($0.readableBytesView)
            }
                == bytes(
                    """
                    00000034 00000000 000000000000FF00 00000010 01 000000 000000000000FF10 00000004 00 000000
                    000000000000FF14 00000006 01 000000
                    """))
    }

    @Test func `a thick unit's blocks are all mapped`() {
        var test = UnitUnderTest(capabilities: [.writeCache])
        #expect(
            test.dataIn(bytes("9E 12 00 00 00 00 00 00 00 10 00 00 00 18 00 00"))
                == bytes("00000014 00000000 0000000000000010 0000FFF0 00 000000"))
    }
}
