// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

@Suite("Unit attention and reset")
struct UnitAttentionTests {
    static let testUnitReady = bytes("00 00 00 00 00 00")

    @Test func `a fresh nexus meets one unit attention`() {
        var test = UnitUnderTest(freshNexus: true)
        #expect(test.run(Self.testUnitReady)?.senseText == "06/29/00")
        #expect(test.run(Self.testUnitReady)?.status == .good)
    }

    @Test func `INQUIRY leaves the unit attention, and REQUEST SENSE takes it`() {
        var test = UnitUnderTest(freshNexus: true)
        #expect(test.run(bytes("12 00 00 00 24 00"))?.status == .good)
        #expect(test.dataIn(bytes("03 00 00 00 12 00")) == bytes("70 00 06 00000000 0A 00000000 29 00 00 000000"))
        #expect(test.dataIn(bytes("03 01 00 00 12 00")) == bytes("72 00 00 00 00 00 00 00"))
        #expect(test.run(Self.testUnitReady)?.status == .good)
    }

    @Test func `an unknown command meets the unit attention first`() {
        var test = UnitUnderTest(freshNexus: true)
        #expect(test.run(bytes("FF"))?.senseText == "06/29/00")
        #expect(test.run(bytes("FF"))?.senseText == "05/20/00")
    }

    @Test func `a reset reaches every nexus and ends reservations, locks and mode changes`() {
        var test = UnitUnderTest(settings: LogicalUnitSettings(removable: true))
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run(Self.testUnitReady, from: other)
        _ = ModePageTests.select(&test, "0A 0A 04 10 00 00 00 00 FF FF 00 00")
        _ = test.run(Self.testUnitReady, from: other)
        _ = test.run(bytes("16 00 00 00 00 00"))
        _ = test.run(bytes("1E 00 00 00 01 00"))
        test.unit.reset()
        for nexus in [test.nexus, other] {
            #expect(test.run(Self.testUnitReady, from: nexus)?.senseText == "06/29/03")
            #expect(test.run(Self.testUnitReady, from: nexus)?.status == .good)
        }
        #expect(test.run(bytes("16 00 00 00 00 00"), from: other)?.status == .good)
        #expect(test.run(bytes("17 00 00 00 00 00"), from: other)?.status == .good)
        #expect(test.execute(bytes("1B 00 00 00 02 00")).status == .good)
        #expect(test.dataIn(bytes("1A 08 0A 00 FF 00"))?[6] == 0)
    }

    @Test func `a reset makes earlier unit attentions pointless, and none is told twice`() {
        var test = UnitUnderTest()
        test.unit.lunInventoryChanged(for: test.nexus.id)
        test.unit.lunInventoryChanged(for: test.nexus.id)
        test.unit.tasksCleared(of: [test.nexus.id])
        test.unit.reset()
        test.unit.tasksCleared(of: [test.nexus.id])
        #expect(test.run(Self.testUnitReady)?.senseText == "06/29/03")
        #expect(test.run(Self.testUnitReady)?.senseText == "06/2F/00")
        #expect(test.run(Self.testUnitReady)?.status == .good)
    }

    @Test func `a resize is announced, and READ CAPACITY shows it`() {
        var test = UnitUnderTest()
        var info = test.unit.info
        info.geometry.blockCount = 0x20000
        test.unit.resized(to: info)
        #expect(test.run(Self.testUnitReady)?.senseText == "06/2A/09")
        #expect(test.dataIn(bytes("25")) == bytes("0001FFFF 00000200"))
    }

    @Test func `a nexus that is gone keeps nothing waiting`() {
        var test = UnitUnderTest(freshNexus: true)
        test.unit.nexusEnded(test.nexus.id)
        test.unit.nexusBegan(test.nexus)
        #expect(test.run(Self.testUnitReady)?.senseText == "06/29/00")
        #expect(test.run(Self.testUnitReady)?.status == .good)
    }
}

@Suite("RESERVE and RELEASE")
struct ReserveTests {
    let other = UnitUnderTest.nexus(2)

    func reserved(_ cdb: String = "16 00 00 00 00 00") -> UnitUnderTest {
        var test = UnitUnderTest()
        test.unit.nexusBegan(self.other)
        _ = test.run([0], from: self.other)
        #expect(test.run(bytes(cdb))?.status == .good)
        return test
    }

