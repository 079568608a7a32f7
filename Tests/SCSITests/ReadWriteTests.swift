// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("READ and WRITE")
struct ReadWriteTests {
    @Test(arguments: [
        ("READ (6)", "08 01 23 45 06 00", UInt64(0x12345), UInt32(6)),
        ("READ (6), 256 blocks", "08 00 00 10 00 00", 0x10, 256),
        ("READ (10)", "28 10 00 01 02 03 00 04 05 00", 0x10203, 0x405),
        ("READ (12)", "A8 00 00 01 02 03 00 00 04 05 00 00", 0x10203, 0x405),
        ("READ (16)", "88 00 00 00 00 00 00 01 02 03 00 00 04 05 00 00", 0x10203, 0x405),
    ])
    func `a read becomes its range`(_ name: String, _ cdb: String, _ lba: UInt64, _ count: UInt32) {
        var test = UnitUnderTest(blockCount: 0x100_0000)
        guard case .read(let range) = test.begin(bytes(cdb)) else {
            Issue.record("\(name) was not a read")
            return
        }
        #expect(range == BlockRange(lba: lba, count: count))
    }

    @Test(arguments: [
        ("WRITE (6)", "0A 01 23 45 06 00", UInt64(0x12345), UInt32(6), false),
        ("WRITE (10)", "2A 00 00 01 02 03 00 04 05 00", 0x10203, 0x405, false),
        ("WRITE (10) FUA", "2A 08 00 01 02 03 00 04 05 00", 0x10203, 0x405, true),
        ("WRITE (12) FUA", "AA 18 00 01 02 03 00 00 04 05 00 00", 0x10203, 0x405, true),
        ("WRITE (16)", "8A 00 00 00 00 00 00 01 02 03 00 00 04 05 00 00", 0x10203, 0x405, false),
    ])
    func `a write becomes its range`(_ name: String, _ cdb: String, _ lba: UInt64, _ count: UInt32, _ durable: Bool) {
        var test = UnitUnderTest(blockCount: 0x100_0000)
        guard case .write(let range, durable: let isDurable) = test.begin(bytes(cdb)) else {
            Issue.record("\(name) was not a write")
            return
        }
        #expect(range == BlockRange(lba: lba, count: count))
        #expect(isDurable == durable)
    }

    @Test func `FUA on a read flushes first where there is a write cache`() {
        var test = UnitUnderTest()
        let step = test.begin(bytes("28 08 00 00 00 01 00 00 01 00"))
        guard case .perform(.flush, let continuation) = step else {
            Issue.record("no flush: \(step)")
            return
        }
        guard
            case .read(let range) = test.unit.resume(continuation, with: .performed(.success(.done)), nexus: test.nexus)
        else {
            Issue.record("no read after the flush")
            return
        }
        #expect(range == BlockRange(lba: 1, count: 1))
    }

    @Test(arguments: [
        ("first block past the end", "28 00 00 01 00 00 00 00 01 00", "05/21/00"),
        ("last block and one more", "28 00 00 00 FF FF 00 00 02 00", "05/21/00"),
        ("no block past the end", "28 00 00 01 00 00 00 00 00 00", "05/21/00"),
        ("LBA and count that overflow", "88 00 FF FF FF FF FF FF FF FF FF FF FF FF 00 00", "05/21/00"),
        ("RDPROTECT", "28 20 00 00 00 00 00 00 01 00", "05/24/00"),
        ("WRPROTECT", "2A E0 00 00 00 00 00 00 01 00", "05/24/00"),
        ("longer than the longest", "88 00 00 00 00 00 00 00 00 00 00 00 80 01 00 00", "05/24/00"),
    ])
    func `a bad request is refused`(_ name: String, _ cdb: String, _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.run(bytes(cdb))?.senseText == sense, "\(name)")
    }

    @Test func `a transfer of no blocks is no error`() {
        var test = UnitUnderTest()
        #expect(test.run(bytes("28 00 00 00 00 00 00 00 00 00"))?.status == .good)
        #expect(test.run(bytes("2A 00 00 00 00 00 00 00 00 00"))?.status == .good)
    }

    @Test func `a read-only medium refuses writes and lets reads through`() {
        var test = UnitUnderTest(capabilities: [.readOnly])
        #expect(test.run(bytes("2A 00 00 00 00 00 00 00 01 00"))?.senseText == "07/27/00")
        guard case .read = test.begin(bytes("28 00 00 00 00 00 00 00 01 00")) else {
            Issue.record("the read was refused")
            return
        }
    }
}

@Suite("WRITE ATOMIC (16)")
struct WriteAtomicTests {
    static func cdb(lba: UInt64 = 8, count: UInt16 = 2, flags: UInt8 = 0, boundary: UInt8 = 0) -> [UInt8] {
        var buffer = ByteBuffer(bytes: [0x9C, flags])
        buffer.writeMultipleIntegers(lba, UInt8(0), boundary, count, UInt16(0))
        return Array(buffer.readableBytesView)
    }

    @Test func `all data goes to the store in one request`() {
        var test = UnitUnderTest(maxAtomicBlocks: 4)
        let data = [UInt8](repeating: 0x42, count: 1024)
        #expect(test.execute(Self.cdb(), dataOut: data).status == .good)
        #expect(test.execute(Self.cdb(flags: 0x08), dataOut: data).status == .good)
        #expect(test.medium.log == ["write atomic 8+2", "write atomic 8+2 durable"])
        #expect(test.medium.block(9) == Array(data.prefix(512)))
    }

    @Test(arguments: [
        ("beyond the limit", cdb(count: 5), "05/24/00"),
        ("past the end", cdb(lba: 0xFFFF), "05/21/00"),
        ("an LBA that overflows", cdb(lba: .max), "05/21/00"),
        ("nothing past the end", cdb(lba: 0x10000, count: 0), "05/21/00"),
        ("a boundary", cdb(boundary: 1), "05/24/00"),
        ("WRPROTECT", cdb(flags: 0x20), "05/24/00"),
    ])
    func `a bad field changes nothing`(_ name: String, _ cdb: [UInt8], _ sense: String) {
        var test = UnitUnderTest(maxAtomicBlocks: 4)
        #expect(test.execute(cdb, dataOut: [UInt8](repeating: 1, count: 2560)).senseText == sense, "\(name)")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `half of the data is none of it`() {
        var test = UnitUnderTest(maxAtomicBlocks: 4)
        #expect(test.execute(Self.cdb(), dataOut: [UInt8](repeating: 1, count: 512)).senseText == "05/0E/03")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `a store that cannot promise it has no such command`() {
        var test = UnitUnderTest()
        #expect(test.execute(Self.cdb(), dataOut: [UInt8](repeating: 1, count: 1024)).senseText == "05/20/00")
        #expect(test.dataIn(bytes("A3 0C 01 9C 00 00 00 00 00 20 00 00")) == bytes("00 01 00 00"))
    }
}
