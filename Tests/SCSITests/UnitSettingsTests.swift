// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// A unit whose user has chosen something.
private func unit(
    capabilities: BlockCapabilities = [.writeCache, .unmap, .unmapZeroes], memory: UnitMemory? = nil,
    _ choose: (inout LogicalUnitSettings) -> Void
) -> UnitUnderTest {
    var settings = LogicalUnitSettings()
    choose(&settings)
    return UnitUnderTest(capabilities: capabilities, settings: settings, memory: memory)
}

@Suite("Commands that a unit does without")
struct WithheldCommandTests {
    static let copy = "83 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

    @Test(arguments: [
        (CommandFamilies.thirdPartyCopy, "EXTENDED COPY", Self.copy),
        (.thirdPartyCopy, "RECEIVE COPY OPERATING PARAMETERS", "84 03 00 00 00 00 00 00 00 00 00 00 00 80 00 00"),
        (.compareAndWrite, "COMPARE AND WRITE", "89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"),
        (.reservations, "PERSISTENT RESERVE IN", "5E 00 00 00 00 00 00 00 20 00"),
        (.reservations, "PERSISTENT RESERVE OUT", "5F 00 00 00 00 00 00 00 18 00"),
        (.reservations, "RESERVE (6)", "16 00 00 00 00 00"),
        (.reservations, "RELEASE (10)", "57 00 00 00 00 00 00 00 00 00"),
        (.targetPortGroups, "SET TARGET PORT GROUPS", "A4 0A 00 00 00 00 00 00 00 00 00 00"),
    ])
    func `their operation codes are not known`(_ family: CommandFamilies, _ name: String, _ cdb: String) {
        var whole = UnitUnderTest()
        #expect(whole.execute(bytes(cdb), dataOut: [UInt8](repeating: 0, count: 24)).senseText != "05/20/00", "\(name)")
        var test = unit { $0.withheld = family }
        #expect(test.execute(bytes(cdb), dataOut: [UInt8](repeating: 0, count: 24)).senseText == "05/20/00", "\(name)")
        #expect(!self.operationCodes(&test).contains(bytes(cdb)[0]), "\(name)")
        #expect(self.operationCodes(&whole).contains(bytes(cdb)[0]), "\(name)")
        // REPORT SUPPORTED OPERATION CODES of the one command: SUPPORT 001b.
        let action = String(cdb.dropFirst(3).prefix(2))
        #expect(test.dataIn(bytes("A3 0C 03 \(cdb.prefix(2)) 00 \(action) 00 00 00 FF 00 00"))?[1] == 0x01, "\(name)")
    }

    @Test(arguments: [
        (CommandFamilies.operationCodes, "REPORT SUPPORTED OPERATION CODES", "A3 0C 00 00 00 00 00 00 00 FF 00 00"),
        (.targetPortGroups, "REPORT TARGET PORT GROUPS", "A3 0A 00 00 00 00 00 00 00 FF 00 00"),
    ])
    func `a service action of a command that has others is a bad field`(
        _ family: CommandFamilies, _ name: String, _ cdb: String
    ) {
        var test = unit { $0.withheld = family }
        #expect(test.run(bytes(cdb))?.senseText == "05/24/00", "\(name)")
    }

    @Test func `INQUIRY and its pages agree`() {
        var test = unit { $0.withheld = [.thirdPartyCopy, .compareAndWrite, .targetPortGroups] }
        #expect(test.dataIn(bytes("12 00 00 00 06 00"))?[5] == 0x00)  // neither TPGS nor 3PC
        #expect(test.dataIn(bytes("12 01 00 00 FF 00")) == bytes("00 00 0007 00 80 83 86 B0 B1 B2"))
        #expect(test.run(bytes("12 01 8F 00 FF 00"))?.senseText == "05/24/00")
        #expect(test.dataIn(bytes("12 01 B0 00 FF 00"))?[5] == 0x00)  // MAXIMUM COMPARE AND WRITE LENGTH
        let types = test.dataIn(bytes("12 01 83 01 00 00")).map(Self.designatorTypes)
        #expect(types == [0x1, 0x3, 0x4, 0x8, 0x8])
    }

