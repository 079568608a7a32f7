// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// Several units that one nexus reaches, and the transport's part of copies among them. Commands go to the first.
struct CopyBench {
    var units: [UnitUnderTest]
    let nexus = UnitUnderTest.nexus(1)

    init(_ units: [UnitUnderTest]) {
        self.units = units
    }

    /// What the transport does for `.copy`. `before` runs before each piece.
    static func copy(
        _ machine: CopyMachine, among units: inout [UnitUnderTest], nexus: Nexus,
        before: (inout [UnitUnderTest]) -> Void = { _ in }
    ) -> CopyOutcome {
        var machine = machine
        let places = machine.devices.map { device in units.firstIndex { $0.unit.isNamed(by: device) } }
        machine.start(places.map { place in place.map { units[$0].unit.info.geometry } })
        while true {
            switch machine.next() {
            case .finished(let outcome): return outcome
            case .transfer(let transfer, let device):
                before(&units)
                guard let place = places[device], let request = units[place].unit.admit(transfer, nexus: nexus) else {
                    machine.refused()
                    continue
                }
                machine.performed(units[place].medium.perform(request))
            }
        }
    }

    mutating func copy(_ list: [UInt8], before: (inout [UnitUnderTest]) -> Void = { _ in }) -> CommandResult {
        let cdb = Self.cdb(list.count)
        var step = self.units[0].begin(cdb, expectedDataOut: list.count)
        while true {
            switch step {
            case .finish(let result):
                return result
            case .collect(let count, let continuation):
                step = self.units[0].unit.resume(
                    continuation, with: .collected(ByteBuffer(bytes: list.prefix(count))), nexus: self.nexus)
            case .copy(let machine, let continuation):
                let outcome = Self.copy(machine, among: &self.units, nexus: self.nexus, before: before)
                step = self.units[0].unit.resume(continuation, with: .copied(outcome), nexus: self.nexus)
            default:
                Issue.record("\(step) has no place in a copy")
                return CommandResult(status: .busy)
            }
        }
    }

    static func cdb(_ length: Int) -> [UInt8] {
        var buffer = ByteBuffer(bytes: [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        buffer.writeMultipleIntegers(UInt32(length), UInt16(0))
        return Array(buffer.readableBytesView)
    }

    /// A CSCD descriptor that names a unit by its NAA designator.
    static func device(_ unit: UnitUnderTest, blockSize: Int? = nil, type: UInt8 = 0xE4) -> [UInt8] {
        let digits = unit.serial.compactMap(\.hexDigitValue).prefix(15).map { UInt8($0) }
        let name = stride(from: 0, to: 16, by: 2).map { ([3] + digits)[$0] << 4 | ([3] + digits)[$0 + 1] }
        let size = blockSize ?? unit.medium.geometry.blockSize
        return [type, 0, 0, 0, 1, 3, 0, 8] + name + [UInt8](repeating: 0, count: 13)
            + [UInt8(size >> 16 & 0xFF), UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF)]
    }

    static func segment(
        _ source: UInt16, _ destination: UInt16, _ count: UInt16, from: UInt64, to: UInt64, flags: UInt8 = 0,
        type: UInt8 = 0x02
    ) -> [UInt8] {
        var buffer = ByteBuffer(bytes: [type, flags])
        buffer.writeMultipleIntegers(UInt16(0x18), source, destination, UInt16(0), count, from, to)
        return Array(buffer.readableBytesView)
    }

    static func bytesSegment(_ count: UInt32, from: UInt64, to: UInt64, offsets: (UInt16, UInt16) = (0, 0)) -> [UInt8] {
        var buffer = ByteBuffer(bytes: [0x0A, 0])
        buffer.writeMultipleIntegers(UInt16(0x1C), UInt16(0), UInt16(0), count, from, to, offsets.0, offsets.1)
        return Array(buffer.readableBytesView)
    }

    static func list(
        _ devices: [[UInt8]], _ segments: [[UInt8]], identifier: UInt8 = 7, usage: UInt8 = 0, inline: UInt32 = 0
    ) -> [UInt8] {
        var buffer = ByteBuffer(bytes: [identifier, usage << 3])
        buffer.writeMultipleIntegers(
            UInt16(devices.joined().count), UInt32(0), UInt32(segments.joined().count), inline)
        buffer.writeBytes(Array(devices.joined()))
        buffer.writeBytes(Array(segments.joined()))
        return Array(buffer.readableBytesView)
    }
}

@Suite("EXTENDED COPY")
struct ExtendedCopyTests {
    static let otherSerial = "11112222-3333-4444-5555-666677778888"
    static let first = UnitUnderTest()
    static let second = UnitUnderTest(serial: otherSerial)

