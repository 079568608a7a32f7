// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("How long an initiator is waited for", .timeLimit(.minutes(5)))
struct PatienceTests {
    private static func rules(_ set: (inout Patience) -> Void) -> AccessRules {
        var patience = Patience()
        set(&patience)
        return AccessRules(lists: [InitiatorSocket.name: AccessList(patience: patience)])
    }

    @Test func `a silent initiator is pinged in its own time`() async throws {
        let rules = Self.rules {
            $0.pingMilliseconds = 20
            $0.pingAnswerMilliseconds = 300_000
        }
        try await ServerUnderTest.run([try ScriptedStore()], access: rules) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            // From here on it knows pings.
            try await socket.expectAlive()
            let ping = try await socket.receive()
            #expect(ping.header.opcode == .nopIn && ping.header.initiatorTaskTag == 0xffff_ffff)
            socket.send(.nopOut(tag: 0xffff_ffff, transferTag: ping.transferTag), isImmediate: true)
            #expect(try await socket.receive().header.opcode == .nopIn)
        }
    }

    @Test func `one that does not answer a ping in its own time is dropped`() async throws {
        let rules = Self.rules {
            $0.pingMilliseconds = 20
            $0.pingAnswerMilliseconds = 20
        }
        try await ServerUnderTest.run([try ScriptedStore()], access: rules) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            try await socket.expectAlive()
            let pings = await socket.receiveUntilEnd()
            #expect(pings.map(\.header.opcode) == [.nopIn])
            await test.loggedOut()
        }
    }

    @Test func `0 pings nobody`() async throws {
        var times = ServerTimes.patient
        times.keepAlive = .milliseconds(5)
        try await ServerUnderTest.run(
            [try ScriptedStore()], times: times, access: Self.rules { $0.pingMilliseconds = 0 }
        ) { test in
            let silent = try await InitiatorSocket.ready(test.portal)
            try await silent.expectAlive()
            // Somebody else is pinged, and dropped, meanwhile.
            await test.server.setTarget(test.target(access: .anyone))
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            try await other.expectAlive()
            _ = await other.receiveUntilEnd()
            try await silent.expectAlive()
        }
    }

    @Test func `below level 1 data that does not come ends the connection, where that is wanted`() async throws {
        let rules = Self.rules { $0.dataOutMilliseconds = 20 }
        try await ServerUnderTest.run([try ScriptedStore()], access: rules) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No"])
            _ = socket.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            #expect(try await socket.receive().header.opcode == .readyToTransfer)
            #expect(await socket.receiveUntilEnd().isEmpty)
            await test.loggedOut()
        }
    }

    @Test func `at level 1 it is asked for again as often as is wanted`() async throws {
        let rules = Self.rules {
            $0.dataOutMilliseconds = 20
            $0.dataOutRetries = 2
        }
        try await ServerUnderTest.run([try ScriptedStore()], access: rules) { test in
            let socket = try await InitiatorSocket.ready(
                test.portal, keys: ["ImmediateData=No", "ErrorRecoveryLevel=1"])
            let tag = socket.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            for _ in 0...2 { #expect(try await socket.receive().header.opcode == .readyToTransfer) }
            #expect(try await socket.end(tag).sense == [0x0b, 0x47, 0x05])
        }
    }

    @Test func `a login that takes longer than its portal group wants is dropped`() async throws {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            var target = test.target()
            target.groups[0].loginTime = .milliseconds(20)
            await test.server.setTarget(target)
            let socket = try await InitiatorSocket(test.portal)
            let names = ["InitiatorName=\(InitiatorSocket.name)", "TargetName=\(InitiatorSocket.target)"]
            socket.sendBytes(Request.login(csg: 1, nsg: nil, text: names.flatMap { text($0) }).encode())
            #expect(try await socket.receive().loginStatus == 0)
            #expect(await socket.receiveUntilEnd().isEmpty)
        }
    }
}
