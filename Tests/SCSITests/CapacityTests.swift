// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("READ CAPACITY, SYNCHRONIZE CACHE, diagnostics")
struct CapacityTests {
    static let readCapacity16 = "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00"

    @Test func `READ CAPACITY (10)`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes("25 00 00 00 00 00 00 00 00 00")) == bytes("0000FFFF 00000200"))
        var large = UnitUnderTest(blockCount: 1 << 33)
        #expect(large.dataIn(bytes("25")) == bytes("FFFFFFFF 00000200"))
        #expect(test.run(bytes("25 00 00 00 00 01 00 00 00 00"))?.senseText == "05/24/00")
    }

    @Test func `READ CAPACITY (16)`() {
        var test = UnitUnderTest(physicalBlockExponent: 3)
        #expect(test.dataIn(bytes(Self.readCapacity16)) == bytes("000000000000FFFF 00000200 00 03 C000" + zeroes(16)))
        var thick = UnitUnderTest(blockSize: 4096, blockCount: 1 << 33, capabilities: [])
        #expect(thick.dataIn(bytes(Self.readCapacity16)) == bytes("00000001FFFFFFFF 00001000 00 00 0000" + zeroes(16)))
        #expect(test.dataIn(bytes("9E 10 00 00 00 00 00 00 00 00 00 00 00 0F 00 00"))?.count == 15)
    }

    @Test func `an unknown service action is a bad field, an unknown code a bad code`() {
        var test = UnitUnderTest()
        let result = test.run(bytes("9E 1F"))
        #expect(result?.senseText == "05/24/00")
        #expect(result?.sense.map { Array($0.readableBytesView.suffix(3)) } == bytes("CC 00 01"))
        #expect(test.run(bytes("C0"))?.senseText == "05/20/00")
    }

    @Test(arguments: ["35 00 00 00 00 10 00 00 00 00", "91 02 00 00 00 00 00 00 00 10 00 00 00 01 00 00"])
    func `SYNCHRONIZE CACHE flushes`(_ cdb: String) {
        var test = UnitUnderTest()
        #expect(test.execute(bytes(cdb)).status == .good)
        #expect(test.medium.log == ["flush"])
        var cacheless = UnitUnderTest(capabilities: [])
        #expect(cacheless.execute(bytes(cdb)).status == .good)
        #expect(cacheless.medium.log.isEmpty)
    }

    @Test func `SYNCHRONIZE CACHE reports a lost write`() {
        var test = UnitUnderTest()
        test.medium.failure = BlockError(.write, "flush /disk")
        #expect(test.execute(bytes("35")).senseText == "03/0C/00")
        #expect(test.execute(bytes("35 00 00 01 00 00 00 00 01 00")).senseText == "05/21/00")
    }

    @Test(arguments: [
        (BlockError.Kind.read, "03/11/00"), (.write, "03/0C/00"), (.full, "07/27/07"), (.readOnly, "07/27/00"),
        (.unsupported, "05/20/00"), (.unavailable, "04/44/00"),
    ])
    func `a failing store becomes sense data`(_ kind: BlockError.Kind, _ sense: String) {
        var test = UnitUnderTest()
        #expect(test.unit.failed(BlockError(kind, "x")).senseText == sense)
    }

    @Test func `PRE-FETCH checks its range and does nothing`() {
        var test = UnitUnderTest()
        #expect(test.execute(bytes("34 02 00 00 00 00 00 00 08 00")).status == .good)
        #expect(test.execute(bytes("90 00 00 00 00 00 00 01 00 00 00 00 00 01 00 00")).senseText == "05/21/00")
        #expect(test.medium.log.isEmpty)
    }

    @Test func `diagnostics and defects`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes("1C 01 00 00 FF 00")) == bytes("00 00 00 01 00"))
        #expect(test.dataIn(bytes("37 00 0D 00 00 00 00 00 20 00")) == bytes("00 0D 0000"))
        #expect(test.dataIn(bytes("B7 0D 00 00 00 00 00 00 00 20 00 00")) == bytes("00 0D 0000 00000000"))
    }
}

@Suite("REPORT SUPPORTED OPERATION CODES")
struct SupportedOperationsTests {
    static func all(_ test: inout UnitUnderTest, timeouts: Bool) -> [UInt8] {
        test.dataIn(bytes("A3 0C \(timeouts ? "80" : "00") 00 00 00 00 00 FF FF 00 00")) ?? []
    }

    @Test func `all commands, in order`() {
        var test = UnitUnderTest()
        let data = Self.all(&test, timeouts: false)
        #expect(Array(data[0..<4]) == bytes("0000") + [UInt8((data.count - 4) >> 8), UInt8((data.count - 4) & 0xFF)])
        let entries = stride(from: 4, to: data.count, by: 8).map { Array(data[$0..<($0 + 8)]) }
        #expect(entries.first == bytes("00 00 0000 00 00 0006"))
        #expect(entries.contains(bytes("9E 00 0010 00 01 0010")))
        #expect(entries.contains(bytes("42 00 0000 00 00 000A")))
        let keys = entries.map { Int($0[0]) << 16 | Int($0[2]) << 8 | Int($0[3]) }
        #expect(keys == keys.sorted())
        #expect(Set(keys).count == keys.count)
        var thick = UnitUnderTest(capabilities: [])
        #expect(Self.all(&thick, timeouts: false).count == data.count - 2 * 8)
        #expect(Self.all(&test, timeouts: true).count == 4 + 20 * entries.count)
    }