    @Test func `a reservation from before is not in force`() {
        var before = UnitUnderTest(memory: UnitMemory())
        let register = Cluster.list(key: 0, action: Cluster.keyA, flags: 0x01)
        #expect(before.execute(bytes("5F 00 00 00 00 00 00 00 18 00"), dataOut: register).status == .good)
        let reserve = Cluster.list(key: Cluster.keyA, action: 0)
        #expect(before.execute(bytes("5F 01 03 00 00 00 00 00 18 00"), dataOut: reserve).status == .good)
        let read = bytes("28 00 00 00 00 00 00 00 01 00")
        let other = UnitUnderTest.nexus(2)

        var kept = UnitUnderTest(memory: before.kept)
        kept.unit.nexusBegan(other)
        #expect(kept.execute(read, from: other).status == .reservationConflict)
        var without = unit(memory: before.kept) { $0.withheld = .reservations }
        without.unit.nexusBegan(other)
        _ = without.run([0], from: other)
        #expect(without.execute(read, from: other).status == .good)
    }

    private func operationCodes(_ test: inout UnitUnderTest) -> Set<UInt8> {
        let data = test.dataIn(bytes("A3 0C 00 00 00 00 00 00 FF FF 00 00")) ?? []
        return Set(stride(from: 4, to: data.count, by: 8).map { data[$0] })
    }

    private static func designatorTypes(_ page: [UInt8]) -> [UInt8] {
        var types: [UInt8] = []
        var offset = 4
        while offset + 3 < page.count {
            types.append(page[offset + 1] & 0x0F)
            offset += 4 + Int(page[offset + 3])
        }
        return types
    }
}

@Suite("DPO and FUA that a unit refuses")
struct RefusedAccessBitTests {
    @Test(arguments: [
        ("READ (10)", "28 BB 00 00 00 00 00 00 01 00"),
        ("READ (16)", "88 BB 00 00 00 00 00 00 00 00 00 00 00 01 00 00"),
        ("WRITE (10)", "2A BB 00 00 00 00 00 00 01 00"),
        ("WRITE (12)", "AA BB 00 00 00 00 00 00 00 01 00 00"),
        ("ORWRITE (16)", "8B BB 00 00 00 00 00 00 00 00 00 00 00 01 00 00"),
        ("COMPARE AND WRITE", "89 BB 00 00 00 00 00 00 00 00 00 00 00 01 00 00"),
    ])
    func `are bad fields of a CDB`(_ name: String, _ cdb: String) {
        func send(_ bit: String, _ choose: (inout LogicalUnitSettings) -> Void) -> String {
            var test = unit(choose)
            let cdb = bytes(cdb.replacing("BB", with: bit))
            return test.begin(cdb, expectedDataOut: cdb[0] == 0x89 ? 1024 : 512).result?.senseText ?? ""
        }
        #expect(send("08") { _ in } == "", "\(name)")
        #expect(send("08") { $0.refusesFUA = true } == "05/24/00", "\(name)")
        #expect(send("10") { $0.refusesFUA = true } == "", "\(name)")
        #expect(send("10") { $0.refusesDPO = true } == "05/24/00", "\(name)")
        #expect(send("08") { $0.refusesDPO = true } == "", "\(name)")
    }

    @Test func `VERIFY has DPO alone, and what WRITE SAME has there is something else`() {
        var test = unit {
            $0.refusesDPO = true
            $0.refusesFUA = true
        }
        #expect(test.execute(bytes("2F 10 00 00 00 00 00 00 01 00")).senseText == "05/24/00")
        #expect(test.execute(bytes("2F 00 00 00 00 00 00 00 01 00")).status == .good)
        // WRITE SAME with UNMAP.
        let zero = [UInt8](repeating: 0, count: 512)
        #expect(test.execute(bytes("41 08 00 00 00 00 00 00 01 00"), dataOut: zero).status == .good)
    }

    @Test func `DPOFUA and the usage data agree`() {
        var test = unit { $0.refusesFUA = true }
        #expect(test.dataIn(bytes("1A 08 08 00 04 00"))?[2] == 0x00)
        #expect(test.dataIn(bytes("A3 0C 01 28 00 00 00 00 00 FF 00 00"))?.prefix(6) == bytes("00 03 000A 28 10")[...])
        var whole = UnitUnderTest()
        #expect(whole.dataIn(bytes("1A 08 08 00 04 00"))?[2] == 0x10)
    }
}

@Suite("Task sets and unit attentions as a unit's user wants them")
struct TaskSettingTests {
    private static let read = bytes("28 00 00 00 00 00 00 00 01 00")

