// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// The largest medium whose bytes can be counted: 2^64 less one block. Nothing is read here; it is the arithmetic of the
/// last blocks that matters.
@Suite("A medium of 16 EiB less one block")
struct LargestMediumTests {
    struct Medium: Sendable, CustomTestStringConvertible {
        var blockSize: Int
        var exponent: UInt8
        var blockCount: UInt64 { UInt64.max / UInt64(self.blockSize) }
        var lastLBA: UInt64 { self.blockCount - 1 }
        var testDescription: String { "\(self.blockSize)" }

        func unit() -> UnitUnderTest {
            UnitUnderTest(
                blockSize: self.blockSize, blockCount: self.blockCount, physicalBlockExponent: self.exponent,
                maxAtomicBlocks: 8)
        }
    }

    static let media = [Medium(blockSize: 512, exponent: 3), Medium(blockSize: 4096, exponent: 0)]

    static func integer(_ value: UInt64, bytes count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    /// A CDB of 16 bytes with its LBA at 2 and its count at 10.
    static func cdb(_ code: UInt8, _ lba: UInt64, _ count: UInt32, flags: UInt8 = 0) -> [UInt8] {
        [code, flags] + Self.integer(lba, bytes: 8) + Self.integer(UInt64(count), bytes: 4) + [0, 0]
    }

    static func range(_ step: TaskStep) -> BlockRange? {
        switch step {
        case .read(let range), .write(let range, _), .perform(.read(let range), _),
            .perform(.writeZeroes(let range, _, _), _), .perform(.extent(let range), _):
            range
        default: nil
        }
    }

    @Test(arguments: media)
    func `its capacity is told, and its last byte can be addressed`(_ medium: Medium) {
        var test = medium.unit()
        #expect(test.dataIn(bytes("25"))?.prefix(4) == bytes("FFFFFFFF")[...])
        #expect(
            test.dataIn(bytes(CapacityTests.readCapacity16))?.prefix(8) == Self.integer(medium.lastLBA, bytes: 8)[...])
        let long = test.dataIn(bytes("5A 18 0A 00 00 00 00 00 FF 00"))
        #expect(long?.count == 20)
        let descriptor = test.dataIn(bytes("5A 10 0A 00 00 00 00 00 FF 00"))
        #expect(descriptor?[8..<16] == Self.integer(medium.blockCount, bytes: 8)[...])
        let last = BlockRange(lba: medium.lastLBA, count: 1)
        let geometry = test.unit.info.geometry
        #expect(geometry.contains(last))
        #expect(geometry.byteOffset(last.lba) == UInt64.max - UInt64(2 * medium.blockSize) + 1)
    }

    /// READ, WRITE, VERIFY, WRITE SAME with NDOB, GET LBA STATUS.
    @Test(arguments: media, [(0x88, 0), (0x8A, 0), (0x8F, 0), (0x93, 0x01), (0x9E, 0x12)] as [(UInt8, UInt8)])
    func `the last block is there, and nothing beyond it`(_ medium: Medium, _ command: (code: UInt8, flags: UInt8)) {
        var test = medium.unit()
        let isStatus = command.code == 0x9E
        let step = test.begin(Self.cdb(command.code, medium.lastLBA, isStatus ? 24 : 1, flags: command.flags))
        #expect(Self.range(step) == BlockRange(lba: medium.lastLBA, count: 1))
        for lba in [medium.blockCount, medium.blockCount + 1, 1 << 63, .max] {
            #expect(test.run(Self.cdb(command.code, lba, 1, flags: command.flags))?.senseText == "05/21/00")
            #expect(test.run(Self.cdb(command.code, lba, .max, flags: command.flags))?.senseText == "05/21/00")
        }
        guard !isStatus else { return }
        #expect(test.run(Self.cdb(command.code, medium.lastLBA, 2, flags: command.flags))?.senseText == "05/21/00")
        #expect(test.run(Self.cdb(command.code, medium.lastLBA, .max, flags: command.flags))?.senseText == "05/21/00")
    }

    @Test(arguments: media)
    func `a count of nothing means to the end, which is near`(_ medium: Medium) {
        var test = medium.unit()
        let start = medium.blockCount - 7
        #expect(Self.range(test.begin(Self.cdb(0x93, start, 0, flags: 0x01))) == BlockRange(lba: start, count: 7))
        #expect(test.run(Self.cdb(0x93, 0, 0, flags: 0x01))?.senseText == "05/24/00")
        #expect(test.execute(Self.cdb(0x91, start, 0)).status == .good)
        #expect(test.execute(Self.cdb(0x91, start, 8)).senseText == "05/21/00")
        #expect(test.execute(Self.cdb(0x90, medium.lastLBA, 1)).status == .good)
    }

