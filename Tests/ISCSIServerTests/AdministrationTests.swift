// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("Targets and the server's end, with I/O in flight", .timeLimit(.minutes(5)))
struct AdministrationTests {
    private static let block = [UInt8](repeating: 1, count: 512)

    @Test func `a target that is removed ends its sessions, and returns when its stores are idle`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            for lba in 0..<5 { socket.begin(cdb(0x2a, lba: lba, count: 1), written: Self.block) }
            for _ in 0..<5 { _ = await store.nextRequest() }
            async let removed: Void = test.server.removeTarget(InitiatorSocket.target)
            #expect(await socket.receiveUntilEnd().map(\.asyncMessage) == [[3, 0, 0, 0]])
            await test.loggedOut()
            #expect(store.heldCount == 5)
            store.release()
            await removed
            // From here on nothing may use the store.
            try store.close()
            let late = try await InitiatorSocket(test.portal)
            #expect(try await late.login().loginStatus == 0x0203)
        }
    }

    @Test func `what a session held of a unit goes with a removed target`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let holder = try await InitiatorSocket.ready(test.portal, isid: 1)
            #expect(try await holder.execute([0x16, 0, 0, 0, 0, 0]).status == 0)
            let other = try await InitiatorSocket.ready(test.portal, isid: 2, luns: [])
            #expect(try await other.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0x18)
            await test.server.removeTarget(InitiatorSocket.target)
            await test.server.setTarget(test.target())
            let next = try await InitiatorSocket.ready(test.portal, isid: 3)
            #expect(try await next.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0)
        }
    }

    @Test func `a unit that comes and goes while a session is there`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            await test.server.setTarget(test.target(luns: [0]))
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.execute(testUnitReady, lun: 1).sense == [0x05, 0x25, 0x00])
            await test.server.setTarget(test.target())
            // The session learns that there are others, and the new one that it is new.
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x3f, 0x0e])
            #expect(try await socket.execute(testUnitReady, lun: 1).sense == [0x06, 0x29, 0x00])
            #expect(try await socket.execute(cdb(0x28, lba: 0, count: 1), lun: 1, read: 512).status == 0)

            stores[1].hold()
            socket.begin(cdb(0x2a, lba: 0, count: 1), lun: 1, written: Self.block)
            _ = await stores[1].nextRequest()
            async let changed: Void = test.server.setTarget(test.target(luns: [0]))
            // The unit is gone at once for the session, whose task is not answered any more.
            while try await socket.execute(testUnitReady).sense != [0x06, 0x3f, 0x0e] {}
            #expect(try await socket.execute(testUnitReady, lun: 1).sense == [0x05, 0x25, 0x00])
            #expect(stores[1].heldCount == 1)
            stores[1].release()
            await changed
            try stores[1].close()
            try await socket.expectAlive()
        }
    }

    @Test func `shutdown answers what is in flight, then closes`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            let tags = (0..<5).map { socket.begin(cdb(0x2a, lba: $0, count: 1), written: Self.block) }
            for _ in tags { _ = await store.nextRequest() }
            async let stopped: Void = test.server.shutdown(grace: .seconds(30))
            while await (try? InitiatorSocket(test.portal)) != nil {}
            store.release()
            let answers = await socket.receiveUntilEnd()
            #expect(answers.filter(\.hasStatus).map(\.header.initiatorTaskTag).sorted() == tags)
            #expect(answers.allSatisfy { $0.scsiStatus == 0 })
            await stopped
            try store.close()
        }
    }

    @Test func `shutdown takes the data of a write that was asked for`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No"])
            let tag = socket.initiator.freshTag()
            socket.send(.command(cdb(0x2a, lba: 0, count: 1), tag: tag, flags: 0xa1, expectedLength: 512))
            let r2t = try await socket.receive()
            async let stopped: Void = test.server.shutdown(grace: .seconds(30))
            while await (try? InitiatorSocket(test.portal)) != nil {}
            // A command that comes now is too late.
            socket.begin(testUnitReady)
            socket.answer(r2t, with: Self.block)
            let last = await socket.receiveUntilEnd()
            #expect(last.map(\.header.initiatorTaskTag) == [tag, 0xffff_ffff])
            #expect(last.last?.asyncMessage == [3, 0, 2, 0])
            await stopped
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == Self.block)
        }
    }

    @Test func `shutdown cuts off who does not end, but never a store that works`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            socket.begin(cdb(0x2a, lba: 0, count: 1), written: Self.block)
            _ = await store.nextRequest()
            async let stopped: Void = test.server.shutdown(grace: .milliseconds(10))
            #expect(await socket.receiveUntilEnd().isEmpty)
            #expect(store.heldCount == 1)
            store.release()
            await stopped
            try store.close()
        }
    }

    @Test func `shutdown lets a peer that reads slowly have its answers`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, receiveBufferBytes: 65_536)
            try await socket.stopReading()
            for _ in 0..<3 { socket.begin(cdb(0x28, lba: 0, count: 4_096), read: 2 << 20) }
            // A second session on the same loops shows that the reads have been begun.
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            try await other.expectAlive()
            async let stopped: Void = test.server.shutdown(grace: .seconds(30))
            _ = await other.receiveUntilEnd()
            try await socket.resumeReading()
            let answers = await socket.receiveUntilEnd()
            // Commands that had not been taken yet are not answered, but no answer is cut in two.
            #expect(socket.initiator.leftOver == 0)
            for pdu in answers where pdu.hasStatus { #expect(pdu.scsiStatus == 0) }
            await stopped
        }
    }
}