    @Test func `TAS has a default that initiators may change`() {
        var test = unit { $0.taskAbortedStatus = true }
        #expect(test.unit.reportsAbortedTasks)
        #expect(test.dataIn(bytes("1A 08 8A 00 FF 00"))?[9] == 0x40)
        #expect(ModePageTests.select(&test, "0A 0A 00 10 00 00 00 00 FF FF 00 00").status == .good)
        #expect(!test.unit.reportsAbortedTasks)
        test.unit.reset()
        #expect(test.unit.reportsAbortedTasks)
    }

    @Test func `with restricted reordering SIMPLE tasks follow one another`() {
        var test = unit { $0.keepsOrder = true }
        #expect(test.execute(bytes("1A 08 0A 00 FF 00")).dataIn.map { Array($0.readableBytesView)[7] } == 0x00)
        guard case .wait(let first, drains: true) = test.begin(Self.read),
            case .wait(let second, drains: true) = test.begin(Self.read)
        else {
            Issue.record("a task does not wait for its turn")
            return
        }
        test.unit.drained(first)
        test.unit.drained(second)
        #expect(test.unit.takeEnabledTasks() == [first])
        #expect(test.unit.takeEnabledTasks().isEmpty)
        test.unit.left(first)
        #expect(test.unit.takeEnabledTasks() == [second])
    }

    @Test func `a unit attention stays until REQUEST SENSE`() {
        var test = unit { $0.attentionInterlock = .keeps }
        #expect(test.dataIn(bytes("03 00 00 00 12 00")).map { [$0[2], $0[12]] } == [0x06, 0x29])
        test.unit.reset()
        for _ in 0..<2 { #expect(test.run([0])?.senseText == "06/29/03") }
        #expect(test.run([0xFF])?.senseText == "06/29/03")
        #expect(test.dataIn(bytes("03 00 00 00 12 00")).map { [$0[2], $0[12]] } == [0x06, 0x29])
        #expect(test.run([0])?.status == .good)
        #expect(test.dataIn(bytes("1A 08 0A 00 FF 00"))?[8] == 0x20)  // UA_INTLCK_CTRL
    }

    @Test(arguments: [(AttentionInterlock.keeps, ""), (.keepsAndEstablishes, "06/2C/09")])
    func `a reservation conflict establishes one`(_ interlock: AttentionInterlock, _ sense: String) {
        var test = unit { $0.attentionInterlock = interlock }
        let other = UnitUnderTest.nexus(2)
        _ = test.run(bytes("03 00 00 00 12 00"))
        #expect(test.run(bytes("16 00 00 00 00 00"))?.status == .good)
        test.unit.nexusBegan(other)
        _ = test.run(bytes("03 00 00 00 12 00"), from: other)
        #expect(test.begin(Self.read, from: other).result?.status == .reservationConflict)
        #expect(test.run(bytes("17 00 00 00 00 00"))?.status == .good)
        #expect(test.begin(Self.read, from: other).result?.senseText ?? "" == sense)
    }

    @Test(arguments: [(AttentionInterlock.none, ""), (.keepsAndEstablishes, "06/2C/08")])
    func `a full queue is TASK SET FULL to those who are in it`(_ interlock: AttentionInterlock, _ sense: String) {
        var test = unit { $0.attentionInterlock = interlock }
        _ = test.run(bytes("03 00 00 00 12 00"))
        #expect(test.unit.full(1, holdsTask: true).status == .taskSetFull)
        #expect(test.unit.full(2, holdsTask: false).status == .busy)
        #expect(test.run([0])?.senseText == sense)
    }
}

@Suite("Reservations as a unit's user wants them")
struct ReservationSettingTests {
    private static func port(_ isid: Int) -> Nexus {
        Nexus(
            id: UInt64(isid), initiatorPort: "iqn.2026-11.org.example:host,i,0x00023d00000\(isid)",
            targetName: "iqn.2026-11.org.apus:disk", relativeTargetPort: 1)
    }

