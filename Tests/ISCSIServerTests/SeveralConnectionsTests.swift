// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing
import Wire

@Suite("Several connections per session over sockets", .timeLimit(.minutes(5)))
struct SeveralConnectionsTests {
    @Test func `eight connections on all event loops read what the others wrote`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 8)
            #expect(test.server.sessions().count == 1)
            #expect(try await session.join(8).loginStatus == 0x0206)
            for round in 0..<16 {
                let data = [UInt8](repeating: UInt8(round + 1), count: 262_144)
                #expect(
                    try await session.execute(cdb(0x2a, lba: round * 512, count: 512), on: round % 8, written: data)
                        .status == 0)
                #expect(
                    try await session.execute(
                        cdb(0x28, lba: round * 512, count: 512), on: (round * 3 + 1) % 8, read: data.count
                    ).data == data)
            }
            #expect(session.connections.allSatisfy { $0.initiator.complaints.isEmpty })
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `commands in flight on all connections are answered where they came`(seed: UInt64) async throws {
        let store = try ScriptedStore(waits: seed.isMultiple(of: 2))
        try await ServerUnderTest.run([store]) { test in
            var generator = SeededGenerator(seed: seed)
            let session = try await InitiatorSession(test.portal, connections: 4)
            try store.fill(BlockRange(lba: 0, count: 64), with: (0..<(64 * 512)).map { UInt8($0 / 512) })
            var expected: [(index: Int, tag: UInt32, lba: Int)] = []
            var order = (0..<60).map { _ in (session.takeCmdSN(), Int.random(in: 0..<4, using: &generator)) }
            // Neighbours change places between connections: gaps that another connection fills.
            for place in 0..<59 where order[place].1 != order[place + 1].1 && Bool.random(using: &generator) {
                order.swapAt(place, place + 1)
            }
            for (cmdSN, index) in order {
                let lba = Int.random(in: 0..<64, using: &generator)
                let tag = session.begin(cdb(0x28, lba: lba, count: 1), on: index, cmdSN: cmdSN, read: 512)
                expected.append((index, tag, lba))
            }
            var answers: [UInt32: [UInt8]] = [:]
            for index in 0..<4 {
                for _ in expected.filter({ $0.index == index }) {
                    let pdu = try await session.connections[index].receive()
                    #expect(pdu.hasStatus && pdu.scsiStatus == 0)
                    answers[pdu.header.initiatorTaskTag] = pdu.data.array
                }
            }
            for (_, tag, lba) in expected {
                #expect(answers[tag] == [UInt8](repeating: UInt8(lba), count: 512), "seed \(seed)")
            }
        }
    }

    @Test func `a peer that does not read one connection holds up its session, within bounds`() async throws {
        let store = try ScriptedStore(blockCount: 65_536)
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 3)
            try await session.connections[1].stopReading()
            let large = (0..<48).map { _ in
                session.begin(cdb(0x28, lba: 0, count: 2_048), on: 1, read: 2_048 * 512)
            }
            let small = (0..<8).map { _ in session.begin(cdb(0x28, lba: 0, count: 1), on: 2, read: 512) }
            // Pings are answered at once, also while commands wait for their turn.
            for _ in 0..<4 { try await session.connections[2].expectAlive() }
            // The kernel's buffers take some; what waits for them is not fetched.
            #expect(store.fetchedBytes < 40 << 20)
            try await session.connections[1].resumeReading()
            for tag in large { #expect(try await session.connections[1].end(tag).status == 0) }
            for tag in small { #expect(try await session.connections[2].end(tag).status == 0) }
        }
    }

    @Test func `the session outlives its first connection, and ends with its last`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 3)
            await session.connections[0].close()
            #expect(try await session.execute(testUnitReady, on: 1).status == 0)
            session.send(.logout(tag: 0x100, reason: 1, connectionID: 1), on: 1)
            #expect(try await session.connections[1].receive().responseCode == 0)
            #expect(await session.connections[1].receiveUntilEnd().isEmpty)
            #expect(try await session.execute(testUnitReady, on: 2).status == 0)
            #expect(test.server.sessions().count == 1)
            session.send(.logout(tag: 0x101), on: 2)
            #expect(try await session.connections[2].receive().responseCode == 0)
            await test.loggedOut()
            #expect(test.server.sessions().isEmpty)
        }
    }

    @Test func `a logout of the session closes all connections, one of another closes that`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 3)
            session.send(.logout(tag: 0x100, reason: 1, connectionID: 1), on: 0)
            #expect(try await session.connections[0].receive().responseCode == 0)
            #expect(await session.connections[1].receiveUntilEnd().isEmpty)
            session.send(.logout(tag: 0x101, reason: 1, connectionID: 1), on: 0)
            #expect(try await session.connections[0].receive().responseCode == 1)
            session.send(.logout(tag: 0x102, reason: 0), on: 2)
            #expect(try await session.connections[2].receive().responseCode == 0)
            for index in [0, 2] { #expect(await session.connections[index].receiveUntilEnd().isEmpty) }
            await test.loggedOut()
        }
    }

    @Test func `the same connection again takes the older one's place, and its tasks end`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 2)
            store.hold()
            session.begin(cdb(0x2a, lba: 0, count: 1), on: 1, written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            let old = session.connections[1]
            let new = try await session.beginJoining(1)
            #expect(await old.receiveUntilEnd().isEmpty)
            store.release()
            #expect(try await session.finishJoining(new).loginStatus == 0)
            #expect(try await session.execute(testUnitReady, on: 2).status == 0)
            #expect(try await session.execute(testUnitReady, on: 0).status == 0)
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `a task is aborted from another connection, and a reset takes those of all`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 3)
            store.hold()
            let first = session.begin(cdb(0x28, lba: 0, count: 1), on: 1, read: 512)
            _ = await store.nextRequest()
            session.begin(cdb(0x28, lba: 1, count: 1), on: 2, read: 512)
            _ = await store.nextRequest()
            session.send(.taskManagement(1, tag: 0x200, referencedTag: first), on: 0)
            session.send(.taskManagement(5, tag: 0x201), on: 0)
            // Its answer comes after both were taken: theirs wait for the store.
            try await session.connections[0].expectAlive()
            store.release()
            #expect(try await session.connections[0].receive().responseCode == 0)
            #expect(try await session.connections[0].receive().responseCode == 0)
            for index in 1...2 {
                // Nothing of the aborted tasks comes; a unit attention tells of the reset, once.
                let outcome = try await session.execute(testUnitReady, on: index)
                #expect(outcome.sense == (index == 1 ? [0x06, 0x29, 0x03] : []))
            }
        }
    }

    @Test func `a connection of a session that is not there, or of somebody else's`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 1)
            for (isid, tsih) in [(0x0002_3d00_0001, session.tsih &+ 1), (9, session.tsih)] {
                let stray = try await InitiatorSocket(test.portal)
                #expect(try await stray.login(isid: UInt64(isid), tsih: tsih, connectionID: 1).loginStatus == 0x020a)
                #expect(await stray.receiveUntilEnd().isEmpty)
            }
            let single = try await InitiatorSocket(test.portal)
            let answer = try await single.login(isid: 7)
            let second = try await InitiatorSocket(test.portal)
            #expect(
                try await second.login(
                    isid: 7, tsih: UInt16(truncatingIfNeeded: answer.header.lun), connectionID: 1
                ).loginStatus == 0x0206)
            try await single.expectAlive()
        }
    }
}
