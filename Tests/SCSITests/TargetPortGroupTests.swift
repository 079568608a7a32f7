// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// A unit with two ports in two groups, and a nexus at each.
private struct TwoPorts {
    var test = UnitUnderTest()
    let one = UnitUnderTest.nexus(1)
    let two: Nexus
    static let report = bytes("A3 0A 00 00 00 00 00 00 10 00 00 00")

    init(_ first: TargetPortGroups.Group = .init(id: 0), _ second: TargetPortGroups.Group = .init(id: 7)) {
        var nexus = UnitUnderTest.nexus(2)
        nexus.relativeTargetPort = 2
        self.two = nexus
        self.test.unit.nexusBegan(nexus)
        self.configure(first, second)
        for nexus in [self.one, self.two] {
            while self.test.run([0x03, 0, 0, 0, 18, 0], from: nexus)?.dataIn?.readableBytesView[2] != 0 {}
        }
    }

    mutating func configure(_ first: TargetPortGroups.Group, _ second: TargetPortGroups.Group) {
        let name = self.one.targetName
        self.test.unit.setTargetPortGroups(
            TargetPortGroups(
                groups: [first, second],
                members: [
                    .init(targetName: name, relativePort: 1): first.id,
                    .init(targetName: name, relativePort: 2): second.id,
                ]))
    }

    mutating func set(_ list: [UInt8], from nexus: Nexus) -> CommandResult {
        self.test.execute([0xA4, 0x0A, 0, 0, 0, 0, 0, 0, 0, UInt8(list.count), 0, 0], dataOut: list, from: nexus)
    }

    mutating func answer(_ cdb: [UInt8], from nexus: Nexus) -> String {
        let result = self.test.execute(cdb, from: nexus)
        return result.status == .good ? "good" : result.senseText
    }
}

@Suite("REPORT TARGET PORT GROUPS")
struct ReportTargetPortGroupsTests {
    @Test func `a unit alone has one group with the port that asks`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(TwoPorts.report) == bytes("0000000C 00 CF 0000 00 00 00 01 0000 0001"))
    }

    @Test func `groups, states and ports`() {
        var ports = TwoPorts(
            .init(id: 0, isPreferred: true),
            .init(
                id: 7, state: .standby, supportedStates: [.activeOptimized, .standby], implicitTransitionSeconds: 9))
        #expect(
            ports.test.dataIn(TwoPorts.report)
                == bytes("00000018 80 CF 0000 00 00 00 01 0000 0001  02 05 0007 00 00 00 01 0000 0002"))
        #expect(
            ports.test.dataIn(bytes("A3 2A 00 00 00 00 00 00 10 00 00 00"))
                == bytes("0000001C 10 09 0000 80 CF 0000 00 00 00 01 0000 0001  02 05 0007 00 00 00 01 0000 0002"))
        #expect(ports.test.dataIn(bytes("A3 0A 00 00 00 00 00 00 00 06 00 00")) == bytes("00000018 80 CF"))
        #expect(ports.test.run(bytes("A3 4A 00 00 00 00 00 00 10 00 00 00"))?.senseText == "05/24/00")
    }

    @Test func `INQUIRY tells TPGS and the port's group`() {
        var ports = TwoPorts(.init(id: 0, hasExplicitTransitions: false))
        #expect(ports.test.dataIn(bytes("12 00 00 00 60 00"))?[5] == 0x18)
        let inquiry = ports.test.run(bytes("12 00 00 00 60 00"), from: ports.two)
        #expect(inquiry?.dataIn.map { $0.readableBytesView[5] } == 0x38)
        let page = ports.test.run(bytes("12 01 83 01 00 00"), from: ports.two)?.dataIn.map {
            Array($0.readableBytesView)
        }
        let designators = [bytes("51 94 00 04 0000 0002"), bytes("51 95 00 04 0000 0007")]
        for designator in designators {
            #expect(page?.firstRange(of: designator) != nil)
        }
    }
}

