// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Testing

/// A unit whose tasks are named: those that began, in their order, and those that wait.
private struct Tasks {
    var test = UnitUnderTest()
    var tickets: [String: TaskTicket] = [:]
    var begun: [String] = []
    let a = UnitUnderTest.nexus(1)
    let b = UnitUnderTest.nexus(2)

    init(control: String? = nil) {
        self.test.unit.nexusBegan(self.b)
        _ = self.test.run([0], from: self.b)
        if let control {
            #expect(ModePageTests.select(&self.test, control).status == .good)
            _ = self.test.run([0], from: self.b)
        }
    }

    /// What the first step of a command is: "begins", "waits", or its status.
    @discardableResult
    mutating func send(
        _ name: String, _ attribute: TaskAttribute = .simple, from nexus: Nexus? = nil, naca: Bool = false,
        cdb: [UInt8] = bytes("28 00 00 00 00 00 00 00 01 00")
    ) -> String {
        var cdb = cdb
        if naca { cdb[cdb.count - 1] = 0x04 }
        switch self.test.begin(cdb, from: nexus, attribute: attribute) {
        case .wait(let ticket, let drains):
            #expect(drains == (attribute == .ordered))
            self.tickets[name] = ticket
            let begins = self.test.unit.takeEnabledTasks().contains(ticket)
            if begins { self.begun.append(name) }
            return begins ? "begins" : "waits"
        case .finish(let result) where result.status == .checkCondition:
            _ = self.test.unit.checkConditionSent(
                for: ByteBuffer(bytes: cdb).readableBytesSpan, nexus: (nexus ?? self.a).id)
            return result.senseText
        case .finish(let result):
            return "\(result.status)"
        default:
            return "begins"
        }
    }

    mutating func drained(_ name: String) -> [String] {
        if let ticket = self.tickets[name] { self.test.unit.drained(ticket) }
        return self.enabled()
    }

    mutating func end(_ name: String) -> [String] {
        if let ticket = self.tickets.removeValue(forKey: name) { self.test.unit.left(ticket) }
        return self.enabled()
    }

    mutating func enabled() -> [String] {
        let tickets = self.test.unit.takeEnabledTasks()
        return self.tickets.filter { tickets.contains($0.value) }.map(\.key).sorted()
    }
}

