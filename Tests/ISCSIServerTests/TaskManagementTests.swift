// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import Testing

@Suite("RFC 7143 §11.5 task management over sockets", .timeLimit(.minutes(5)))
struct TaskManagementTests {
    private static let block = [UInt8](repeating: 1, count: 512)

    /// Sends a request and returns its response code.
    private static func manage(
        _ socket: InitiatorSocket, _ function: UInt8, lun: UInt8 = 0, referencedTag: UInt32 = 0xffff_ffff,
        referencedCmdSN: UInt32 = 0
    ) async throws -> UInt8 {
        Self.begin(socket, function, lun: lun, referencedTag: referencedTag, referencedCmdSN: referencedCmdSN)
        let answer = try await socket.receive()
        #expect(answer.header.opcode == .taskManagementResponse)
        return answer.responseCode
    }

    private static func begin(
        _ socket: InitiatorSocket, _ function: UInt8, lun: UInt8 = 0, referencedTag: UInt32 = 0xffff_ffff,
        referencedCmdSN: UInt32 = 0
    ) {
        var request = Request.taskManagement(
            function, tag: socket.initiator.freshTag(), referencedTag: referencedTag, referencedCmdSN: referencedCmdSN)
        request.setLUN(lun)
        socket.send(request, isImmediate: true)
    }

    @Test(
        arguments: [
            // function, LUN, response
            (1, 0, 1), (2, 0, 0), (2, 9, 2), (3, 0, 0), (3, 9, 2), (4, 0, 0), (4, 9, 2), (5, 0, 0), (5, 9, 2),
            (6, 0, 0),
            (8, 0, 4),
            (9, 0, 5), (12, 0, 5), (13, 0, 255), (0, 0, 255), (127, 0, 255),
        ] as [(UInt8, UInt8, UInt8)])
    func `each function has its response where nothing is under way`(
        function: UInt8, lun: UInt8, response: UInt8
    ) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await Self.manage(socket, function, lun: lun) == response)
            try await socket.expectAlive()
        }
    }

    @Test func `an aborted task is not answered, and its response waits for the store`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            let cmdSN = socket.initiator.cmdSN
            let tag = socket.begin(cdb(0x2a, lba: 0, count: 1), written: Self.block)
            _ = await store.nextRequest()
            Self.begin(socket, 1, referencedTag: tag, referencedCmdSN: cmdSN)
            try await socket.expectAlive()
            store.release()
            let answer = try await socket.receive()
            #expect(answer.header.opcode == .taskManagementResponse && answer.responseCode == 0)
            try await socket.expectAlive()
            // Its tag is free again, and an abort of what is gone finds nothing.
            #expect(try await socket.execute(testUnitReady).status == 0)
            #expect(try await Self.manage(socket, 1, referencedTag: tag, referencedCmdSN: cmdSN) == 1)
        }
    }

    @Test func `an abort between R2T and data ends the task, and its late data is dropped`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No"])
            let cmdSN = socket.initiator.cmdSN
            let tag = socket.initiator.freshTag()
            socket.send(.command(cdb(0x2a, lba: 0, count: 1), tag: tag, flags: 0xa1, expectedLength: 512))
            let r2t = try await socket.receive()
            #expect(r2t.header.opcode == .readyToTransfer)
            #expect(try await Self.manage(socket, 1, referencedTag: tag, referencedCmdSN: cmdSN) == 0)
            socket.answer(r2t, with: Self.block)
            try await socket.expectAlive()
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == [UInt8](repeating: 0, count: 512))
        }
    }

    @Test func `LOGICAL UNIT RESET ends the tasks of every session, and each learns of it`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store, try ScriptedStore()]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1, luns: [0, 1])
            let second = try await InitiatorSocket.ready(test.portal, isid: 2, luns: [0, 1])
            store.hold()
            first.begin(cdb(0x28, lba: 0, count: 1), read: 512)
            second.begin(cdb(0x28, lba: 8, count: 1), read: 512)
            _ = await store.nextRequest()
            _ = await store.nextRequest()
            Self.begin(first, 5)
            // Both sessions live on while the reset waits for the store.
            try await first.expectAlive()
            try await second.expectAlive()
            #expect(store.heldCount == 2)
            store.release()
            let answer = try await first.receive()
            #expect(answer.header.opcode == .taskManagementResponse && answer.responseCode == 0)
            for socket in [first, second] {
                // The other unit has nothing to do with it.
                #expect(try await socket.execute(testUnitReady, lun: 1).status == 0)
                #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x29, 0x03])
                #expect(try await socket.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0)
            }
        }
    }

    @Test func `CLEAR TASK SET tells the sessions that lost commands, and no other`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let sender = try await InitiatorSocket.ready(test.portal, isid: 1)
            let loser = try await InitiatorSocket.ready(test.portal, isid: 2)
            let idle = try await InitiatorSocket.ready(test.portal, isid: 3)
            store.hold()
            loser.begin(cdb(0x28, lba: 0, count: 1), read: 512)
            _ = await store.nextRequest()
            Self.begin(sender, 4)
            // When the sender's request has been taken, and after it the loser has had its turn, the read is aborted.
            try await sender.expectAlive()
            try await loser.expectAlive()
            store.release()
            #expect(try await sender.receive().responseCode == 0)
            #expect(try await sender.execute(testUnitReady).status == 0)
            #expect(try await idle.execute(testUnitReady).status == 0)
            #expect(try await loser.execute(testUnitReady).sense == [0x06, 0x2f, 0x00])
        }
    }

    @Test func `a reset waits for what a session that has gone left in the store`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, isid: 1)
            let gone = try await InitiatorSocket.ready(test.portal, isid: 2)
            store.hold()
            gone.begin(cdb(0x2a, lba: 0, count: 1), written: Self.block)
            _ = await store.nextRequest()
            await gone.close()
            await test.loggedOut()
            Self.begin(socket, 5)
            try await socket.expectAlive()
            store.release()
            let answer = try await socket.receive()
            #expect(answer.header.opcode == .taskManagementResponse && answer.responseCode == 0)
        }
    }

    @Test func `a cold reset answers, then ends every session with the target`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            Self.begin(first, 7)
            #expect(await first.receiveUntilEnd().map(\.responseCode) == [0])
            #expect(await second.receiveUntilEnd().isEmpty)
            await test.loggedOut(2)
        }
    }
}
