// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import SCSI
import Testing

@Suite("SAM-5 task attributes over sockets")
struct TaskOrderTests {
    private static let block = [UInt8](repeating: 0x5A, count: 512)
    private static let read = cdb(0x28, lba: 0, count: 1)
    private static let write = cdb(0x2a, lba: 0, count: 1)
    private static let ordered: UInt8 = 2
    private static let headOfQueue: UInt8 = 3

    @Test func `an ordered write waits for another session's read, and a simple read for the write`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            store.hold()
            let older = first.begin(Self.read, read: 512)
            _ = await store.nextRequest()
            let write = second.begin(Self.write, written: Self.block, attribute: Self.ordered)
            let newer = second.begin(Self.read, read: 512)
            try await second.expectAlive()
            #expect(store.heldCount == 1)
            store.release()
            #expect(try await first.end(older).data == [UInt8](repeating: 0, count: 512))
            #expect(try await second.end(write).status == 0)
            #expect(try await second.end(newer).data == Self.block)
            #expect(try await second.execute(Self.read, read: 512).status == 0)
        }
    }

    @Test func `a unit whose queue is full refuses more, until a task has ended`() async throws {
        let store = try ScriptedStore()
        var settings = LogicalUnitSettings()
        settings.queueDepth = 2
        try await ServerUnderTest.run([store], settings: settings) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            store.hold()
            let reads = [first.begin(Self.read, read: 512), first.begin(Self.read, read: 512)]
            for _ in reads { _ = await store.nextRequest() }
            // TASK SET FULL to those who have tasks there, BUSY to others.
            #expect(try await first.execute(Self.read, read: 512).status == 0x28)
            #expect(try await second.execute(Self.read, read: 512).status == 0x08)
            store.release()
            for read in reads { #expect(try await first.end(read).status == 0) }
            #expect(try await second.execute(Self.read, read: 512).status == 0)
            #expect(try await first.execute(Self.read, read: 512).status == 0)
        }
    }

    @Test func `an ordered write whose data comes later is gathered, and done`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No", "InitialR2T=Yes"])
            let data = [UInt8](repeating: 7, count: 512 * 300)
            var request = Request.command(
                cdb(0x2a, lba: 10, count: 300), tag: socket.initiator.freshTag(), flags: 0xA0 | Self.ordered,
                expectedLength: data.count)
            request.setLUN(0)
            let tag = request.tag
            socket.send(request)
            let after = socket.begin(cdb(0x28, lba: 10, count: 1), read: 512)
            #expect(try await socket.end(tag, written: data).status == 0)
            #expect(try await socket.end(after).data == Array(data.prefix(512)))
        }
    }

    @Test func `a head of queue task goes before waiting ones, which an abort sets free`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            store.hold()
            first.begin(Self.read, read: 512)
            _ = await store.nextRequest()
            second.begin(testUnitReady, attribute: Self.ordered)
            let waiting = second.begin(testUnitReady)
            let head = second.begin(testUnitReady, attribute: Self.headOfQueue)
            #expect(try await second.end(head).status == 0)
            // The ordered task goes, and with it what the simple one waits for.
            await first.close()
            store.release()
            _ = try await second.receive()
            #expect(try await second.end(waiting).status == 0)
        }
    }

    @Test func `a session that goes away with waiting tasks holds nobody back`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            let third = try await InitiatorSocket.ready(test.portal, isid: 3)
            store.hold()
            first.begin(Self.read, read: 512)
            _ = await store.nextRequest()
            second.begin(testUnitReady, attribute: Self.ordered)
            try await second.expectAlive()
            let waiting = third.begin(testUnitReady)
            try await third.expectAlive()
            await second.close()
            #expect(try await third.end(waiting).status == 0)
            store.release()
        }
    }

    @Test func `TAS ends tasks that another nexus clears with TASK ABORTED`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let sender = try await InitiatorSocket.ready(test.portal, isid: 1)
            let loser = try await InitiatorSocket.ready(test.portal, isid: 2)
            #expect(try await sender.selectControlPage([5: 0x40]).status == 0)
            #expect(try await loser.execute(testUnitReady).sense == [0x06, 0x2a, 0x01])
            store.hold()
            let lost = loser.begin(Self.read, read: 512)
            _ = await store.nextRequest()
            sender.send(.taskManagement(4, tag: sender.initiator.freshTag()), isImmediate: true)
            try await sender.expectAlive()
            try await loser.expectAlive()
            store.release()
            #expect(try await loser.end(lost).status == 0x40)
            #expect(try await loser.execute(testUnitReady).status == 0)
        }
    }

    @Test func `QERR ends the tasks of all when one fails`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let sender = try await InitiatorSocket.ready(test.portal, isid: 1)
            let loser = try await InitiatorSocket.ready(test.portal, isid: 2)
            #expect(try await sender.selectControlPage([3: 0x12]).status == 0)
            #expect(try await loser.execute(testUnitReady).sense == [0x06, 0x2a, 0x01])
            store.hold()
            loser.begin(Self.read, read: 512)
            _ = await store.nextRequest()
            #expect(try await sender.execute(cdb(0x28, lba: 1 << 30, count: 1), read: 512).status == 2)
            try await sender.expectAlive()
            try await loser.expectAlive()
            store.release()
            #expect(try await loser.execute(testUnitReady).sense == [0x06, 0x2f, 0x00])
        }
    }

    @Test func `CLEAR ACA ends an auto contingent allegiance`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, isid: 1)
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            var failing = cdb(0x28, lba: 1 << 30, count: 1)
            failing[9] = 0x04
            #expect(try await socket.execute(failing, read: 512).status == 2)
            #expect(try await socket.execute(testUnitReady).status == 0x30)
            #expect(try await other.execute(testUnitReady).status == 0x08)
            let tag = socket.begin(testUnitReady, attribute: 4)
            #expect(try await socket.end(tag).status == 0)
            socket.send(.taskManagement(3, tag: socket.initiator.freshTag()), isImmediate: true)
            #expect(try await socket.receive().responseCode == 0)
            #expect(try await socket.execute(testUnitReady).status == 0)
            #expect(try await other.execute(testUnitReady).status == 0)
        }
    }
}

extension InitiatorSocket {
    /// MODE SELECT of the control page with other bytes than its defaults at some offsets.
    func selectControlPage(_ changed: [Int: UInt8]) async throws -> Outcome {
        var page: [UInt8] = [0x0A, 0x0A, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00]
        for (offset, byte) in changed { page[offset] = byte }
        let list = [0, 0, 0, 0] + page
        return try await self.execute([0x15, 0x10, 0, 0, UInt8(list.count), 0], written: list)
    }
}
