// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.18, §11.19 NOP-Out and NOP-In")
struct PingTests {
    @Test(arguments: [0, 1, 4, 5, 1_000])
    func `a ping comes back with its data`(length: Int) throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        var request = Request.nopOut(tag: 8, data: (0..<length).map { UInt8(truncatingIfNeeded: $0) })
        request.setLUN(3)
        let answers = initiator.receive(try target.pass(initiator.send(request)))
        let answer = try #require(answers.first)
        #expect(answers.count == 1 && answer.header.opcode == .nopIn && answer.header.flags == 0x80)
        #expect(answer.data.array == request.data)
        #expect(answer.header.initiatorTaskTag == 8 && answer.transferTag == 0xffff_ffff)
        #expect(answer.header.lun == 0x0003_0000_0000_0000)
        #expect(initiator.complaints.isEmpty && target.connection.initiatorPings)
    }

    @Test func `more than the initiator takes is cut`() throws {
        let target = ScriptedTarget { $0.initiatorMaxRecvDataSegmentLength = 512 }
        var initiator = Initiator()
        let request = Request.nopOut(tag: 8, data: [UInt8](repeating: 5, count: 1_000))
        #expect(initiator.receive(try target.pass(initiator.send(request))).map(\.data.readableBytes) == [512])
    }

    @Test func `our ping asks for an answer and uses up no StatSN`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        let pings = initiator.receive(target.act { $0.ping(output: &$1) })
        let ping = try #require(pings.first)
        #expect(ping.header.opcode == .nopIn && ping.header.initiatorTaskTag == 0xffff_ffff)
        #expect(ping.transferTag != 0xffff_ffff)
        // The answer needs none, and takes no place in the order.
        let answer = Request.nopOut(tag: 0xffff_ffff, transferTag: ping.transferTag)
        #expect(try target.pass(initiator.send(answer, isImmediate: true)).readableBytes == 0)
        _ = initiator.receive(try target.pass(initiator.send(.nopOut(tag: 1))))
        #expect(initiator.expCmdSN == 2 && initiator.complaints.isEmpty)
    }

    @Test func `transfer tags never are the reserved one`() {
        let target = ScriptedTarget()
        target.session.nextTransferTag = 0xffff_fffd
        var initiator = Initiator()
        let pings = (0..<4).flatMap { _ in initiator.receive(target.act { $0.ping(output: &$1) }) }
        #expect(!pings.map(\.transferTag).contains(0xffff_ffff))
        #expect(Set(pings.map(\.transferTag)).count == 4)
    }
}
