// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// Two hosts, A and B, and one more, C, on a unit.
struct Cluster {
    static let keyA: UInt64 = 0xAAAA_0000_0000_0001
    static let keyB: UInt64 = 0xBBBB_0000_0000_0002
    var test: UnitUnderTest
    let a = UnitUnderTest.nexus(1)
    let b = UnitUnderTest.nexus(2)
    let c = UnitUnderTest.nexus(3)

    /// `registered` hosts have registered their keys already.
    init(registered: [UInt64] = [1, 2], memory: UnitMemory? = nil) {
        self.test = UnitUnderTest(memory: memory)
        for nexus in [self.b, self.c] {
            self.test.unit.nexusBegan(nexus)
            _ = self.test.run([0], from: nexus)
        }
        if registered.contains(1) { #expect(self.out(0, key: 0, action: Self.keyA, from: self.a).status == .good) }
        if registered.contains(2) { #expect(self.out(0, key: 0, action: Self.keyB, from: self.b).status == .good) }
    }

    static func list(key: UInt64, action: UInt64, flags: UInt8 = 0, more: [UInt8] = []) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(key)
        buffer.writeInteger(action)
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(flags)
        buffer.writeRepeatingByte(0, count: 3)
        return Array(buffer.readableBytesView) + more
    }

    mutating func out(
        _ action: UInt8, type: UInt8 = 0, key: UInt64, action actionKey: UInt64 = 0, flags: UInt8 = 0,
        more: [UInt8] = [], from nexus: Nexus
    ) -> CommandResult {
        let list = Self.list(key: key, action: actionKey, flags: flags, more: more)
        return self.send(action, type: type, list, from: nexus)
    }

    mutating func send(_ action: UInt8, type: UInt8 = 0, _ list: [UInt8], from nexus: Nexus) -> CommandResult {
        self.test.execute([0x5F, action, type, 0, 0, 0, 0, 0, UInt8(list.count), 0], dataOut: list, from: nexus)
    }

    mutating func reserve(_ type: UInt8) {
        #expect(self.out(1, type: type, key: Self.keyA, from: self.a).status == .good)
    }

    /// PERSISTENT RESERVE IN by C, whom no unit attention reaches.
    mutating func `in`(_ action: UInt8) -> [UInt8] {
        let result = self.test.run([0x5E, action, 0, 0, 0, 0, 0, 0x10, 0, 0], from: self.c)
        return result?.dataIn.map { Array($0.readableBytesView) } ?? []
    }

    /// READ RESERVATION's key and type.
    mutating func reservation() -> [UInt8] {
        let data = self.in(1)
        return data.count == 24 ? Array(data[8..<16]) + [data[21]] : []
    }

    mutating func attention(_ nexus: Nexus) -> String {
        self.test.run([0], from: nexus)?.senseText ?? ""
    }

    static func transportID(_ name: String) -> [UInt8] {
        var text = Array(name.utf8) + [0]
        while text.count % 4 != 0 { text.append(0) }
        return [0x45, 0, 0, UInt8(text.count)] + text
    }
}

@Suite("PERSISTENT RESERVE IN")
struct PersistentReserveInTests {
    @Test func `READ KEYS counts generations and lists keys`() {
        var cluster = Cluster(registered: [])
        #expect(cluster.in(0) == bytes("00000000 00000000"))
        cluster = Cluster()
        #expect(cluster.in(0) == bytes("00000002 00000010 AAAA000000000001 BBBB000000000002"))
        #expect(cluster.test.dataIn([0x5E, 0, 0, 0, 0, 0, 0, 0, 12, 0]) == bytes("00000002 00000010 AAAA0000"))
    }

    @Test func `READ RESERVATION`() {
        var cluster = Cluster()
        #expect(cluster.in(1) == bytes("00000002 00000000"))
        cluster.reserve(5)
        #expect(cluster.in(1) == bytes("00000002 00000010 AAAA000000000001 00000000 00 05 0000"))
        #expect(cluster.out(2, type: 5, key: Cluster.keyA, from: cluster.a).status == .good)
        cluster.reserve(8)
        #expect(cluster.in(1) == bytes("00000002 00000010 0000000000000000 00000000 00 08 0000"))
    }

