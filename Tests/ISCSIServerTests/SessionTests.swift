// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("Sessions over sockets", .timeLimit(.minutes(5)))
struct SessionTests {
    @Test func `two initiators at once, each with its own unit attention and the same disk`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let first = try await InitiatorSocket.ready(test.portal, isid: 1)
            let second = try await InitiatorSocket.ready(test.portal, isid: 2)
            let data = [UInt8](repeating: 0x5a, count: 512)
            #expect(try await first.execute(cdb(0x2a, lba: 3, count: 1), written: data).status == 0)
            #expect(try await second.execute(cdb(0x28, lba: 3, count: 1), read: 512).data == data)
            let sessions = test.server.sessions()
            #expect(sessions.map(\.isid) == ["000000000001", "000000000002"])
            #expect(Set(sessions.map(\.tsih)).count == 2 && !sessions.map(\.tsih).contains(0))
        }
    }

    @Test func `the same initiator port again ends its older session`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let old = try await InitiatorSocket.ready(test.portal)
            let new = try await InitiatorSocket.ready(test.portal)
            #expect(await old.receiveUntilEnd().isEmpty)
            try await new.expectAlive()
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `the new session begins when no store works for the old one any longer`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let old = try await InitiatorSocket.ready(test.portal)
            store.hold()
            old.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            let new = try await InitiatorSocket(test.portal)
            new.sendLogin()
            await test.loggedOut()
            #expect(test.server.sessions().isEmpty)
            store.release()
            #expect(try await new.receive().loginStatus == 0)
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `a login that gives up while it waits leaves no session behind`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let old = try await InitiatorSocket.ready(test.portal)
            store.hold()
            old.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            for _ in 0..<10 {
                let new = try await InitiatorSocket(test.portal)
                new.sendLogin()
                await new.close()
            }
            await test.loggedOut()
            store.release()
            // One that is still on its way would take the place of a session of its own ISID.
            let last = try await InitiatorSocket.ready(test.portal, isid: 2)
            while test.server.sessions().count > 1 { try await last.expectAlive() }
            #expect(test.server.sessions().map(\.isid) == ["000000000002"])
        }
    }

    @Test func `what a waiting login sends is not taken in without bound`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let old = try await InitiatorSocket.ready(test.portal)
            store.hold()
            old.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            let flood = try await InitiatorSocket(test.portal)
            flood.sendLogin()
            await test.loggedOut()
            let taken = try await flood.floodUntilStuck(
                with: Request.nopOut(tag: 1, data: [UInt8](repeating: 0, count: 65_536)).encode(), atMost: 64 << 20)
            // What the kernel's buffers on both sides hold is not ours to bound.
            #expect(taken < 32 << 20)
        }
    }

    @Test func `who may not, and what is not there`() async throws {
        let store = try ScriptedStore()
        let friend = "iqn.2026-11.org.example:FRIEND"
        try await ServerUnderTest.run([store], access: .initiators([friend])) { test in
            let stranger = try await InitiatorSocket(test.portal)
            #expect(try await stranger.login().loginStatus == 0x0202)
            let lost = try await InitiatorSocket(test.portal)
            #expect(try await lost.login(name: friend, target: "iqn.2026-11.org.apus:no").loginStatus == 0x0203)
            #expect(
                await test.refusals(2) == [
                    "initiator iqn.2026-11.org.example:host is not in acls of iqn.2026-11.org.apus:disk",
                    "there is no target iqn.2026-11.org.apus:no",
                ])
            let welcome = try await InitiatorSocket(test.portal)
            #expect(try await welcome.login(name: friend.lowercased()).loginStatus == 0)
            // Discovery shows nobody what is not for them.
            for (name, count) in [(InitiatorSocket.name, 0), (friend, 2)] {
                let discovery = try await InitiatorSocket(test.portal)
                #expect(try await discovery.login(name: name, target: nil, keys: []).loginStatus == 0)
                discovery.send(.text(tag: 1, text("SendTargets=All")))
                #expect(try await discovery.receive().pairs.count == count)
            }
        }
    }

    @Test(arguments: ["::1", "127.0.0.1", "0.0.0.0", "::"])
    func `a portal of either family is discovered as it was reached`(host: String) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], portal: Portal(host: host, port: 0)) { test in
            let reached = host.contains(":") ? "::1" : "127.0.0.1"
            let portal = Portal(host: reached, port: test.portal.port)
            let discovery = try await InitiatorSocket(portal)
            #expect(try await discovery.login(target: nil, keys: []).loginStatus == 0)
            discovery.send(.text(tag: 1, text("SendTargets=All")))
            #expect(
                try await discovery.receive().pairs
                    == ["TargetName=\(InitiatorSocket.target)", "TargetAddress=\(portal),1"])
            let socket = try await InitiatorSocket.ready(portal)
            try await socket.expectAlive()
        }
    }

    @Test func `a login that takes too long is dropped, also after half a PDU`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: ServerTimes(login: .milliseconds(500))) { test in
            var late: [InitiatorSocket] = []
            for length in [0, 1, 47, 60] {
                let socket = try await InitiatorSocket(test.portal)
                let login = Request.login(csg: 1, nsg: 3, text: text("InitiatorName=iqn.a")).encode()
                socket.sendBytes(ByteBuffer(bytes: login.readableBytesView.prefix(length)))
                late.append(socket)
            }
            for socket in late { #expect(await socket.receiveUntilEnd().isEmpty) }
            // A session that has begun in time stays, however long that takes on a busy machine.
            var socket: InitiatorSocket?
            while socket == nil { socket = try? await InitiatorSocket.ready(test.portal) }
            let idle = try await InitiatorSocket(test.portal)
            #expect(await idle.receiveUntilEnd().isEmpty)
            try await socket?.expectAlive()
        }
    }

    @Test func `a silent initiator that knows pings is pinged, and dropped when it does not answer`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: ServerTimes(login: .minutes(5), keepAlive: .milliseconds(50))) {
            test in
            let socket = try await InitiatorSocket.ready(test.portal)
            try await socket.expectAlive()
            let ping = try await socket.receive()
            #expect(ping.header.opcode == .nopIn && ping.header.initiatorTaskTag == 0xffff_ffff)
            for pdu in await socket.receiveUntilEnd() {
                #expect(pdu.header.opcode == .nopIn && pdu.header.initiatorTaskTag == 0xffff_ffff)
            }
            await test.loggedOut()
        }
    }

    @Test func `an initiator that does not ping is not pinged: iPXE of 2019 would end its session`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: ServerTimes(login: .minutes(5), keepAlive: .milliseconds(20))) {
            test in
            let quiet = try await InitiatorSocket.ready(test.portal, isid: 1)
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            try await other.expectAlive()
            _ = await other.receiveUntilEnd()
            // By now many pings would have been sent.
            #expect(try await quiet.execute(testUnitReady).status == 0)
        }
    }
}
