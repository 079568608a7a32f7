// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §7.2 connection recovery over sockets", .timeLimit(.minutes(5)))
struct ConnectionRecoveryTests {
    private static func session(
        _ test: ServerUnderTest, connections: Int = 2, _ keys: [String] = ["DefaultTime2Retain=20"]
    ) async throws -> InitiatorSession {
        try await InitiatorSession(
            test.portal, connections: connections, keys: ["ErrorRecoveryLevel=2"] + keys)
    }

    private static func reassign(_ tag: UInt32, expDataSN: UInt32 = 0) -> Request {
        var request = Request.taskManagement(8, tag: 0x900 + tag, referencedTag: tag)
        request[word: 36] = expDataSN
        return request
    }

    /// Sends a request on the first connection and returns the response code.
    private static func ask(_ session: InitiatorSession, _ request: Request, on index: Int = 0) async throws -> UInt8 {
        session.send(request, on: index, isImmediate: true)
        return try await session.connections[index].receive().responseCode
    }

    private static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 / 512 &* 7) }
    }

    /// Data-In from `start` on, and the status after it.
    private static func rest(
        of tag: UInt32, from start: Int, _ socket: InitiatorSocket
    ) async throws -> (data: [UInt8], status: UInt8) {
        var data: [UInt8] = []
        while true {
            let pdu = try await socket.receive()
            try #require(pdu.header.initiatorTaskTag == tag)
            guard pdu.header.opcode == .dataIn else { return (data, pdu.scsiStatus) }
            try #require(pdu.bufferOffset == start + data.count)
            data += pdu.data.array
        }
    }

    @Test func `a read that waits for its store is answered on another connection`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            let data = (0..<4_096).map { UInt8(truncatingIfNeeded: $0 / 16) }
            try store.fill(BlockRange(lba: 8, count: 8), with: data)
            store.hold()
            let tag = session.begin(cdb(0x28, lba: 8, count: 8), on: 1, read: 4_096)
            _ = await store.nextRequest()
            #expect(try await Self.ask(session, Self.reassign(tag)) == 3)
            #expect(try await Self.ask(session, Self.reassign(77)) == 1)
            await session.connections[1].close()
            // The failure is known in its own time; until a recovery logout the task stays allegiant.
            #expect(try await Self.ask(session, Self.reassign(tag)) == 3)
            #expect(try await Self.ask(session, .logout(tag: 0x800, reason: 2, connectionID: 1)) == 0)
            #expect(try await Self.ask(session, .logout(tag: 0x801, reason: 2, connectionID: 1)) == 1)
            #expect(try await Self.ask(session, Self.reassign(tag)) == 0)
            store.release()
            #expect(try await session.connections[0].end(tag) == Outcome(status: 0, data: data))
        }
    }

    @Test func `a write goes on with its R2Ts, and what was not answered is asked for again`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            let data = (0..<262_144).map { UInt8(truncatingIfNeeded: $0 / 512) }
            let tag = session.begin(cdb(0x2a, lba: 0, count: 512), on: 1, written: data)
            let first = try await session.connections[1].receive()
            #expect(first.header.opcode == .readyToTransfer && first.bufferOffset == 65_536)
            #expect(try await Self.ask(session, .logout(tag: 0x800, reason: 2, connectionID: 1)) == 0)
            #expect(await session.connections[1].receiveUntilEnd().isEmpty)
            #expect(try await Self.ask(session, Self.reassign(tag)) == 0)
            #expect(try await session.connections[0].end(tag, written: data).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 512)) == data)
        }
    }

    @Test(arguments: [0, 3, 8] as [UInt32])
    func `a status that was lost with its connection comes again, with the data from ExpDataSN on`(
        expDataSN: UInt32
    ) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            let data = (0..<4_096).map { UInt8(truncatingIfNeeded: $0 / 16) }
            try store.fill(BlockRange(lba: 0, count: 8), with: data)
            let tag = session.begin(cdb(0x28, lba: 0, count: 8), on: 1, read: 4_096)
            #expect(try await session.connections[1].end(tag).data == data)
            // The same CID again is a recovery logout of the connection before.
            #expect(try await session.join(1).loginStatus == 0)
            session.send(Self.reassign(tag, expDataSN: expDataSN), on: 2, isImmediate: true)
            let socket = session.connections[2]
            #expect(try await socket.receive().responseCode == 0)
            // The new connection has the default segment length: it may be another cutting of the same data.
            var again: [UInt8] = []
            while true {
                let pdu = try await socket.receive()
                guard pdu.header.opcode == .dataIn else {
                    #expect(pdu.header.opcode == .scsiResponse && pdu.scsiStatus == 0)
                    break
                }
                if again.isEmpty { #expect(pdu.dataSN == expDataSN && pdu.bufferOffset == Int(expDataSN) * 512) }
                again += pdu.data.array
            }
            #expect(again == Array(data.dropFirst(Int(expDataSN) * 512)))
            #expect(try await Self.ask(session, Self.reassign(tag)) == 3)
        }
    }

    @Test func `a connection cut in the middle of a READ: the rest comes on another`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            let data = Self.pattern(2_048 * 512)
            try store.fill(BlockRange(lba: 0, count: 2_048), with: data)
            let tag = session.begin(cdb(0x28, lba: 0, count: 2_048), on: 1, read: data.count)
            // The session has agreed on 512 bytes a segment for this connection: three have arrived.
            for dataSN in 0..<3 as Range<UInt32> {
                let pdu = try await session.connections[1].receive()
                #expect(pdu.dataSN == dataSN && !pdu.hasStatus)
            }
            await session.connections[1].close()
            #expect(try await Self.ask(session, .logout(tag: 0x800, reason: 2, connectionID: 1)) == 0)
            #expect(try await Self.ask(session, Self.reassign(tag, expDataSN: 3)) == 0)
            let (rest, status) = try await Self.rest(of: tag, from: 3 * 512, session.connections[0])
            #expect(status == 0 && rest == Array(data.dropFirst(3 * 512)))
        }
    }

    @Test func `a connection cut in the middle of a burst: what is missing is asked for again, and written once`()
        async throws
    {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            let data = Self.pattern(512 * 512)
            let tag = session.begin(cdb(0x2a, lba: 0, count: 512), on: 1, written: data)
            let socket = session.connections[1]
            let r2t = try await socket.receive()
            #expect(r2t.header.opcode == .readyToTransfer && r2t.bufferOffset == 65_536)
            // Half of what was asked for goes out, then the wire is cut.
            let half = Array(data[r2t.bufferOffset..<(r2t.bufferOffset + r2t.desiredLength / 2)])
            socket.sendBytes(
                socket.initiator.encode(
                    .dataOut(
                        tag: tag, transferTag: r2t.transferTag, dataSN: 0, offset: r2t.bufferOffset, isFinal: false,
                        data: half)))
            try await session.connections[1].expectAlive()
            await socket.close()
            #expect(try await session.join(1).loginStatus == 0)
            #expect(try await Self.ask(session, Self.reassign(tag), on: 2) == 0)
            #expect(try await session.connections[2].end(tag, written: data).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 512)) == data)
            #expect(try await Self.ask(session, Self.reassign(tag)) == 3)
        }
    }

    @Test func `a connection cut after a write and before its status: the status comes, and nothing is written again`()
        async throws
    {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test)
            store.hold()
            let data = Self.pattern(8 * 512)
            let tag = session.begin(cdb(0x2a, lba: 4, count: 8), on: 1, written: data)
            _ = await store.nextRequest()
            await session.connections[1].close()
            #expect(try await session.join(1).loginStatus == 0)
            // The write is done while nobody is there to be told.
            store.release()
            let written = store.requests.count
            #expect(written == 1)
            #expect(try await session.execute(testUnitReady, on: 0).status == 0)
            #expect(try await Self.ask(session, Self.reassign(tag), on: 2) == 0)
            #expect(try await session.connections[2].end(tag).status == 0)
            #expect(try store.content(BlockRange(lba: 4, count: 8)) == data)
            #expect(store.requests.count == written)
        }
    }

    @Test func `a damaged header ends its connection, and its command is retried on another`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test, connections: 1, ["HeaderDigest=CRC32C"])
            let cmdSN = session.takeCmdSN()
            var damaged = Request.command(cdb(0x2a, lba: 0, count: 1), tag: 0x70, flags: 0xa1, expectedLength: 512)
            damaged.cmdSN = cmdSN
            damaged.data = [UInt8](repeating: 5, count: 512)
            var bytes = session.connections[0].initiator.encode(damaged)
            bytes.setInteger(UInt8(0x35), at: 37)
            session.connections[0].sendBytes(bytes)
            #expect(await session.connections[0].receiveUntilEnd().isEmpty)
            #expect(test.server.sessions().count == 1)
            let again = try await session.beginJoining(0)
            again.initiator = Initiator(cmdSN: cmdSN)
            let answer = try await again.receive()
            #expect(answer.loginStatus == 0 && answer.expCmdSN == cmdSN)
            session.connections.append(again)
            again.initiator.cmdSN = cmdSN + 1
            again.sendBytes(damaged.encode())
            #expect(try await again.end(0x70).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == damaged.data)
        }
    }

    @Test func `commands across connections keep their order when one is cut, and what had its turn is taken over`()
        async throws
    {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test, connections: 3)
            let cmdSNs = (0..<6).map { _ in session.takeCmdSN() }
            // Commands 1, 3 and 4 (of connections 0, 1, 2) wait for 2, which connection 1 is still to bring.
            func write(_ place: Int, on index: Int) -> UInt32 {
                session.begin(
                    cdb(0x2a, lba: 0, count: 1), on: index, cmdSN: cmdSNs[place],
                    written: [UInt8](repeating: UInt8(place + 1), count: 512))
            }
            let first = write(0, on: 0)
            let third = write(2, on: 1)
            let fourth = write(3, on: 2)
            #expect(try await session.connections[0].end(first).status == 0)
            try await session.connections[1].expectAlive()
            await session.connections[1].close()
            #expect(try await Self.ask(session, .logout(tag: 0x800, reason: 2, connectionID: 1)) == 0)
            // What had not had its turn is forgotten with its connection: not a task, to be retried.
            #expect(try await Self.ask(session, Self.reassign(third)) == 1)
            let second = write(1, on: 0)
            #expect(try await session.connections[0].end(second).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 1)).first == 2)
            let retried = write(2, on: 2)
            #expect(try await session.connections[2].end(retried).status == 0)
            #expect(try await session.connections[2].end(fourth).status == 0)
            for place in 4..<6 {
                #expect(try await session.connections[0].end(write(place, on: 0)).status == 0)
            }
            #expect(try store.content(BlockRange(lba: 0, count: 1)).first == 6)
        }
    }

    @Test func `a session outlives its only connection, and goes on with the next`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test, connections: 1)
            await session.connections[0].close()
            #expect(try await session.join(0).loginStatus == 0)
            // No unit attention: it is the same nexus.
            #expect(try await session.execute(testUnitReady, on: 1).status == 0)
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `what is not recovered in time ends, and so does the session`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await Self.session(test, connections: 1, ["DefaultTime2Retain=0"])
            await session.connections[0].close()
            await test.loggedOut()
            #expect(try await session.join(0).loginStatus == 0x020a)
        }
    }

    @Test func `below level 2 nothing is reassigned`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let session = try await InitiatorSession(test.portal, connections: 2, keys: ["ErrorRecoveryLevel=1"])
            #expect(try await Self.ask(session, Self.reassign(1)) == 4)
            #expect(try await Self.ask(session, .logout(tag: 0x800, reason: 2, connectionID: 1)) == 2)
        }
    }
}