    static func filled(_ unit: UnitUnderTest) -> UnitUnderTest {
        var unit = unit
        for index in unit.medium.bytes.indices { unit.medium.bytes[index] = UInt8(truncatingIfNeeded: index / 512 + 1) }
        return unit
    }

    @Test func `blocks go from one unit to another, in the order of the segments`() {
        var bench = CopyBench([Self.filled(Self.first), Self.second])
        let list = CopyBench.list(
            [CopyBench.device(Self.first), CopyBench.device(Self.second)],
            [
                CopyBench.segment(0, 1, 4, from: 8, to: 100), CopyBench.segment(1, 0, 2, from: 101, to: 0),
                CopyBench.segment(0, 1, 0, from: 0, to: 0),
            ])
        #expect(bench.copy(list).status == .good)
        #expect(bench.units[1].medium.block(103) == bench.units[0].medium.block(11))
        #expect(bench.units[0].medium.block(1) == bench.units[0].medium.block(10))
        #expect(bench.units[1].medium.log == ["write 100+4", "read 101+2"])
    }

    @Test func `units of other block sizes copy whole blocks of both`() {
        let large = UnitUnderTest(blockSize: 4096, serial: Self.otherSerial)
        var bench = CopyBench([Self.filled(Self.first), large])
        let devices = [CopyBench.device(Self.first), CopyBench.device(large)]
        #expect(bench.copy(CopyBench.list(devices, [CopyBench.segment(0, 1, 16, from: 0, to: 5)])).status == .good)
        #expect(bench.units[1].medium.log == ["write 5+2"])
        #expect(
            bench.copy(CopyBench.list(devices, [CopyBench.segment(0, 1, 1, from: 3, to: 7, flags: 2)])).status == .good)
        #expect(bench.units[0].medium.log.last == "read 3+8")
        let inexact = CopyBench.list(devices, [CopyBench.segment(0, 1, 12, from: 0, to: 5)])
        #expect(bench.copy(inexact).senseText == "0A/26/0A")
    }

