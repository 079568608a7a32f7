// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §4.2.2.1 one command order on several connections")
struct SeveralConnectionsTests {
    /// A session of `count` connections, each with the initiator's end of it; CmdSN is given by the test.
    private static func session(_ count: Int) -> [(target: ScriptedTarget, initiator: Initiator)] {
        let first = ScriptedTarget { $0.maxConnections = 64 }
        let others = (1..<count).map { ScriptedTarget(joining: first, connectionID: UInt16(7 + $0)) }
        return ([first] + others).map { ($0, Initiator()) }
    }

    private static func read(_ tag: UInt32, cmdSN: UInt32) -> ByteBuffer {
        var request = Request.command(read10(lba: Int(tag), count: 1), tag: tag, flags: 0xc1, expectedLength: 512)
        request.cmdSN = cmdSN
        return request.encode()
    }

    @Test func `a command waits for those before it on the other connection, and is answered where it came`() throws {
        var session = Self.session(2)
        #expect(try session[1].target.pass(Self.read(2, cmdSN: 2)).readableBytes == 0)
        #expect(try session[1].target.pass(Self.read(3, cmdSN: 3)).readableBytes == 0)
        let first = session[0].initiator.receive(try session[0].target.pass(Self.read(1, cmdSN: 1)))
        #expect(first.map(\.header.initiatorTaskTag) == [1])
        let rest = session[1].initiator.receive(session[1].target.endPass())
        #expect(rest.map(\.header.initiatorTaskTag) == [2, 3])
        #expect(rest.map(\.data.array) == [2, 3].map { ScriptedTarget.block($0) })
        // One window, told on both; each connection has its own StatSN.
        #expect(first.first?.expCmdSN == 2 && rest.last?.expCmdSN == 4)
        #expect(first.first?.statSN == 1 && rest.map(\.statSN) == [1, 2])
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `any spreading over connections, in any order, delivers each command once and in order`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 2...5, using: &generator)
        let session = Self.session(count)
        let commands = 60
        // What each connection sends is in its order, but which of them sends next is left to chance.
        var queues = [[UInt32]](repeating: [], count: count)
        for cmdSN in 1...UInt32(commands) { queues[Int.random(in: 0..<count, using: &generator)].append(cmdSN) }
        var owners: [UInt32: Int] = [:]
        for (index, queue) in queues.enumerated() { for tag in queue { owners[tag] = index } }
        var answered: [UInt32: Int] = [:]
        var initiators = session.map(\.initiator)
        while let index = (0..<count).filter({ !queues[$0].isEmpty }).randomElement(using: &generator) {
            let tag = queues[index].removeFirst()
            let output = try session[index].target.pass(Self.read(tag, cmdSN: tag))
            for place in 0..<count {
                let bytes = place == index ? output : session[place].target.endPass()
                for pdu in initiators[place].receive(bytes) {
                    #expect(pdu.data.array == ScriptedTarget.block(Int(pdu.header.initiatorTaskTag)), "seed \(seed)")
                    answered[pdu.header.initiatorTaskTag, default: 0] += 1
                    #expect(owners[pdu.header.initiatorTaskTag] == place, "seed \(seed)")
                }
            }
        }
        #expect(answered.count == commands && answered.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(session[0].target.session.held.isEmpty)
    }

    @Test func `commands that a lost connection held are forgotten, and may be retried on another`() throws {
        var session = Self.session(2)
        #expect(try session[1].target.pass(Self.read(2, cmdSN: 2)).readableBytes == 0)
        session[0].target.session.forgetHeld(of: session[1].target.connection.number)
        #expect(session[0].target.session.held.isEmpty)
        let bytes = try session[0].target.pass(Self.read(1, cmdSN: 1))
        #expect(session[0].initiator.receive(bytes).map(\.header.initiatorTaskTag) == [1])
        let retried = try session[0].target.pass(Self.read(2, cmdSN: 2))
        #expect(session[0].initiator.receive(retried).map(\.header.initiatorTaskTag) == [2])
    }

    @Test func `a task tag is the session's, and Data-Out comes where its command came`() throws {
        var session = Self.session(2)
        session[0].initiator.cmdSN = 1
        var write = Request.command(write10(lba: 0, count: 1), tag: 9, flags: 0xa1, expectedLength: 512)
        write.cmdSN = 1
        let r2ts = session[0].initiator.receive(try session[0].target.pass(write.encode()))
        let r2t = try #require(r2ts.first)
        #expect(r2t.header.opcode == .readyToTransfer)
        let second = session[1].initiator.receive(try session[1].target.pass(Self.read(9, cmdSN: 2)))
        #expect(second.map(\.header.opcode) == [.reject] && second.first?.responseCode == 0x07)
        let data = Request.dataOut(
            tag: 9, transferTag: r2t.transferTag, dataSN: 0, offset: 0, isFinal: true,
            data: [UInt8](repeating: 1, count: 512)
        ).encode()
        _ = try session[1].target.pass(data)
        guard case .close = session[1].target.inbound.last else {
            Issue.record("Data-Out on another connection is taken")
            return
        }
        #expect(session[0].initiator.receive(try session[0].target.pass(data)).map(\.header.opcode) == [.scsiResponse])
    }

    @Test func `a logout names any connection of its session`() throws {
        var session = Self.session(2)
        var request = Request.logout(tag: 5, reason: 1, connectionID: 8)
        request.cmdSN = 1
        let answers = session[0].initiator.receive(try session[0].target.pass(request.encode()))
        #expect(answers.first?.responseCode == 0)
        session[0].target.session.logOut(connection: session[1].target.connection.number)
        request.cmdSN = 2
        request.tag = 6
        let again = session[0].initiator.receive(try session[0].target.pass(request.encode()))
        #expect(again.first?.responseCode == 1)
    }
}