    @Test(arguments: ["16 00 00 00 00 00", "56 00 00 00 00 00 00 00 00 00"])
    func `a reservation keeps others out, and its holder in`(_ cdb: String) {
        var test = self.reserved(cdb)
        for refused in [
            "00", "28 00 00 00 00 00 00 00 01 00", "2A 00 00 00 00 00 00 00 01 00", "1A 00 3F 00 FF 00", cdb,
            "35", "1B 00 00 00 00 00", "1E 00 00 00 01 00",
        ] {
            #expect(test.run(bytes(refused), from: self.other)?.status == .reservationConflict, "\(refused)")
        }
        for let_through in [
            "12 00 00 00 24 00", "03 00 00 00 12 00", "25", "17 00 00 00 00 00", "57", "1B 00 00 00 01 00",
            "1E 00 00 00 00 00",
        ] {
            #expect(test.run(bytes(let_through), from: self.other)?.status == .good, "\(let_through)")
        }
        #expect(test.run(bytes(cdb))?.status == .good)
        guard case .write = test.begin(bytes("2A 00 00 00 00 00 00 00 01 00")) else {
            Issue.record("the holder cannot write")
            return
        }
    }

    @Test func `only its holder can release it`() {
        var test = self.reserved()
        #expect(test.run(bytes("17 00 00 00 00 00"), from: self.other)?.status == .good)
        #expect(test.run(bytes("00"), from: self.other)?.status == .reservationConflict)
        #expect(test.run(bytes("57 00 00 00 00 00 00 00 00 00"))?.status == .good)
        #expect(test.run(bytes("00"), from: self.other)?.status == .good)
    }

    @Test func `it ends with its nexus`() {
        var test = self.reserved()
        test.unit.nexusEnded(self.other.id + 1)
        #expect(test.run(bytes("00"), from: self.other)?.status == .reservationConflict)
        test.unit.nexusEnded(test.nexus.id)
        #expect(test.run(bytes("00"), from: self.other)?.status == .good)
    }

    @Test func `a conflict leaves a unit attention waiting`() {
        var test = self.reserved()
        test.unit.tasksCleared(of: [self.other.id])
        #expect(test.run(bytes("00"), from: self.other)?.status == .reservationConflict)
        _ = test.run(bytes("17"))
        #expect(test.run(bytes("00"), from: self.other)?.senseText == "06/2F/00")
    }

    @Test func `third parties and extents are refused`() {
        var test = UnitUnderTest()
        #expect(test.run(bytes("16 10 00 00 00 00"))?.senseText == "05/24/00")
        #expect(test.run(bytes("56 01 00 00 00 00 00 00 00 00"))?.senseText == "05/24/00")
    }
}

@Suite("START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL")
struct MediumTests {
    let eject = bytes("1B 00 00 00 02 00")
    let load = bytes("1B 00 00 00 03 00")

    @Test func `an ejected medium is missing until it is loaded`() {
        var test = UnitUnderTest(settings: LogicalUnitSettings(removable: true))
        #expect(test.execute(self.eject).status == .good)
        #expect(test.medium.log == ["flush"])
        for cdb in [
            "00", "25", "9E 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "28 00 00 00 00 00 00 00 01 00",
            "2A 00 00 00 00 00 00 00 01 00", "35", "42 00 00 00 00 00 00 00 18 00", "41", "2F", "8B", "89",
        ] {
            #expect(test.run(bytes(cdb))?.senseText == "02/3A/00", "\(cdb)")
        }
        #expect(test.run(bytes("12 00 00 00 24 00"))?.status == .good)
        #expect(test.dataIn(bytes("03 00 00 00 0E 00"))?.suffix(2) == bytes("3A 00")[...])
        #expect(test.execute(self.load).status == .good)
        #expect(test.run(bytes("00"))?.status == .good)
    }

    @Test func `prevention by any nexus holds the medium`() {
        var test = UnitUnderTest(settings: LogicalUnitSettings(removable: true))
        let other = UnitUnderTest.nexus(2)
        test.unit.nexusBegan(other)
        _ = test.run([0], from: other)
        #expect(test.run(bytes("1E 00 00 00 01 00"), from: other)?.status == .good)
        #expect(test.run(self.eject)?.senseText == "05/53/02")
        #expect(test.run(bytes("1E 00 00 00 00 00"))?.status == .good)
        #expect(test.run(self.eject)?.senseText == "05/53/02")
        test.unit.nexusEnded(other.id)
        #expect(test.execute(self.eject).status == .good)
    }

    @Test func `a fixed medium cannot be ejected`() {
        var test = UnitUnderTest()
        #expect(test.run(self.eject)?.senseText == "05/24/00")
    }

    @Test(arguments: ["1B 00 00 00 00 00", "1B 01 00 00 01 00", "1B 01 00 00 10 00", "1B 01 00 00 F2 00"])
    func `stopping, starting and power conditions leave the unit ready`(_ cdb: String) {
        var test = UnitUnderTest(settings: LogicalUnitSettings(removable: true))
        #expect(test.execute(bytes(cdb)).status == .good)
        #expect(test.run([0])?.status == .good)
    }
}