@Suite("SET TARGET PORT GROUPS")
struct SetTargetPortGroupsTests {
    @Test func `it changes states, for all or for none, and tells the others`() {
        var ports = TwoPorts()
        #expect(ports.set(bytes("00000000 02 00 0000 0F 00 0007"), from: ports.two).senseText == "05/26/00")
        #expect(ports.set(bytes("00000000 02 00 0000 00 00 0008"), from: ports.two).senseText == "05/26/00")
        #expect(ports.answer([0], from: ports.one) == "good")
        #expect(ports.set(bytes("00000000 03 00 0000 01 00 0007"), from: ports.two).status == .good)
        #expect(ports.answer([0], from: ports.one) == "06/2A/06")
        #expect(ports.answer([0], from: ports.one) == "02/04/0C")
        #expect(ports.answer([0], from: ports.two) == "good")
        #expect(
            ports.test.dataIn(TwoPorts.report)
                == bytes("00000018 03 CF 0000 00 01 00 01 0000 0001  01 CF 0007 00 01 00 01 0000 0002"))
        // The group's own port can bring it back.
        #expect(ports.set(bytes("00000000 00 00 0000"), from: ports.one).status == .good)
        #expect(ports.answer([0], from: ports.one) == "good")
    }

    @Test func `it is for groups that allow it, and states that they have`() {
        var ports = TwoPorts(.init(id: 0, hasExplicitTransitions: false), .init(id: 7, supportedStates: [.standby]))
        #expect(ports.set(bytes("00000000 02 00 0000"), from: ports.one).senseText == "05/26/00")
        #expect(ports.set(bytes("00000000 01 00 0007"), from: ports.one).senseText == "05/26/00")
        #expect(ports.set(bytes("00000000 02 00 0007"), from: ports.one).status == .good)
        ports.configure(.init(id: 0, hasExplicitTransitions: false), .init(id: 7, hasExplicitTransitions: false))
        _ = ports.answer([0], from: ports.one)
        #expect(ports.set(bytes("00000000 02 00 0000"), from: ports.one).senseText == "05/20/00")
    }

    @Test(arguments: [4, 6, 10])
    func `a list of a wrong length is refused`(_ length: Int) {
        var ports = TwoPorts()
        #expect(ports.set([UInt8](repeating: 0, count: length), from: ports.one).senseText == "05/1A/00")
    }

    @Test func `an empty list changes nothing`() {
        var ports = TwoPorts()
        #expect(ports.set([], from: ports.one).status == .good)
    }
}

@Suite("Asymmetric access states")
struct AccessStateTests {
    private static let commands: [(name: String, cdb: [UInt8])] = [
        ("TEST UNIT READY", [0]), ("REQUEST SENSE", bytes("03 00 00 00 12 00")),
        ("INQUIRY", bytes("12 00 00 00 60 00")),
        ("RTPG", TwoPorts.report), ("STPG", bytes("A4 0A 00 00 00 00 00 00 00 00 00 00")),
        ("MODE SENSE", bytes("1A 00 3F 00 FF 00")), ("PR IN", bytes("5E 00 00 00 00 00 00 01 00 00")),
        ("READ CAPACITY", bytes("25 00 00 00 00 00 00 00 00 00")), ("READ", bytes("28 00 00 00 00 00 00 00 01 00")),
        ("SYNCHRONIZE CACHE", bytes("35 00 00 00 00 00 00 00 00 00")),
    ]

    /// `+` for what is executed, in the order of the commands above.
    @Test(arguments: [
        (AccessState.activeOptimized, "++++++++++", ""), (.activeNonOptimized, "++++++++++", ""),
        (.standby, "-+++++++--", "02/04/0B"), (.unavailable, "-++++-----", "02/04/0C"),
        (.transitioning, "-++++-----", "02/04/0A"), (.offline, "-++-------", "02/04/12"),
    ])
    func `decide which commands are executed`(_ state: AccessState, _ executed: String, _ sense: String) {
        var ports = TwoPorts(.init(id: 0, state: state))
        var found = ""
        for (name, cdb) in Self.commands {
            let answer = ports.answer(cdb, from: ports.one)
            #expect(answer == "good" || answer == sense, "\(name)")
            found += answer == "good" ? "+" : "-"
            #expect(ports.answer(cdb, from: ports.two) == "good", "\(name) through the other port")
        }
        #expect(found == executed)
    }

    @Test func `a reservation conflict comes first`() {
        var ports = TwoPorts(.init(id: 0, state: .standby))
        #expect(ports.test.execute(bytes("16 00 00 00 00 00"), from: ports.two).status == .good)
        #expect(ports.test.execute([0], from: ports.one).status == .reservationConflict)
    }

    @Test func `a change of the configuration is an implicit transition`() {
        var ports = TwoPorts()
        ports.configure(.init(id: 0, state: .standby), .init(id: 7))
        #expect(ports.answer([0], from: ports.one) == "06/2A/06")
        #expect(ports.answer([0], from: ports.one) == "02/04/0B")
        #expect(ports.answer([0], from: ports.two) == "good")
        #expect(ports.test.dataIn(TwoPorts.report)?[4..<10] == bytes("02 CF 0000 00 02")[...])
    }