@Suite("Task attributes")
struct TaskAttributeTests {
    @Test func `simple tasks among themselves are nobody's concern`() {
        var tasks = Tasks()
        for index in 0..<5 { #expect(tasks.send("s\(index)") == "begins") }
        #expect(tasks.tickets.isEmpty)
    }

    @Test func `an ordered task waits for all older ones, and all newer ones for it`() {
        var tasks = Tasks()
        #expect(tasks.send("before") == "begins")
        #expect(tasks.send("o", .ordered) == "waits")
        #expect(tasks.send("s1") == "waits")
        #expect(tasks.send("s2", from: tasks.b) == "waits")
        #expect(tasks.send("o2", .ordered) == "waits")
        #expect(tasks.send("s3") == "waits")
        #expect(tasks.drained("o2") == [])
        #expect(tasks.drained("o") == ["o"])
        #expect(tasks.end("o") == ["s1", "s2"])
        #expect(tasks.end("s2") == [])
        #expect(tasks.end("s1") == ["o2"])
        #expect(tasks.end("o2") == ["s3"])
        #expect(tasks.end("s3") == [])
        #expect(tasks.send("after") == "begins")
        #expect(tasks.tickets.isEmpty)
    }

    @Test func `a head of queue task begins at once, and others wait for it`() {
        var tasks = Tasks()
        #expect(tasks.send("o", .ordered) == "waits")
        #expect(tasks.send("h", .headOfQueue) == "begins")
        #expect(tasks.send("s") == "waits")
        #expect(tasks.drained("o") == [])
        #expect(tasks.end("h") == ["o"])
        #expect(tasks.end("o") == ["s"])
    }

    @Test func `an aborted ordered task holds nobody back`() {
        var tasks = Tasks()
        #expect(tasks.send("o", .ordered) == "waits")
        #expect(tasks.send("s") == "waits")
        #expect(tasks.end("o") == ["s"])
    }

    @Test func `TST=001b gives each nexus an order of its own`() {
        var tasks = Tasks(control: "0A 0A 20 10 00 00 00 00 FF FF 00 00")
        #expect(tasks.send("o", .ordered) == "waits")
        #expect(tasks.send("sa") == "waits")
        #expect(tasks.send("sb", from: tasks.b) == "begins")
        #expect(tasks.send("ob", .ordered, from: tasks.b) == "waits")
        #expect(tasks.end("sb") == [])
        #expect(tasks.drained("ob") == ["ob"])
        #expect(tasks.drained("o") == ["o"])
    }

    @Test func `too many are refused: TASK SET FULL for those who have some, BUSY for others`() {
        var tasks = Tasks()
        for index in 0..<512 { #expect(tasks.send("o\(index)", .ordered) == "waits") }
        #expect(tasks.send("x") == "taskSetFull")
        #expect(tasks.send("x", from: tasks.b) == "busy")
    }

    @Test func `page 86 says what is so`() {
        var test = UnitUnderTest()
        #expect(test.dataIn(bytes("12 01 86 00 40 00"))?[5] == 0x07)
    }
}

@Suite("Auto contingent allegiance")
struct ContingentAllegianceTests {
    private static let bad = bytes("28 00 FF FF FF FF 00 00 01 00")

    @Test func `an error of a command with NACA=1 keeps others out until CLEAR ACA`() {
        var tasks = Tasks()
        #expect(tasks.send("x", naca: true) == "begins")
        #expect(tasks.send("x", cdb: Self.bad) == "05/21/00")
        #expect(tasks.send("x") == "begins")
        #expect(tasks.send("x", naca: true, cdb: Self.bad) == "05/21/00")
        #expect(tasks.send("x") == "acaActive")
        #expect(tasks.send("x", .ordered) == "acaActive")
        #expect(tasks.send("x", from: tasks.b) == "busy")
        #expect(tasks.send("x", from: tasks.b, naca: true) == "acaActive")
        #expect(tasks.send("x", .aca, from: tasks.b) == "busy")
        #expect(tasks.send("y", .aca) == "begins")
        tasks.test.unit.clearACA(by: tasks.b.id)
        #expect(tasks.send("x") == "acaActive")
        tasks.test.unit.clearACA(by: tasks.a.id)
        #expect(tasks.end("y") == [])
        #expect(tasks.send("x") == "begins")
        #expect(tasks.send("x", .aca) == "05/49/00")
    }

    @Test func `waiting tasks go on waiting while it lasts`() {
        var tasks = Tasks()
        #expect(tasks.send("o", .ordered) == "waits")
        _ = tasks.test.unit.checkConditionSent(for: ByteBuffer(bytes: [0, 0, 0, 0, 0, 4]).readableBytesSpan, nexus: 1)
        #expect(tasks.drained("o") == [])
        tasks.test.unit.clearACA(by: 1)
        #expect(tasks.enabled() == ["o"])
    }

    @Test(arguments: ["reset", "nexus"])
    func `it ends with a reset and with its nexus`(_ how: String) {
        var tasks = Tasks()
        #expect(tasks.send("x", naca: true, cdb: Self.bad) == "05/21/00")
        if how == "reset" { tasks.test.unit.reset() } else { tasks.test.unit.nexusEnded(1) }
        _ = tasks.send("x", from: tasks.b)
        #expect(tasks.send("x", from: tasks.b) == "begins")
    }

    @Test func `PREEMPT AND ABORT gets through and ends it`() {
        var cluster = Cluster()
        cluster.reserve(1)
        let cdb = ByteBuffer(bytes: [0, 0, 0, 0, 0, 4])
        _ = cluster.test.unit.checkConditionSent(for: cdb.readableBytesSpan, nexus: cluster.a.id)
        #expect(cluster.test.run([0], from: cluster.b)?.status == .busy)
        let result = cluster.out(5, type: 1, key: Cluster.keyB, action: Cluster.keyA, from: cluster.b)
        #expect(result.status == .good)
        #expect(cluster.test.run([0], from: cluster.b)?.status == .good)
    }

    @Test(arguments: [
        ("00", "10", TasksToAbort.none), ("00", "12", .ofAll), ("00", "16", .ofNexus), ("20", "12", .ofNexus),
    ])
    func `QERR says whose tasks end`(_ byte2: String, _ byte3: String, _ expected: TasksToAbort) {
        var tasks = Tasks(control: "0A 0A \(byte2) \(byte3) 00 00 00 00 FF FF 00 00")
        let cdb = ByteBuffer(bytes: [0, 0, 0, 0, 0, 0])
        #expect(tasks.test.unit.checkConditionSent(for: cdb.readableBytesSpan, nexus: 1) == expected)
    }

    @Test func `QERR=10b is reserved`() {
        var test = UnitUnderTest()
        let result = ModePageTests.select(&test, "0A 0A 00 14 00 00 00 00 FF FF 00 00")
        #expect(result.senseText == "05/26/00")
    }
}