    @Test func `a long segment is copied in pieces`() {
        var bench = CopyBench([Self.filled(UnitUnderTest(blockSize: 4096))])
        let segment = CopyBench.segment(0, 0, 600, from: 0, to: 2000)
        #expect(bench.copy(CopyBench.list([CopyBench.device(bench.units[0])], [segment])).status == .good)
        #expect(
            bench.units[0].medium.log == [
                "read 0+256", "write 2000+256", "read 256+256", "write 2256+256", "read 512+88", "write 2512+88",
            ])
        #expect(bench.units[0].medium.block(2599) == bench.units[0].medium.block(599))
    }

    @Test func `a segment may tell bytes`() {
        var bench = CopyBench([Self.filled(Self.first)])
        let device = CopyBench.device(Self.first)
        #expect(bench.copy(CopyBench.list([device], [CopyBench.bytesSegment(1024, from: 4, to: 90)])).status == .good)
        #expect(bench.units[0].medium.log == ["read 4+2", "write 90+2"])
        for (segment, sense) in [
            (CopyBench.bytesSegment(1000, from: 4, to: 90), "0A/26/0A"),
            (CopyBench.bytesSegment(1024, from: 4, to: 90, offsets: (1, 0)), "0A/26/0D"),
            (CopyBench.bytesSegment(0x1000_0200, from: 4, to: 90), "05/26/00"),
        ] {
            #expect(bench.copy(CopyBench.list([device], [segment])).senseText == sense)
        }
    }

    static let one = CopyBench.device(first)
    static let whole = CopyBench.segment(0, 0, 1, from: 0, to: 9)

    @Test(arguments: [
        ("shorter than its header", [UInt8](repeating: 0, count: 15), "05/1A/00"),
        ("a device cut short", Array(CopyBench.list([one], [whole]).prefix(47)), "05/1A/00"),
        ("a segment cut short", Array(CopyBench.list([one], [whole]).dropLast()), "05/1A/00"),
        ("more than it tells", CopyBench.list([one], [whole]) + [0], "05/1A/00"),
        ("half a device", CopyBench.list([Array(one.prefix(16))], [whole]), "05/1A/00"),
        ("too many devices", CopyBench.list(Array(repeating: one, count: 17), [whole]), "05/26/06"),
        ("too many segments", CopyBench.list([one], Array(repeating: whole, count: 65)), "05/26/08"),
        ("too much", CopyBench.list(Array(repeating: one, count: 17), Array(repeating: whole, count: 64)), "05/1A/00"),
        ("Fibre Channel", CopyBench.list([CopyBench.device(first, type: 0xE0)], [whole]), "05/26/07"),
        ("stream", CopyBench.list([one], [CopyBench.segment(0, 0, 1, from: 0, to: 9, type: 3)]), "05/26/09"),
        ("inline data", CopyBench.list([one], [whole], inline: 4), "05/26/0B"),
        ("reserved list ID usage", CopyBench.list([one], [whole], usage: 1), "05/26/00"),
        ("an identifier where there is none", CopyBench.list([one], [whole], usage: 3), "05/26/00"),
        ("a wrong block size", CopyBench.list([CopyBench.device(first, blockSize: 520)], [whole]), "05/26/00"),
        ("no such device", CopyBench.list([one], [CopyBench.segment(0, 1, 1, from: 0, to: 9)]), "0A/0D/02"),
        ("no such unit", CopyBench.list([CopyBench.device(second)], [whole]), "0A/0D/02"),
        ("source past the end", CopyBench.list([one], [CopyBench.segment(0, 0, 2, from: 0xFFFF, to: 0)]), "0A/00/00"),
        (
            "destination past the end", CopyBench.list([one], [CopyBench.segment(0, 0, 2, from: 0, to: .max)]),
            "0A/00/00"
        ),
    ])
    func `a bad parameter list copies nothing`(_ name: String, _ list: [UInt8], _ sense: String) {
        var bench = CopyBench([Self.first])
        #expect(bench.copy(list).senseText == sense, "\(name)")
        #expect(bench.units[0].medium.log.isEmpty)
    }

    @Test func `an empty parameter list is none, and a longer one than announced is cut`() {
        var bench = CopyBench([Self.first])
        #expect(bench.copy([]).status == .good)
        #expect(bench.units[0].run(CopyBench.cdb(1 << 20))?.senseText == "05/1A/00")
    }

    @Test func `another's reservation keeps copies out of its unit`() {
        let other = UnitUnderTest.nexus(2)
        var reserved = Self.second
        reserved.unit.nexusBegan(other)
        _ = reserved.run([0], from: other)
        #expect(reserved.run(bytes("16"), from: other)?.status == .good)
        var bench = CopyBench([Self.first, reserved])
        let devices = [CopyBench.device(Self.first), CopyBench.device(Self.second)]
        #expect(
            bench.copy(CopyBench.list(devices, [CopyBench.segment(0, 1, 1, from: 0, to: 9)])).senseText == "0A/0D/01")
        #expect(
            bench.copy(CopyBench.list(devices, [CopyBench.segment(1, 0, 1, from: 0, to: 9)])).senseText == "0A/0D/01")
        #expect(bench.units[1].medium.log.isEmpty)
    }

    @Test func `a unit that is write-protected on the way takes no more`() {
        var bench = CopyBench([Self.first, UnitUnderTest(blockSize: 4096, serial: Self.otherSerial)])
        let devices = [CopyBench.device(Self.first), CopyBench.device(bench.units[1])]
        var pieces = 0
        let list = CopyBench.list(devices, [CopyBench.segment(0, 1, 4096, from: 0, to: 0)])
        let result = bench.copy(list) { units in
            pieces += 1
            if pieces == 3 { _ = ModePageTests.select(&units[1], "0A 0A 04 10 08 00 00 00 FF FF 00 00") }
        }
        #expect(result.senseText == "0A/0D/01")
        #expect(bench.units[1].medium.log == ["write 0+256"])
    }

    @Test func `a store that fails ends the copy, and the results tell where`() {
        var bench = CopyBench([Self.first, Self.second])
        let devices = [CopyBench.device(Self.first), CopyBench.device(Self.second)]
        let segments = [
            CopyBench.segment(0, 0, 2, from: 0, to: 9), CopyBench.segment(1, 0, 1, from: 0, to: 9),
        ]
        bench.units[1].medium.failure = BlockError(.read, "x")
        let result = bench.copy(CopyBench.list(devices, segments))
        #expect(result.senseText == "0A/0D/01")
        // The pointer to the second segment descriptor.
        #expect(result.sense.map { Array($0.readableBytesView.suffix(3)) } == bytes("80 00 6C"))
        #expect(
            bench.units[0].dataIn(bytes("84 00 07 00 00 00 00 00 00 00 00 00 00 20 00 00"))
                == bytes("00000008 02 0001 00 00000400"))
        let details = bench.units[0].dataIn(bytes("84 04 07 00 00 00 00 00 00 00 00 00 01 00 00 00")) ?? []
        #expect(details.count == 60 + 18)
        #expect(details.dropFirst(56).prefix(4) == bytes("02 00 0012")[...])
        #expect(bench.units[0].dataIn(bytes("84 01 07 00 00 00 00 00 00 00 00 00 01 00 00 00")) == bytes("00000000"))
    }
}