    @Test func `a transition that takes time is one until it has ended`() {
        let slow = TargetPortGroups.Group(id: 0, transitionMilliseconds: 50)
        var ports = TwoPorts(slow, .init(id: 7))
        #expect(ports.set(bytes("00000000 02 00 0000"), from: ports.two).status == .good)
        #expect(ports.test.dataIn(TwoPorts.report, from: ports.two)?[4..<10] == bytes("0F CF 0000 00 01")[...])
        _ = ports.answer([0], from: ports.one)
        #expect(ports.answer([0], from: ports.one) == "02/04/0A")
        #expect(ports.answer([0], from: ports.two) == "good")
        let begun = ports.test.unit.takeTransitions()
        #expect(begun.map(\.group) == [0] && begun.map(\.milliseconds) == [50])
        #expect(ports.test.unit.takeTransitions().isEmpty)
        ports.test.unit.endTransition(ofGroup: 0)
        #expect(ports.answer([0], from: ports.one) == "06/2A/06")
        #expect(ports.answer([0], from: ports.one) == "02/04/0B")
        #expect(ports.test.dataIn(TwoPorts.report, from: ports.two)?[4..<10] == bytes("02 CF 0000 00 01")[...])

        // The configuration may change it as well; a group that has no such state changes at once.
        ports.configure(.init(id: 0, state: .unavailable, transitionMilliseconds: 50), .init(id: 7))
        #expect(ports.test.unit.takeTransitions().map(\.group) == [0])
        ports.test.unit.endTransition(ofGroup: 0)
        #expect(ports.test.dataIn(TwoPorts.report, from: ports.two)?[4..<10] == bytes("03 CF 0000 00 02")[...])
        ports.configure(
            .init(id: 0, supportedStates: [.activeOptimized, .unavailable], transitionMilliseconds: 50), .init(id: 7))
        #expect(ports.test.unit.takeTransitions().isEmpty)
        #expect(ports.test.dataIn(TwoPorts.report, from: ports.two)?[4..<10] == bytes("00 09 0000 00 02")[...])
    }

    @Test func `what SET TARGET PORT GROUPS did outlives a change of other groups`() {
        var ports = TwoPorts()
        #expect(ports.set(bytes("00000000 02 00 0000"), from: ports.two).status == .good)
        ports.configure(.init(id: 0), .init(id: 7, isPreferred: true))
        _ = ports.answer([0], from: ports.one)
        #expect(ports.answer([0], from: ports.one) == "02/04/0B")
        ports.configure(.init(id: 0, isPreferred: true), .init(id: 7, isPreferred: true))
        _ = ports.answer([0], from: ports.one)
        #expect(ports.answer([0], from: ports.one) == "good")
    }

    @Test func `REGISTER AND MOVE goes to ports that there are`() {
        var ports = TwoPorts()
        let list = Cluster.list(key: 0, action: 5)
        #expect(
            ports.test.execute(bytes("5F 00 00 00 00 00 00 00 18 00"), dataOut: list, from: ports.one).status == .good)
        let reserve = Cluster.list(key: 5, action: 0)
        #expect(
            ports.test.execute(bytes("5F 01 01 00 00 00 00 00 18 00"), dataOut: reserve, from: ports.one).status
                == .good)
        let identifier = Cluster.transportID(ports.two.initiatorPort)
        func move(to port: UInt8) -> CommandResult {
            let list = bytes("0000000000000005 0000000000000006 00 02 00") + [port, 0, 0, 0, UInt8(identifier.count)]
            let cdb = [0x5F, 7, 0, 0, 0, 0, 0, 0, UInt8(list.count + identifier.count), 0]
            return ports.test.execute(cdb, dataOut: list + identifier, from: ports.one)
        }
        #expect(move(to: 3).senseText == "05/26/00")
        #expect(move(to: 2).status == .good)
    }
}

@Suite("Write protection of one nexus")
struct NexusWriteProtectionTests {
    @Test func `the medium is protected for it alone`() {
        var test = UnitUnderTest()
        var reader = test.nexus
        reader.isWriteProtected = true
        let write = bytes("2A 00 00 00 00 00 00 00 01 00")
        #expect(test.run(write, from: reader)?.senseText == "07/27/00")
        #expect(test.execute(write, dataOut: VerifyTests.a).status == .good)
        let modeSense = bytes("1A 08 0A 00 FF 00")
        #expect(test.run(modeSense, from: reader)?.dataIn.map { $0.readableBytesView[2] } == 0x90)
        #expect(test.dataIn(modeSense)?[2] == 0x10)
        #expect(test.run(bytes("42 00 00 00 00 00 00 00 18 00"), from: reader)?.senseText == "07/27/00")
    }
}
