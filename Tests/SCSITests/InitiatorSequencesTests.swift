// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// What initiators that are not here to be tried do first with a unit, as their vendors' documents and the logs of other
/// targets tell it.
@Suite("First commands of ESXi, Windows and Solaris")
struct InitiatorSequencesTests {
    private static func isGood(_ test: inout UnitUnderTest, _ cdb: String, _ dataOut: [UInt8] = []) -> Bool {
        test.execute(bytes(cdb), dataOut: dataOut).status == .good
    }

    // MARK: - ESXi

    @Test func `ESXi looks at a unit`() {
        var test = UnitUnderTest(freshNexus: true)
        #expect(test.execute([0]).senseText == "06/29/00")
        let commands = [
            "00 00 00 00 00 00", "12 00 00 00 24 00", "12 00 00 00 60 00", "12 01 00 00 FF 00", "12 01 80 00 FF 00",
            "12 01 83 00 FF 00", "12 01 86 00 FF 00", "12 01 B0 00 FF 00", "12 01 B1 00 FF 00", "12 01 B2 00 FF 00",
            "25 00 00 00 00 00 00 00 00 00", "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00",
            "1A 00 08 00 FF 00", "1A 00 1C 00 FF 00", "1A 00 3F 00 FF 00", "5A 00 0A 00 00 00 00 00 FF 00",
            "4D 00 40 00 00 00 00 00 FF 00", "A3 0A 00 00 00 00 00 00 10 00 00 00",
            "5E 00 00 00 00 00 00 01 00 00", "28 00 00 00 00 00 00 00 01 00",
            // A datastore is made under a reservation.
            "16 00 00 00 00 00", "17 00 00 00 00 00",
        ]
        for command in commands { #expect(Self.isGood(&test, command), "\(command)") }
    }

    /// The four primitives of VMware's VAAI: ATS, clone, zero and delete.
    @Test func `ESXi finds and uses the primitives of VAAI`() {
        var test = UnitUnderTest()
        // 3PC in INQUIRY, the limits in VPD B0, LBPU in VPD B2.
        #expect(test.dataIn(bytes("12 00 00 00 60 00")).map { $0[5] & 0x08 } == 0x08)
        let limits = test.dataIn(bytes("12 01 B0 00 FF 00"))
        #expect(limits.map { $0[5] } != 0)  // MAXIMUM COMPARE AND WRITE LENGTH
        #expect(limits.map { $0[20..<28].contains { $0 != 0 } } == true)  // MAXIMUM UNMAP LBA and DESCRIPTOR COUNT
        #expect(test.dataIn(bytes("12 01 B2 00 FF 00")).map { $0[5] & 0x80 } == 0x80)
        #expect(Self.isGood(&test, "84 03 00 00 00 00 00 00 00 00 00 00 02 00 00 00"))

        let (old, new) = ([UInt8](repeating: 0, count: 512), [UInt8](repeating: 5, count: 512))
        let ats = "89 00 00 00 00 00 00 00 00 08 00 00 00 01 00 00"
        #expect(Self.isGood(&test, ats, old + new))
        #expect(test.execute(bytes(ats), dataOut: old + new).senseText == "0E/1D/00")
        // Zero: 2,048 blocks of one that is nothing but zeroes.
        #expect(Self.isGood(&test, "93 00 00 00 00 00 00 00 00 00 00 00 08 00 00 00", old))
        #expect(test.execute(bytes(ats), dataOut: old + new).status == .good)
        // Delete.
        let unmap = bytes("0016 0010 00000000 0000000000000000 00000800 00000000")
        #expect(Self.isGood(&test, "42 00 00 00 00 00 00 00 18 00", unmap))
    }

    // MARK: - Windows

    /// What the validation of a failover cluster does with a disk: two nodes with a key each, Write Exclusive, Registrants
    /// Only, a takeover by PREEMPT, and no way in for who has no key.
    @Test func `Windows validates a cluster's disk`() {
        var cluster = UnitUnderTest()
        let (one, two, stranger) = (cluster.nexus, UnitUnderTest.nexus(2), UnitUnderTest.nexus(3))
        for nexus in [two, stranger] {
            cluster.unit.nexusBegan(nexus)
            _ = cluster.run([0], from: nexus)
        }
        func out(_ action: UInt8, key: UInt8, new: UInt8, from nexus: Nexus) -> Status {
            let list = [UInt8](repeating: 0, count: 7) + [key] + [UInt8](repeating: 0, count: 7) + [new]
            return cluster.execute(
                [0x5F, action, 0x05, 0, 0, 0, 0, 0, 24, 0], dataOut: list + [UInt8](repeating: 0, count: 8), from: nexus
            ).status
        }
        let write = bytes("2A 00 00 00 00 00 00 00 01 00")
        let block = [UInt8](repeating: 1, count: 512)
        #expect(out(6, key: 0, new: 1, from: one) == .good)
        #expect(out(6, key: 0, new: 2, from: two) == .good)
        #expect(out(1, key: 1, new: 0, from: one) == .good)
        #expect(cluster.dataIn(bytes("5E 00 00 00 00 00 00 01 00 00"))?.count == 24)
        #expect(cluster.dataIn(bytes("5E 01 00 00 00 00 00 01 00 00"))?.last.map { _ in true } == true)
        for nexus in [one, two] { #expect(cluster.execute(write, dataOut: block, from: nexus).status == .good) }
        #expect(cluster.execute(write, dataOut: block, from: stranger).status == .reservationConflict)
        #expect(cluster.execute(bytes("28 00 00 00 00 00 00 00 01 00"), from: stranger).status == .good)
        // The other node takes over, and the first has lost its key.
        #expect(out(4, key: 2, new: 1, from: two) == .good)
        #expect(cluster.execute(write, dataOut: block, from: one).status == .reservationConflict)
        #expect(cluster.execute(write, dataOut: block, from: two).status == .good)
        #expect(out(3, key: 2, new: 0, from: two) == .good)
        #expect(cluster.dataIn(bytes("5E 00 00 00 00 00 00 01 00 00"), from: two)?.count == 8)
    }

    /// Windows asks for a unique identifier of type 8, 3, 2 or 1 of the unit itself.
    @Test func `Windows finds an identifier of the unit`() {
        var test = UnitUnderTest()
        guard let page = test.dataIn(bytes("12 01 83 00 FF 00")) else { return #expect(Bool(false)) }
        var types: Set<UInt8> = []
        var place = 4
        while place + 4 <= page.count {
            if page[place + 1] & 0x30 == 0 { types.insert(page[place + 1] & 0x0F) }
            place += 4 + Int(page[place + 3])
        }
        #expect(types.contains(3) && types.contains(1))
    }

    /// Offloaded data transfer: what is not offered is told so by page 8Fh, and refused as a service action.
    @Test func `Windows learns that there is no offloaded data transfer`() {
        var test = UnitUnderTest()
        let page = test.dataIn(bytes("12 01 8F 02 00 00")) ?? []
        var descriptors: Set<UInt16> = []
        var place = 4
        while place + 4 <= page.count {
            descriptors.insert(UInt16(page[place]) << 8 | UInt16(page[place + 1]))
            place += 4 + (Int(page[place + 2]) << 8 | Int(page[place + 3]))
        }
        // Neither block device ROD limits nor ROD tokens.
        #expect(descriptors.isDisjoint(with: [0x0000, 0x0106, 0x0108]))
        for command in [
            "83 10 00 00 00 00 00 00 00 01 00 00 00 20 00 00", "83 11 00 00 00 00 00 00 00 01 00 00 02 20 00 00",
            "84 07 00 00 00 00 00 00 00 01 00 00 02 00 00 00",
        ] { #expect(test.execute(bytes(command)).senseText == "05/24/00", "\(command)") }
    }

    // MARK: - Solaris

    @Test func `Solaris looks at a unit`() {
        var test = UnitUnderTest(freshNexus: true)
        #expect(test.execute([0]).senseText == "06/29/00")
        let commands = [
            "12 00 00 00 FF 00", "12 01 00 00 FF 00", "12 01 80 00 FF 00", "12 01 83 00 FF 00", "00 00 00 00 00 00",
            "1B 00 00 00 01 00", "25 00 00 00 00 00 00 00 00 00", "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00",
            "1A 00 08 00 24 00", "5A 00 3F 00 00 00 00 00 FF 00", "35 00 00 00 00 00 00 00 00 00",
        ]
        for command in commands { #expect(Self.isGood(&test, command), "\(command)") }
        // Geometry belongs to disks that turn: without the pages it goes by the capacity.
        for page in ["1A 00 03 00 24 00", "1A 00 04 00 24 00"] {
            #expect(["05/24/00", ""].contains(test.execute(bytes(page)).senseText))
        }
    }
}
