// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §11.9 Async Messages over sockets", .timeLimit(.minutes(5)))
struct AsyncMessageTests {
    /// Initiators are asked to log out, and nobody waits until they have not.
    private static let asking = ServerTimes(login: .minutes(5), logout: .seconds(50))
    private static let another = Portal(host: "127.0.0.1", port: 0)

    /// Waits for the request, does what is still to be done, and logs out.
    private static func logOut(_ socket: InitiatorSocket, seconds: UInt32, reason: UInt8 = 0) async throws {
        #expect(try await socket.receive().asyncMessage == [1, 0, 0, seconds])
        #expect(try await socket.execute(testUnitReady).status == 0)
        socket.send(.logout(tag: 0x700, reason: reason))
        #expect(try await socket.receive().header.opcode == .logoutResponse)
        #expect(await socket.receiveUntilEnd().isEmpty)
    }

    @Test func `shutdown asks for a logout, and ends when it has come`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: Self.asking) { test in
            let sockets = [
                try await InitiatorSocket.ready(test.portal, isid: 1),
                try await InitiatorSocket.ready(test.portal, isid: 2),
            ]
            async let stopped: Void = test.server.shutdown(grace: .seconds(90))
            for socket in sockets { try await Self.logOut(socket, seconds: 45) }
            await stopped
            #expect(test.server.sessions().isEmpty)
        }
    }

    @Test func `who does not log out is told, and dropped`() async throws {
        let store = try ScriptedStore()
        var times = ServerTimes.patient
        times.logout = .milliseconds(300)
        try await ServerUnderTest.run([store], times: times) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["DefaultTime2Wait=7"])
            await test.server.removeTarget(InitiatorSocket.target)
            #expect(await socket.receiveUntilEnd().map(\.asyncMessage) == [[1, 0, 0, 1], [3, 0, 7, 0]])
        }
    }

    @Test func `a target or a portal group that goes asks for a logout first`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: Self.asking) { test in
            let first = try await InitiatorSocket.ready(test.portal)
            async let removed: Void = test.server.removeTarget(InitiatorSocket.target)
            try await Self.logOut(first, seconds: 50)
            await removed
            await test.server.setTarget(test.target())
            let second = try await InitiatorSocket.ready(test.portal)
            async let disabled: Void = test.server.setTarget(
                TargetDefinition(name: InitiatorSocket.target, groups: []))
            try await Self.logOut(second, seconds: 50)
            await disabled
        }
    }

    @Test func `a portal that goes takes the connections along that came by it, and no others`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: Self.asking) { test in
            let second = try await test.server.listen(Self.another)
            let session = try await InitiatorSession(test.portal, connections: 1)
            #expect(try await session.join(1, by: second).loginStatus == 0)
            let alone = try await InitiatorSocket.ready(second, isid: 9)
            async let stopped: Void = test.server.stopListening(second)
            #expect(try await session.connections[1].receive().asyncMessage == [1, 0, 0, 50])
            session.send(.logout(tag: 0x700, reason: 1, connectionID: 1), on: 1)
            #expect(try await session.connections[1].receive().responseCode == 0)
            try await Self.logOut(alone, seconds: 50)
            await stopped
            await #expect(throws: (any Error).self) { try await InitiatorSocket(second) }
            #expect(try await session.execute(testUnitReady, on: 0).status == 0)
        }
    }

    @Test(arguments: [0, 2])
    func `a connection that does not log out is dropped, and its tasks live on where they can`(level: UInt32)
        async throws
    {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let second = try await test.server.listen(Self.another)
            let session = try await InitiatorSession(
                test.portal, connections: 1, keys: ["ErrorRecoveryLevel=\(level)", "DefaultTime2Retain=20"])
            #expect(try await session.join(1, by: second).loginStatus == 0)
            store.hold()
            let tag = session.begin(cdb(0x2a, lba: 0, count: 1), on: 1, written: [UInt8](repeating: 9, count: 512))
            _ = await store.nextRequest()
            async let stopped: Void = test.server.stopListening(second)
            let last = await session.connections[1].receiveUntilEnd()
            #expect(last.map(\.asyncMessage) == [[2, 1, 0, level == 2 ? 20 : 0]])
            store.release()
            await stopped
            session.send(.logout(tag: 0x700, reason: 2, connectionID: 1), on: 0)
            #expect(try await session.connections[0].receive().responseCode == (level == 2 ? 0 : 2))
            session.send(.taskManagement(8, tag: 0x701, referencedTag: tag), on: 0, isImmediate: true)
            #expect(try await session.connections[0].receive().responseCode == (level == 2 ? 0 : 4))
            if level == 2 { #expect(try await session.connections[0].end(tag).status == 0) }
        }
    }

    @Test func `a portal that leads elsewhere takes its sessions along`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let second = try await test.server.listen(Self.another)
            func target(_ portals: Set<Portal>, _ others: Set<Portal>) -> TargetDefinition {
                TargetDefinition(
                    name: InitiatorSocket.target,
                    groups: [
                        PortalGroupDefinition(tag: 1, portals: portals, units: [0: test.units[0]], access: .anyone),
                        PortalGroupDefinition(tag: 2, portals: others, units: [0: test.units[1]], access: .anyone),
                    ])
            }
            await test.server.setTarget(target([test.portal, second], []))
            let stays = try await InitiatorSocket.ready(test.portal, isid: 1)
            let goes = try await InitiatorSocket.ready(second, isid: 2)
            await test.server.setTarget(target([test.portal], [second]))
            #expect(await goes.receiveUntilEnd().map(\.asyncMessage) == [[3, 0, 0, 0]])
            try await stays.expectAlive()
            #expect(try await InitiatorSocket(second).login().pairs.contains("TargetPortalGroupTag=2"))
        }
    }

    @Test func `discovery is not asked`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: Self.asking) { test in
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.login(target: nil).loginStatus == 0)
            await test.server.stopListening(test.portal)
            #expect(await socket.receiveUntilEnd().isEmpty)
        }
    }
}