    @Test func `REPORT CAPABILITIES`() {
        var cluster = Cluster(registered: [])
        #expect(cluster.in(2) == bytes("0008 0C 80 EA01 0000"))
    }

    @Test func `READ FULL STATUS names the initiator ports`() {
        var cluster = Cluster()
        cluster.reserve(1)
        let name = Array("iqn.2026-11.org.example:host1,i,0x00023d000001".utf8)
        let data = cluster.in(3)
        #expect(Array(data[4..<8]) == bytes("00000098"))
        #expect(Array(data[8..<32]) == bytes("AAAA000000000001 00000000 01 01 00000000 0001 00000034"))
        #expect(Array(data[32..<36]) == bytes("45 00 0030"))
        #expect(Array(data[36..<84]) == name + [0, 0])
        #expect(Array(data[84..<108]) == bytes("BBBB000000000002 00000000 00 00 00000000 0001 00000034"))
    }

    @Test func `an unknown service action is a bad field`() {
        var cluster = Cluster()
        #expect(cluster.test.run(bytes("5E 04 00 00 00 00 00 00 10 00"))?.senseText == "05/24/00")
        #expect(cluster.test.run(bytes("5F 08 00 00 00 00 00 00 18 00"))?.senseText == "05/24/00")
    }
}

@Suite("PERSISTENT RESERVE OUT: registering")
struct RegisterTests {
    @Test func `REGISTER needs the key in force, and 0 unregisters`() {
        var cluster = Cluster(registered: [1])
        #expect(cluster.out(0, key: 1, action: 2, from: cluster.b).status == .reservationConflict)
        #expect(cluster.out(0, key: 0, action: 0, from: cluster.b).status == .good)
        #expect(cluster.out(0, key: 1, action: 2, from: cluster.a).status == .reservationConflict)
        #expect(cluster.out(0, key: Cluster.keyA, action: 7, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000002 00000008 0000000000000007"))
        #expect(cluster.out(0, key: 7, action: 0, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000003 00000000"))
    }

    @Test func `REGISTER AND IGNORE EXISTING KEY takes any key`() {
        var cluster = Cluster(registered: [])
        #expect(cluster.out(6, key: 99, action: 5, from: cluster.a).status == .good)
        #expect(cluster.out(6, key: 98, action: 6, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000002 00000008 0000000000000006"))
        #expect(cluster.out(6, key: 0, action: 0, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000003 00000000"))
    }

    @Test func `registrations outlive sessions, and belong to the port's name`() {
        var cluster = Cluster()
        cluster.reserve(3)
        cluster.test.unit.nexusEnded(cluster.a.id)
        cluster.test.unit.reset()
        var again = cluster.a
        again.id = 77
        again.initiatorPort = again.initiatorPort.uppercased()
        cluster.test.unit.nexusBegan(again)
        _ = cluster.test.run([0], from: again)
        guard case .write = cluster.test.begin(bytes("2A 00 00 00 00 00 00 00 01 00"), from: again) else {
            Issue.record("the holder's new session cannot write")
            return
        }
    }

    @Test func `APTPL is refused where nothing can be kept`() {
        var cluster = Cluster(registered: [])
        #expect(cluster.out(0, key: 0, action: 1, flags: 1, from: cluster.a).senseText == "05/26/00")
        #expect(cluster.in(0) == bytes("00000000 00000000"))
    }

    @Test(arguments: [0, 8, 23, 25])
    func `a list of a wrong length is refused`(_ length: Int) {
        var cluster = Cluster(registered: [])
        let list = [UInt8](repeating: 0, count: length)
        #expect(cluster.send(0, list, from: cluster.a).senseText == "05/1A/00")
    }

    @Test func `SPEC_I_PT registers others too`() {
        var cluster = Cluster(registered: [])
        let identifiers = Cluster.transportID(cluster.b.initiatorPort)
        let more = [0, 0, 0, UInt8(identifiers.count)] + identifiers
        #expect(cluster.out(0, key: 0, action: 9, flags: 0x08, more: more, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000001 00000010 0000000000000009 0000000000000009"))
        #expect(cluster.out(1, type: 1, key: 9, from: cluster.b).status == .good)
    }