    @Test(arguments: media)
    func `UNMAP takes the last blocks, and overflows nowhere`(_ medium: Medium) {
        for (lba, count, isGood) in [
            (medium.lastLBA, 1, true), (medium.lastLBA, 2, false), (medium.lastLBA, .max, false),
            (.max, .max, false), (.max, 1, false), (medium.blockCount, 1, false),
        ] as [(UInt64, UInt32, Bool)] {
            var test = medium.unit()
            let list =
                Self.integer(22, bytes: 2) + Self.integer(16, bytes: 2) + [0, 0, 0, 0] + Self.integer(lba, bytes: 8)
                + Self.integer(UInt64(count), bytes: 4) + [0, 0, 0, 0]
            guard case .collect(_, let continuation) = test.begin(bytes("42 00 00 00 00 00 00 00 18 00")) else {
                Issue.record("it takes no list")
                return
            }
            let step = test.unit.resume(
                continuation, with: .collected(ByteBuffer(bytes: list)), nexus: test.nexus)
            switch step {
            case .perform(.unmap(let ranges), _): #expect(isGood && ranges == [BlockRange(lba: lba, count: count)])
            case .finish(let result): #expect(!isGood && result.senseText == "05/21/00")
            default: Issue.record("\(step)")
            }
        }
    }

    /// COMPARE AND WRITE, ORWRITE, WRITE ATOMIC, WRITE AND VERIFY.
    @Test(arguments: media, [0x89, 0x8B, 0x9C, 0x8E] as [UInt8])
    func `what collects data does so for the last block alone`(_ medium: Medium, _ code: UInt8) {
        var test = medium.unit()
        func cdb(_ lba: UInt64, _ count: UInt8) -> [UInt8] {
            var cdb = Self.cdb(code, lba, 0)
            cdb[13] = count
            return cdb
        }
        guard case .collect(let byteCount, _) = test.begin(cdb(medium.lastLBA, 1)) else {
            Issue.record("it takes no data")
            return
        }
        #expect(byteCount == medium.blockSize * (code == 0x89 ? 2 : 1))
        #expect(test.run(cdb(medium.lastLBA, 2))?.senseText == "05/21/00")
        #expect(test.run(cdb(.max, 2))?.senseText == "05/21/00")
    }

    @Test(arguments: media)
    func `a self-test and a sanitize operation know its end`(_ medium: Medium) {
        var test = medium.unit()
        var step = test.begin(bytes("1D A0"))
        var read: [UInt64] = []
        while case .perform(.read(let range), let continuation) = step, read.count < 4 {
            read.append(range.lba)
            step = test.unit.resume(
                continuation, with: .performed(.success(.data(ByteBuffer()))), nexus: test.nexus)
        }
        #expect(read == [0, medium.blockCount / 2, medium.lastLBA])
        guard case .sanitize = test.begin(bytes("48 82")), let first = test.unit.nextSanitizeStep(),
            case .extent(let range) = first.request
        else {
            Issue.record("it does not begin")
            return
        }
        #expect(range == BlockRange(lba: 0, count: .max))
        #expect(test.dataIn(bytes("03 00 00 00 12 00"))?.suffix(3) == bytes("80 0000")[...])
    }
}

@Suite("LUNs up to 16383")
struct LargestLUNTests {
    @Test func `REPORT LUNS lists all of them, each in the addressing that it needs`() {
        let luns = (UInt16(0)...16383).reversed().compactMap { LUN($0) }
        let cdb = ByteBuffer(bytes: UnitUnderTest.padded(bytes("A0 00 00 00 00 00 00 10 00 00 00 00")))
        let data = ReportLUNs.begin(cdb.readableBytesSpan, luns: luns).dataIn.map { Array($0.readableBytesView) } ?? []
        #expect(data.count == 8 + 8 * 16384)
        #expect(data.prefix(4) == LargestMediumTests.integer(8 * 16384, bytes: 4)[...])
        for number in [0, 1, 255, 256, 4095, 16383] {
            let entry = Array(data[(8 + 8 * number)...].prefix(8))
            let flat: [UInt8] = [UInt8(number >> 8 | 0x40), UInt8(number & 0xFF), 0, 0, 0, 0, 0, 0]
            #expect(entry == (number < 256 ? [0, UInt8(number), 0, 0, 0, 0, 0, 0] : flat))
        }
    }
}
