// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.14, §11.15 logout")
struct LogoutTests {
    @Test(
        arguments: [
            // level, reason, connection, response; the connection's own ID is 7
            (0, 0, 7, 0), (0, 0, 99, 0), (0, 1, 7, 0), (0, 1, 8, 1), (0, 2, 7, 2), (0, 2, 9, 2), (1, 2, 7, 2),
            (2, 0, 9, 0), (2, 1, 7, 0), (2, 1, 9, 1), (2, 2, 7, 0), (2, 2, 9, 1),
        ] as [(UInt32, UInt8, UInt16, UInt8)])
    func `each reason has its response`(level: UInt32, reason: UInt8, connection: UInt16, response: UInt8) throws {
        let target = ScriptedTarget {
            $0.defaultTime2WaitSeconds = 5
            $0.errorRecoveryLevel = level
        }
        var initiator = Initiator()
        let request = Request.logout(tag: 4, reason: reason, connectionID: connection)
        let answers = initiator.receive(try target.pass(initiator.send(request)))
        let answer = try #require(answers.first)
        #expect(answers.count == 1 && answer.header.opcode == .logoutResponse && answer.header.flags == 0x80)
        #expect(answer.responseCode == response && answer.header.initiatorTaskTag == 4)
        #expect(answer.header[field: 40] == (level == 2 ? 5 << 16 | 20 : 5 << 16))
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `an unknown reason is rejected`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        let answers = initiator.receive(try target.pass(initiator.send(.logout(tag: 1, reason: 3))))
        #expect(answers.map(\.header.opcode) == [.reject] && answers.first?.responseCode == 0x09)
    }

    @Test func `an immediate logout does not wait for commands that are missing`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 10
        let answers = initiator.receive(try target.pass(initiator.send(.logout(tag: 1), isImmediate: true)))
        #expect(answers.map(\.header.opcode) == [.logoutResponse])
    }
}