    @Test func `each command that is listed is found alone, with usage data of its CDB's length`() {
        var test = UnitUnderTest()
        let data = Self.all(&test, timeouts: false)
        for entry in stride(from: 4, to: data.count, by: 8).map({ Array(data[$0..<($0 + 8)]) }) {
            let hasAction = entry[5] & 1 != 0
            let arguments = [entry[0], entry[2], entry[3]]
            for (option, isRight) in [(UInt8(1), !hasAction), (2, hasAction), (3, true)] {
                let result = test.run([0xA3, 0x0C, option] + arguments + bytes("00 00 FF FF 00 00"))
                guard isRight else {
                    #expect(result?.senseText == "05/24/00")
                    continue
                }
                let one = result?.dataIn.map { Array($0.readableBytesView) } ?? []
                #expect(one[1] == 0x03)
                #expect(Array(one[2..<4]) == Array(entry[6..<8]))
                #expect(one.count == 4 + Int(entry[7]))
                #expect(one[4] == entry[0])
            }
        }
    }

    @Test func `one command`() {
        var test = UnitUnderTest()
        #expect(
            test.dataIn(bytes("A3 0C 01 28 00 00 00 00 FF FF 00 00"))
                == bytes("00 03 000A 28 18 FF FF FF FF 00 FF FF 04"))
        #expect(
            test.dataIn(bytes("A3 0C 81 00 00 00 00 00 FF FF 00 00"))
                == bytes("00 83 0006 00 00 00 00 00 04 000A" + zeroes(10)))
        #expect(test.dataIn(bytes("A3 0C 01 FF 00 00 00 00 FF FF 00 00")) == bytes("00 01 0000"))
        #expect(test.run(bytes("A3 0C 07 00 00 00 00 00 FF FF 00 00"))?.senseText == "05/24/00")
    }

    @Test func `task management functions`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes("A3 0D 00 00 00 00 00 00 00 10 00 00")) == bytes("F8 00 00 00"))
        #expect(test.dataIn(bytes("A3 0D 80 00 00 00 00 00 00 10 00 00")) == bytes("F8 00 00 0C" + zeroes(12)))
        #expect(test.run(bytes("A3 0D 00 00 00 00 00 00 00 03 00 00"))?.senseText == "05/24/00")
    }
}

@Suite("Any CDB")
struct AnyCDBTests {
    /// Every step that a random CDB with random Data-Out leads to stays inside the medium, and the command ends.
    @Test func `random CDBs never trap and never leave the medium`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var test = UnitUnderTest(blockCount: 1000, settings: LogicalUnitSettings(removable: true))
        let codes = (UInt8(0)...255).filter { test.run([$0, 0x1F])?.senseText != "05/20/00" }
        for _ in 0..<20000 {
            var cdb = (0..<16).map { _ in
                Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
            }
            cdb[0] = codes.randomElement(using: &random) ?? 0
            var step = test.begin(cdb)
            for _ in 0..<64 {
                switch step {
                case .finish(let result):
                    #expect((result.status == .checkCondition) == (result.sense != nil), "\(cdb), seed \(seed)")
                case .read(let range), .write(let range, _):
                    #expect(test.unit.info.geometry.contains(range), "\(cdb), seed \(seed)")
                case .collect(let byteCount, let continuation):
                    #expect(byteCount <= 16 << 20, "\(cdb), seed \(seed)")
                    let length = Bool.random(using: &random) ? byteCount : Int.random(in: 0...byteCount, using: &random)
                    let data = ByteBuffer(bytes: (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
                    step = test.unit.resume(continuation, with: .collected(data), nexus: test.nexus)
                    continue
                case .perform(let request, let continuation):
                    #expect(test.medium.contains(request), "\(cdb), seed \(seed)")
                    step = test.unit.resume(
                        continuation, with: .performed(test.medium.perform(request)), nexus: test.nexus)
                    continue
                case .sanitize:
                    while let step = test.unit.nextSanitizeStep() {
                        #expect(test.medium.contains(step.request), "\(cdb), seed \(seed)")
                        test.unit.sanitizePerformed(test.medium.perform(step.request))
                    }
                    if let change = test.unit.endSanitizing() { test.unit.settle(change, isKept: true) }
                    test.unit.sanitizeEnded(isKept: true)
                    #expect(test.unit.sanitized().status == .good)
                case .selfTest:
                    while let step = test.unit.nextSelfTestStep() {
                        #expect(test.medium.contains(step.request), "\(cdb), seed \(seed)")
                        test.unit.selfTestPerformed(test.medium.perform(step.request))
                    }
                case .copy(let machine, let continuation):
                    var units = [test]
                    let outcome = CopyBench.copy(machine, among: &units, nexus: test.nexus)
                    test = units[0]
                    step = test.unit.resume(continuation, with: .copied(outcome), nexus: test.nexus)
                    continue
                case .wait(let ticket, _):
                    test.unit.left(ticket)
                case .passThrough: Issue.record("a unit without a device passes a command through")
                case .remember(let change, let continuation):
                    let isKept = Bool.random(using: &random)
                    test.unit.settle(change, isKept: isKept)
                    step = test.unit.resume(continuation, with: .remembered(isKept), nexus: test.nexus)
                    continue
                }
                break
            }
        }
    }
}

/// A generator whose sequence is told by its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