    @Test func `SPEC_I_PT leaves the keys of those who are registered`() {
        var cluster = Cluster(registered: [2])
        let identifiers = Cluster.transportID(cluster.b.initiatorPort) + Cluster.transportID(cluster.c.initiatorPort)
        let more = [0, 0, 0, UInt8(identifiers.count)] + identifiers
        #expect(cluster.out(0, key: 0, action: 9, flags: 0x08, more: more, from: cluster.a).status == .good)
        #expect(cluster.in(0) == bytes("00000002 00000018 BBBB000000000002 0000000000000009 0000000000000009"))
    }

    @Test func `SPEC_I_PT with an iSCSI name alone means all ports of that initiator that are logged in`() {
        var cluster = Cluster(registered: [])
        var second = cluster.b
        second.id = 9
        second.initiatorPort = "iqn.2026-11.org.example:host2,i,0x00023d000009"
        cluster.test.unit.nexusBegan(second)
        var identifier = Cluster.transportID("iqn.2026-11.org.example:host2")
        identifier[0] = 0x05
        let more = [0, 0, 0, UInt8(identifier.count)] + identifier
        #expect(cluster.out(0, key: 0, action: 9, flags: 0x08, more: more, from: cluster.a).status == .good)
        #expect(cluster.in(0).count == 8 + 3 * 8)
        identifier[4 + 27] = UInt8(ascii: "x")
        let strange = [0, 0, 0, UInt8(identifier.count)] + identifier
        #expect(cluster.out(0, key: 0, action: 9, flags: 0x08, more: strange, from: cluster.c).senseText == "05/26/00")
    }

    @Test(arguments: [
        ("another protocol", [0x46, 0, 0, 20] + [UInt8](repeating: 0x41, count: 20)),
        (
            "a length that is no multiple of four",
            bytes("45 00 0015 61 2C 69 2C 30 78 00 000000 00000000 00000000 00 00")
        ),
        ("no ISID", Cluster.transportID("iqn.2026-11.org.example:host-without-isid")),
        ("cut short", [0x45, 0, 0, 40, 0x41, 0x41]),
        ("no end", [0x45, 0, 0, 20] + Array("iqn.2026-11,i,0x1234".utf8)),
    ])
    func `SPEC_I_PT refuses a bad TransportID and registers nobody`(_ name: String, _ identifier: [UInt8]) {
        var cluster = Cluster(registered: [])
        let more = [0, 0, 0, UInt8(identifier.count)] + identifier
        #expect(cluster.out(0, key: 0, action: 9, flags: 0x08, more: more, from: cluster.a).senseText == "05/26/00")
        #expect(cluster.in(0) == bytes("00000000 00000000"))
    }

    @Test func `ALL_TG_PT holds through every target port`() {
        var cluster = Cluster(registered: [])
        #expect(cluster.out(0, key: 0, action: 4, flags: 0x04, from: cluster.a).status == .good)
        var elsewhere = cluster.a
        elsewhere.id = 50
        elsewhere.targetName = "iqn.2026-11.org.apus:other"
        elsewhere.relativeTargetPort = 2
        cluster.test.unit.nexusBegan(elsewhere)
        _ = cluster.test.run([0], from: elsewhere)
        #expect(cluster.out(1, type: 3, key: 4, from: elsewhere).status == .good)
        #expect(cluster.test.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], from: cluster.b)?.status == .reservationConflict)
    }

    @Test func `ALL_TG_PT takes the place of registrations through single ports, and of their reservation`() {
        var cluster = Cluster(registered: [1])
        cluster.reserve(1)
        var elsewhere = cluster.a
        elsewhere.id = 50
        elsewhere.targetName = "iqn.2026-11.org.apus:other"
        cluster.test.unit.nexusBegan(elsewhere)
        _ = cluster.test.run([0], from: elsewhere)
        #expect(cluster.out(0, key: 0, action: 4, flags: 0x04, from: elsewhere).status == .good)
        #expect(cluster.in(0) == bytes("00000002 00000008 0000000000000004"))
        #expect(cluster.out(2, type: 1, key: 4, from: cluster.a).status == .good)
        #expect(cluster.reservation().isEmpty)
    }