    @Test(arguments: [(false, Status.reservationConflict), (true, .good)])
    func `an initiator's other port shares its registration`(_ ignoresISID: Bool, _ status: Status) {
        var test = unit(memory: UnitMemory()) { $0.ignoresISID = ignoresISID }
        for nexus in [Self.port(2), Self.port(3)] {
            test.unit.nexusBegan(nexus)
            _ = test.run([0], from: nexus)
        }
        let register = Cluster.list(key: 0, action: Cluster.keyA, flags: 0x01)
        #expect(
            test.execute(bytes("5F 00 00 00 00 00 00 00 18 00"), dataOut: register, from: Self.port(2)).status == .good)
        let reserve = Cluster.list(key: Cluster.keyA, action: 0)
        #expect(
            test.execute(bytes("5F 01 01 00 00 00 00 00 18 00"), dataOut: reserve, from: Self.port(2)).status == .good)
        let write = bytes("2A 00 00 00 00 00 00 00 01 00")
        let block = [UInt8](repeating: 1, count: 512)
        #expect(test.execute(write, dataOut: block, from: Self.port(3)).status == status)
        #expect(test.execute(write, dataOut: block, from: test.nexus).status == .reservationConflict)
        // READ FULL STATUS: a TransportID of format 00b names an initiator, 01b its port.
        let full = test.dataIn(bytes("5E 03 00 00 00 00 00 01 00 00")) ?? []
        #expect(full.count > 32 && full[32] == (ignoresISID ? 0x05 : 0x45))

        // It is there again after a power cut, and where ISIDs have come to be ignored since.
        var later = unit(memory: test.kept) { $0.ignoresISID = true }
        later.unit.nexusBegan(Self.port(3))
        _ = later.run([0], from: Self.port(3))
        #expect(later.execute(write, dataOut: block, from: Self.port(3)).status == .good)
        #expect(later.execute(write, dataOut: block, from: later.nexus).status == .reservationConflict)
    }

    @Test(arguments: [false, true])
    func `registrations outlive power cuts without APTPL`(_ always: Bool) {
        var test = unit(memory: UnitMemory()) { $0.alwaysPersists = always }
        let register = Cluster.list(key: 0, action: Cluster.keyA)
        #expect(test.execute(bytes("5F 00 00 00 00 00 00 00 18 00"), dataOut: register).status == .good)
        var later = UnitUnderTest(memory: test.kept ?? UnitMemory())
        let keys = later.dataIn(bytes("5E 00 00 00 00 00 00 00 FF 00"))
        #expect(keys?.count == (always ? 16 : 8))
    }
}

@Suite("Block limits as a unit's user wants them")
struct BlockLimitSettingTests {
    @Test func `page B0 shows them, and they hold`() {
        var test = unit {
            $0.maximumUnmapDescriptors = 1
            $0.maximumWriteSameBlocks = 8
            $0.optimalTransferBlocks = 64
            $0.unmapGranularityBlocks = 16
            $0.unmapAlignmentBlocks = 3
        }
        let page = test.dataIn(bytes("12 01 B0 01 00 00")) ?? []
        #expect(page.count == 64)
        #expect(Array(page[12..<16]) == bytes("00000040"))  // OPTIMAL TRANSFER LENGTH
        #expect(Array(page[24..<28]) == bytes("00000001"))  // MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT
        #expect(Array(page[28..<36]) == bytes("00000010 80000003"))  // UNMAP GRANULARITY, UGAVALID and its alignment
        #expect(Array(page[36..<44]) == bytes("0000000000000008"))  // MAXIMUM WRITE SAME LENGTH

        let block = [UInt8](repeating: 1, count: 512)
        #expect(test.execute(bytes("41 00 00 00 00 00 00 00 08 00"), dataOut: block).status == .good)
        #expect(test.execute(bytes("41 00 00 00 00 00 00 00 09 00"), dataOut: block).senseText == "05/24/00")
        let descriptor = bytes("0000000000000000 00000001 00000000")
        let one = bytes("0016 0010 00000000") + descriptor
        #expect(test.execute(bytes("42 00 00 00 00 00 00 00 18 00"), dataOut: one).status == .good)
        let two = bytes("0026 0020 00000000") + descriptor + descriptor
        #expect(test.execute(bytes("42 00 00 00 00 00 00 00 28 00"), dataOut: two).senseText == "05/26/00")
    }

    @Test func `bounds that are larger than the unit's own change nothing`() {
        var test = unit {
            $0.maximumUnmapDescriptors = .max
            $0.maximumWriteSameBlocks = .max
            $0.optimalTransferBlocks = .max
        }
        var whole = UnitUnderTest()
        let (page, own) = (
            test.dataIn(bytes("12 01 B0 01 00 00")) ?? [], whole.dataIn(bytes("12 01 B0 01 00 00")) ?? []
        )
        #expect(page[24..<28] == own[24..<28] && page[36..<44] == own[36..<44])
        #expect(page[12..<16] == own[8..<12])  // no more than the longest transfer
    }
}