@Suite("RECEIVE COPY RESULTS")
struct ReceiveCopyResultsTests {
    static func status(_ identifier: UInt8) -> [UInt8] {
        [0x84, 0x00, identifier, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0]
    }

    /// A copy that stands still: its parameter list has been taken.
    static func begin(_ test: inout UnitUnderTest, _ identifier: UInt8, usage: UInt8 = 0) -> TaskStep {
        let list = CopyBench.list(
            [ExtendedCopyTests.one], [ExtendedCopyTests.whole], identifier: identifier, usage: usage)
        guard case .collect(_, let continuation) = test.begin(CopyBench.cdb(list.count)) else {
            return .finish(.init(status: .busy))
        }
        return test.unit.resume(continuation, with: .collected(ByteBuffer(bytes: list)), nexus: test.nexus)
    }

    @Test func `results are the nexus's, by list identifier, and go with it`() {
        var test = UnitUnderTest()
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run([0], from: other)
        #expect(test.run(Self.status(7))?.senseText == "05/24/00")
        let list = CopyBench.list([ExtendedCopyTests.one], [ExtendedCopyTests.whole])
        #expect(test.execute(CopyBench.cdb(list.count), dataOut: list).status == .good)
        #expect(test.dataIn(Self.status(7)) == bytes("00000008 01 0001 00 00000200"))
        #expect(test.run(Self.status(7), from: other)?.senseText == "05/24/00")
        test.unit.nexusEnded(test.nexus.id)
        test.unit.nexusBegan(test.nexus)
        _ = test.run([0])
        #expect(test.run(Self.status(7))?.senseText == "05/24/00")
    }

    @Test func `a copy under way shows, keeps its identifier, and is forgotten when it is aborted`() {
        var test = UnitUnderTest()
        guard case .copy(_, let continuation) = Self.begin(&test, 7) else {
            Issue.record("no copy")
            return
        }
        #expect(test.dataIn(Self.status(7)) == bytes("00000008 00 0000 00 00000000"))
        #expect(test.run(bytes("84 04 07 00 00 00 00 00 00 00 00 00 01 00 00 00"))?.senseText == "05/24/00")
        #expect(Self.begin(&test, 7).result?.senseText == "05/00/16")
        test.unit.copyAborted(continuation, nexus: test.nexus.id)
        #expect(test.run(Self.status(7))?.senseText == "05/24/00")
        guard case .copy = Self.begin(&test, 7) else {
            Issue.record("the identifier is not free")
            return
        }
    }

    @Test func `more copies at a time than the limit are told to come again`() {
        var test = UnitUnderTest()
        for identifier in UInt8(0)..<8 {
            guard
                case .copy = Self.begin(&test, identifier & 1 == 0 ? identifier : 0, usage: identifier & 1 == 0 ? 0 : 3)
            else {
                Issue.record("copy \(identifier) was not begun")
                return
            }
        }
        #expect(Self.begin(&test, 9).result?.status == .busy)
    }

    @Test func `the operating parameters and VPD page 8F tell the limits`() {
        var test = UnitUnderTest()
        #expect(
            test.dataIn(bytes("84 03 00 00 00 00 00 00 00 00 00 00 01 00 00 00"))
                == bytes(
                    """
                    0000002B 01000000 0010 0040 00000900 10000000 00000000 00000000 00000000 0000 0008 08 09 0000 000000
                    03 02 0A E4
                    """))
        #expect(
            test.dataIn(bytes("12 01 8F 01 00 00"))
                == bytes(
                    """
                    00 8F 005C 0001 000C 09 83 01 00 84 04 00 01 03 04 0000
                    0004 001C 00000000 0010 0040 00000900 00000000 000000000000000000000000
                    0008 0004 03 02 0A E4
                    8001 0020 00000008 00000008 10000000 09 00 000000000000000000000000000000000000
                    """))
        #expect(test.dataIn(bytes("12 00 00 00 24 00"))?[5] == 0x38)
    }
}