    @Test func `REGISTER AND MOVE hands registration and reservation over`() {
        var cluster = Cluster(registered: [1])
        cluster.reserve(1)
        let identifier = Cluster.transportID(cluster.b.initiatorPort)
        var list = ByteBuffer()
        list.writeInteger(Cluster.keyA)
        list.writeInteger(Cluster.keyB)
        list.writeInteger(UInt16(0x0002))  // UNREG
        list.writeInteger(UInt16(1))
        list.writeInteger(UInt32(identifier.count))
        list.writeBytes(identifier)
        let bytes = Array(list.readableBytesView)
        #expect(cluster.send(7, bytes, from: cluster.b).status == .reservationConflict)
        #expect(cluster.out(2, type: 1, key: Cluster.keyA, from: cluster.a).status == .good)
        #expect(cluster.send(7, bytes, from: cluster.a).senseText == "05/24/00")
        cluster.reserve(1)
        #expect(cluster.send(7, bytes, from: cluster.a).status == .good)
        #expect(cluster.reservation() == Array(bytes[8..<16]) + [1])
        #expect(cluster.out(2, type: 1, key: Cluster.keyA, from: cluster.a).status == .reservationConflict)
        #expect(cluster.out(2, type: 1, key: Cluster.keyB, from: cluster.b).status == .good)
    }
}

@Suite("PERSISTENT RESERVE OUT: reserving")
struct PersistentReserveTests {
    static let read = bytes("28 00 00 00 00 00 00 00 01 00")
    static let write = bytes("2A 00 00 00 00 00 00 00 01 00")

