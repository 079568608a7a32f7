// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7144 task management over sockets", .timeLimit(.minutes(5)))
struct TaskQueryTests {
    private static let keys = InitiatorSocket.keys + ["iSCSIProtocolLevel=2"]

    /// Sends a request and returns the response code and the additional response information.
    private static func ask(
        _ function: UInt8, _ socket: InitiatorSocket, lun: UInt8 = 0, about tag: UInt32 = 0xffff_ffff
    ) async throws -> [UInt32] {
        var request = Request.taskManagement(function, tag: 0x500, referencedTag: tag)
        request.setLUN(lun)
        socket.send(request, isImmediate: true)
        let answer = try await socket.receive()
        #expect(answer.header.opcode == .taskManagementResponse)
        return [UInt32(answer.responseCode), UInt32(truncatingIfNeeded: answer.header.lun >> 40)]
    }

    @Test func `tasks are asked for one by one and as a set`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: Self.keys, luns: [0, 1])
            let other = try await InitiatorSocket.ready(test.portal, isid: 2, keys: Self.keys, luns: [0])
            for function in [9, 10] as [UInt8] { #expect(try await Self.ask(function, socket, about: 1) == [0, 0]) }
            stores[0].hold()
            let tag = socket.begin(cdb(0x28, lba: 0, count: 1), read: 512)
            _ = await stores[0].nextRequest()
            #expect(try await Self.ask(9, socket, about: tag) == [7, 0])
            #expect(try await Self.ask(9, socket, about: tag + 1) == [0, 0])
            #expect(try await Self.ask(9, socket, lun: 1, about: tag) == [0, 0])
            #expect(try await Self.ask(10, socket) == [7, 0])
            #expect(try await Self.ask(10, socket, lun: 1) == [0, 0])
            for function in [9, 10, 12] as [UInt8] { #expect(try await Self.ask(function, socket, lun: 5) == [2, 0]) }
            // What another nexus has is its own.
            #expect(try await Self.ask(9, other, about: tag) == [0, 0])
            #expect(try await Self.ask(10, other) == [0, 0])
            stores[0].release()
            #expect(try await socket.end(tag).status == 0)
            #expect(try await Self.ask(10, socket) == [0, 0])
        }
    }

    @Test func `what waits to be told, without being told`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.login(keys: Self.keys).loginStatus == 0)
            for _ in 0..<2 { #expect(try await Self.ask(12, socket) == [7, 0x16_2900]) }
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x29, 0x00])
            #expect(try await Self.ask(12, socket) == [0, 0])
        }
    }

    @Test func `a nexus that is reset loses its tasks, what it held and its connections, and no other nexus does`()
        async throws
    {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: Self.keys)
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            #expect(try await socket.execute([0x16, 0, 0, 0, 0, 0]).status == 0)
            store.hold()
            let lost = socket.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            socket.send(.taskManagement(11, tag: 0x500), isImmediate: true)
            // The answer comes when no store works for what was aborted.
            try await other.expectAlive()
            store.release()
            let answer = try await socket.receive()
            #expect(answer.header.opcode == .taskManagementResponse && answer.responseCode == 0 && lost > 0)
            #expect(await socket.receiveUntilEnd().isEmpty)
            await test.loggedOut()
            // RESERVE's reservation went along.
            #expect(try await other.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0)
        }
    }

    @Test(arguments: [[], ["iSCSIProtocolLevel=1"]] as [[String]])
    func `only where both sides have agreed on it`(level: [String]) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: InitiatorSocket.keys + level)
            for function in 9...12 as ClosedRange<UInt8> { #expect(try await Self.ask(function, socket) == [5, 0]) }
            let functions = try await socket.execute([0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0], read: 4)
            #expect(functions.data == [0xf8, 0, 0, 0])
            let newer = try await InitiatorSocket.ready(test.portal, isid: 2, keys: Self.keys)
            let more = try await newer.execute([0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0], read: 4)
            #expect(more.data == [0xfc, 0x07, 0, 0])
        }
    }

    @Test func `a priority does no harm`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: Self.keys)
            for priority in 0...15 as ClosedRange<UInt8> {
                let tag = socket.initiator.freshTag()
                var request = Request.command(
                    cdb(0x28, lba: 0, count: 1), tag: tag, flags: 0xc1, expectedLength: 512)
                request.header[2] = priority << 4 | priority
                socket.send(request)
                #expect(try await socket.end(tag).status == 0)
            }
        }
    }
}
