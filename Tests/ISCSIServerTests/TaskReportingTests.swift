// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §13.23 TaskReporting over sockets", .timeLimit(.minutes(5)))
struct TaskReportingTests {
    private static let block = [UInt8](repeating: 3, count: 512)

    @Test(
        arguments: [
            ("RFC3720,ResponseFence,FastAbort", "RFC3720"), ("FastAbort,ResponseFence,RFC3720", "FastAbort"),
            ("Telepathy,ResponseFence,RFC3720", "ResponseFence"), ("Telepathy", "Reject"),
        ])
    func `the first that the initiator lists and the target knows`(proposal: String, agreed: String) async throws {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login(keys: ["TaskReporting=\(proposal)"])
            #expect(answer.loginStatus == 0 && answer.pairs.contains("TaskReporting=\(agreed)"))
            #expect(
                test.server.sessions().first?.parameters["TaskReporting"] == (agreed == "Reject" ? "RFC3720" : agreed))
        }
    }

    // MARK: - The response fence (§4.2.2.3)

    /// Tells the target that everything has come that was sent before `ping`.
    private static func acknowledge(_ ping: PDU, _ session: InitiatorSession, on index: Int) {
        #expect(ping.header.opcode == .nopIn && ping.header.initiatorTaskTag == 0xffff_ffff)
        var request = Request.nopOut(tag: 0xffff_ffff, transferTag: ping.transferTag)
        request[word: 28] = ping.statSN
        session.send(request, on: index, isImmediate: true)
    }

    @Test func `a reset's response waits for what was sent on other connections, and what comes later for it`()
        async throws
    {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            let session = try await InitiatorSession(
                test.portal, connections: 2, keys: ["TaskReporting=ResponseFence,RFC3720"])
            let (one, two) = (session.connections[0], session.connections[1])
            #expect(try await session.execute(testUnitReady, on: 0).status == 0)
            session.send(.taskManagement(5, tag: 0x700), on: 1, isImmediate: true)
            // Nothing of the first connection has been acknowledged; all of the second has.
            let ping = try await one.receive()
            try await two.expectAlive()
            Self.acknowledge(ping, session, on: 0)
            var answers = [try await two.receive(), try await two.receive()]
            if answers[0].header.opcode == .nopIn { answers.append(try await two.receive()) }
            let response = answers.first { $0.header.opcode == .taskManagementResponse }
            #expect(response?.responseCode == 0)

            // The next response waits until that has come.
            let tag = session.begin(testUnitReady, on: 0)
            try await one.expectAlive()
            for ping in answers where ping.header.opcode == .nopIn { Self.acknowledge(ping, session, on: 1) }
            let late = try await Self.next(of: tag, on: 0, session)
            #expect(late.sense == [0x06, 0x29, 0x03])
        }
    }

    /// The response of a task; pings before it are answered.
    private static func next(of tag: UInt32, on index: Int, _ session: InitiatorSession) async throws -> PDU {
        while true {
            let pdu = try await session.connections[index].receive()
            guard pdu.header.opcode == .nopIn else {
                #expect(pdu.header.initiatorTaskTag == tag)
                return pdu
            }
            Self.acknowledge(pdu, session, on: index)
        }
    }

    @Test func `a fence ends with the connection that it waits for`() async throws {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            let session = try await InitiatorSession(
                test.portal, connections: 3, keys: ["TaskReporting=FastAbort,ResponseFence,RFC3720"])
            #expect(try await session.execute(testUnitReady, on: 0).status == 0)
            session.send(.taskManagement(5, tag: 0x700), on: 1, isImmediate: true)
            #expect(try await session.connections[0].receive().header.opcode == .nopIn)
            try await session.connections[1].expectAlive()
            await session.connections[0].close()
            let response = try await session.connections[1].receive()
            #expect(response.header.opcode == .taskManagementResponse && response.responseCode == 0)
        }
    }

    @Test func `one connection needs no fence, and without one nothing waits`() async throws {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            for (connections, reporting) in [(1, "ResponseFence"), (2, "RFC3720")] {
                let session = try await InitiatorSession(
                    test.portal, connections: connections, keys: ["TaskReporting=\(reporting)"])
                session.send(.taskManagement(5, tag: 0x700), on: 0, isImmediate: true)
                #expect(try await session.connections[0].receive().header.opcode == .taskManagementResponse)
                #expect(
                    try await session.execute(testUnitReady, on: connections - 1).sense == [0x06, 0x29, 0x03])
            }
        }
    }

    // MARK: - FastAbort (§4.2.3.4)

    @Test func `who has agreed on FastAbort is told at once when others abort its tasks, who has not is not`()
        async throws
    {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            let keys = InitiatorSocket.keys + ["ImmediateData=No", "InitialR2T=Yes"]
            let issuer = try await InitiatorSocket.ready(test.portal, isid: 1)
            let fast = try await InitiatorSocket.ready(
                test.portal, isid: 2, keys: Array(keys.dropFirst(2)) + ["TaskReporting=FastAbort"])
            let plain = try await InitiatorSocket.ready(test.portal, isid: 3, keys: Array(keys.dropFirst(2)))
            let lost = fast.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            let r2t = try await fast.receive()
            _ = plain.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            #expect(try await plain.receive().header.opcode == .readyToTransfer)
            issuer.send(.taskManagement(5, tag: 0x700), isImmediate: true)
            #expect(try await issuer.receive().responseCode == 0)

            let message = try await fast.receive()
            #expect(message.asyncMessage == [5, 0, 0, 0] && message.header.lun == 0)
            var acknowledgement = Request.nopOut(tag: 0xffff_ffff)
            acknowledgement[word: 28] = message.statSN + 1
            fast.send(acknowledgement, isImmediate: true)
            // What was on its way is dropped.
            #expect(lost == r2t.header.initiatorTaskTag)
            fast.answer(r2t, with: Self.block)
            for socket in [fast, plain] {
                #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x29, 0x03])
                #expect(try await socket.execute(testUnitReady).status == 0)
            }
        }
    }

    @Test func `a request on one connection is told to the others of its session that lose tasks by it`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(
                test.portal, connections: 3, keys: ["TaskReporting=FastAbort,ResponseFence,RFC3720"])
            store.hold()
            for index in 0..<2 { session.begin(cdb(0x28, lba: 0, count: 1), on: index, read: 512) }
            for _ in 0..<2 { _ = await store.nextRequest() }
            session.send(.taskManagement(2, tag: 0x700), on: 0, isImmediate: true)
            #expect(try await session.connections[1].receive().asyncMessage == [5, 0, 0, 0])
            // Neither the one that issued it nor the one without tasks.
            for index in [0, 2] { try await session.connections[index].expectAlive() }
            store.release()
        }
    }

    // MARK: - Standard semantics (§4.2.3.3)

    @Test func `ABORT TASK SET is answered when the data has come that was asked for`() async throws {
        let store = try ScriptedStore()
        var times = ServerTimes.patient
        times.abandonedData = .minutes(5)
        try await ServerUnderTest.run([store], times: times) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No"])
            _ = socket.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            let r2t = try await socket.receive()
            socket.send(.taskManagement(2, tag: 0x700), isImmediate: true)
            try await socket.expectAlive()
            socket.answer(r2t, with: Self.block)
            let response = try await socket.receive()
            #expect(response.header.opcode == .taskManagementResponse && response.responseCode == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == [UInt8](repeating: 0, count: 512))
        }
    }

    @Test func `an initiator that sends no more data waits for its time, and late data does no harm`() async throws {
        var times = ServerTimes.patient
        times.abandonedData = .milliseconds(20)
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], times: times) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: ["ImmediateData=No"])
            let tag = socket.begin(cdb(0x2a, lba: 0, count: 1), writing: 512)
            let r2t = try await socket.receive()
            socket.send(.taskManagement(2, tag: 0x700), isImmediate: true)
            #expect(try await socket.receive().header.opcode == .taskManagementResponse)
            // The tag has a new task when the data of the old one comes.
            socket.send(.command(cdb(0x2a, lba: 8, count: 1), tag: tag, flags: 0xa1, expectedLength: 512))
            let second = try await socket.receive()
            #expect(second.header.opcode == .readyToTransfer && second.transferTag != r2t.transferTag)
            socket.answer(r2t, with: Self.block)
            socket.answer(second, with: Self.block)
            #expect(try await socket.end(tag).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == [UInt8](repeating: 0, count: 512))
            #expect(try store.content(BlockRange(lba: 8, count: 1)) == Self.block)
        }
    }

    @Test func `a request for immediate delivery waits for commands before it on other connections`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 2)
            let missing = session.takeCmdSN()
            session.send(.taskManagement(2, tag: 0x700), on: 1, isImmediate: true)
            try await session.connections[1].expectAlive()
            store.hold()
            _ = session.begin(cdb(0x28, lba: 0, count: 1), on: 0, cmdSN: missing, read: 512)
            _ = await store.nextRequest()
            store.release()
            let response = try await session.connections[1].receive()
            #expect(response.header.opcode == .taskManagementResponse && response.responseCode == 0)
            // The command was among those aborted.
            try await session.connections[0].expectAlive()
        }
    }

    @Test func `a target reset takes what has not come as come and aborted`() async throws {
        try await ServerUnderTest.run([try ScriptedStore()]) { test in
            let session = try await InitiatorSession(test.portal, connections: 2)
            let missing = session.takeCmdSN()
            session.send(.taskManagement(6, tag: 0x700), on: 1, isImmediate: true)
            #expect(try await session.connections[1].receive().header.opcode == .taskManagementResponse)
            _ = session.begin(testUnitReady, on: 0, cmdSN: missing)
            try await session.connections[0].expectAlive()
            #expect(try await session.execute(testUnitReady, on: 1).sense == [0x06, 0x29, 0x03])
        }
    }

    @Test(arguments: [1, 9] as [UInt8])
    func `task management is no task that could be aborted or asked for`(function: UInt8) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(
                test.portal, keys: InitiatorSocket.keys + ["iSCSIProtocolLevel=2"])
            store.hold()
            socket.begin(cdb(0x28, lba: 0, count: 1), read: 512)
            _ = await store.nextRequest()
            socket.send(.taskManagement(2, tag: 0x700), isImmediate: true)
            socket.send(.taskManagement(function, tag: 0x701, referencedTag: 0x700), isImmediate: true)
            let refused = try await socket.receive()
            #expect(refused.header.initiatorTaskTag == 0x701 && refused.responseCode == 255)
            store.release()
            #expect(try await socket.receive().header.initiatorTaskTag == 0x700)
        }
    }
}