    /// Who may read and write under which type: the holder, another registrant, a stranger.
    @Test(arguments: [
        (UInt8(1), "rw r- r-"), (3, "rw -- --"), (5, "rw rw r-"), (6, "rw rw --"), (7, "rw rw r-"), (8, "rw rw --"),
    ])
    func `access`(_ type: UInt8, _ expected: String) {
        var cluster = Cluster()
        cluster.reserve(type)
        let found = [cluster.a, cluster.b, cluster.c].map { nexus in
            let read = cluster.test.execute(Self.read, from: nexus).status
            let write = cluster.test.execute(Self.write, dataOut: VerifyTests.a, from: nexus).status
            for status in [read, write] { #expect(status == .good || status == .reservationConflict) }
            #expect(cluster.test.run([0], from: nexus)?.status == .good)
            return (read == .good ? "r" : "-") + (write == .good ? "w" : "-")
        }
        #expect(found.joined(separator: " ") == expected)
    }

    @Test func `RESERVE is the registrants', with their key, once`() {
        var cluster = Cluster()
        #expect(cluster.out(1, type: 1, key: 0, from: cluster.c).status == .reservationConflict)
        #expect(cluster.out(1, type: 1, key: 1, from: cluster.a).status == .reservationConflict)
        cluster.reserve(1)
        cluster.reserve(1)
        #expect(cluster.out(1, type: 3, key: Cluster.keyA, from: cluster.a).status == .reservationConflict)
        #expect(cluster.out(1, type: 1, key: Cluster.keyB, from: cluster.b).status == .reservationConflict)
        #expect(cluster.out(1, type: 2, key: Cluster.keyA, from: cluster.a).senseText == "05/24/00")
        #expect(cluster.out(1, type: 0x11, key: Cluster.keyA, from: cluster.a).senseText == "05/24/00")
    }

    @Test func `RELEASE is the holder's, with the type`() {
        var cluster = Cluster()
        cluster.reserve(5)
        #expect(cluster.out(2, type: 5, key: Cluster.keyB, from: cluster.b).status == .good)
        #expect(cluster.out(2, type: 1, key: Cluster.keyA, from: cluster.a).senseText == "05/26/04")
        #expect(cluster.reservation().last == 5)
        #expect(cluster.out(2, type: 5, key: Cluster.keyA, from: cluster.a).status == .good)
        #expect(cluster.reservation().isEmpty)
        #expect(cluster.attention(cluster.b) == "06/2A/04")
        #expect(cluster.attention(cluster.c) == "")
        #expect(cluster.attention(cluster.a) == "")
    }

    @Test(arguments: [(UInt8(1), true), (3, true), (5, true), (6, true), (7, false), (8, false)])
    func `unregistering its holder ends a reservation, unless all registrants hold it`(_ type: UInt8, _ ends: Bool) {
        var cluster = Cluster()
        cluster.reserve(type)
        #expect(cluster.out(0, key: Cluster.keyA, action: 0, from: cluster.a).status == .good)
        #expect(cluster.reservation().isEmpty == ends)
        #expect(cluster.attention(cluster.b) == (type == 5 || type == 6 ? "06/2A/04" : ""))
        #expect(cluster.out(2, type: type, key: Cluster.keyB, from: cluster.b).status == .good)
        #expect(cluster.reservation().isEmpty)
    }

    @Test func `CLEAR removes everything and tells the others`() {
        var cluster = Cluster()
        cluster.reserve(3)
        #expect(cluster.out(3, key: 1, from: cluster.b).status == .reservationConflict)
        #expect(cluster.out(3, key: Cluster.keyB, from: cluster.b).status == .good)
        #expect(cluster.in(0) == bytes("00000003 00000000"))
        #expect(cluster.attention(cluster.a) == "06/2A/03")
        #expect(cluster.attention(cluster.b) == "")
    }

    @Test func `PREEMPT takes the reservation and removes its holder`() {
        var cluster = Cluster()
        cluster.reserve(1)
        let result = cluster.out(4, type: 3, key: Cluster.keyB, action: Cluster.keyA, from: cluster.b)
        #expect(result.status == .good)
        #expect(result.abortsTasksOf.isEmpty)
        #expect(cluster.reservation() == bytes("BBBB000000000002 03"))
        #expect(cluster.in(0) == bytes("00000003 00000008 BBBB000000000002"))
        #expect(cluster.attention(cluster.a) == "06/2A/05")
        #expect(cluster.test.execute(Self.read, from: cluster.a).status == .reservationConflict)
    }

    @Test func `PREEMPT AND ABORT names whose tasks go`() {
        var cluster = Cluster()
        cluster.reserve(1)
        let result = cluster.out(5, type: 1, key: Cluster.keyB, action: Cluster.keyA, from: cluster.b)
        #expect(result.status == .good)
        #expect(result.abortsTasksOf == [cluster.a.id])
    }

    @Test func `PREEMPT of another key removes registrations only`() {
        var cluster = Cluster()
        cluster.reserve(1)
        #expect(
            cluster.out(4, type: 3, key: Cluster.keyA, action: 12345, from: cluster.a).status == .reservationConflict)
        #expect(cluster.out(4, type: 3, key: Cluster.keyA, action: 0, from: cluster.a).senseText == "05/26/00")
        #expect(cluster.out(4, type: 3, key: Cluster.keyA, action: Cluster.keyB, from: cluster.a).status == .good)
        #expect(cluster.reservation().last == 1)
        #expect(cluster.in(0) == bytes("00000003 00000008 AAAA000000000001"))
        #expect(cluster.attention(cluster.b) == "06/2A/05")
    }

    @Test func `PREEMPT of all registrants with key 0 leaves the sender alone`() {
        var cluster = Cluster()
        cluster.reserve(7)
        #expect(cluster.out(4, type: 1, key: Cluster.keyB, action: 0, from: cluster.b).status == .good)
        #expect(cluster.reservation() == bytes("BBBB000000000002 01"))
        #expect(cluster.in(0).count == 16)
        #expect(cluster.attention(cluster.a) == "06/2A/05")
    }

    @Test func `RESERVE (6) and persistent reservations exclude each other`() {
        var cluster = Cluster(registered: [1])
        #expect(cluster.test.run(bytes("16 00 00 00 00 00"))?.status == .reservationConflict)
        #expect(cluster.test.run(bytes("17 00 00 00 00 00"))?.status == .reservationConflict)
        #expect(cluster.out(3, key: Cluster.keyA, from: cluster.a).status == .good)
        #expect(cluster.test.run(bytes("16 00 00 00 00 00"))?.status == .good)
        #expect(cluster.out(0, key: 0, action: 1, from: cluster.b).status == .reservationConflict)
    }
}
