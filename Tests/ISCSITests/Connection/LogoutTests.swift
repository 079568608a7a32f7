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
            // reason, connection, response, whether the connection ends; the connection's own ID is 7
            (0, 7, 0, true), (0, 99, 0, true), (1, 7, 0, true), (1, 8, 1, false), (2, 7, 2, false), (2, 9, 2, false),
        ] as [(UInt8, UInt16, UInt8, Bool)])
    func `each reason has its response`(reason: UInt8, connection: UInt16, response: UInt8, ends: Bool) throws {
        let target = ScriptedTarget { $0.defaultTime2WaitSeconds = 5 }
        var initiator = Initiator()
        let request = Request.logout(tag: 4, reason: reason, connectionID: connection)
        let answers = initiator.receive(try target.pass(initiator.send(request)))
        let answer = try #require(answers.first)
        #expect(answers.count == 1 && answer.header.opcode == .logoutResponse && answer.header.flags == 0x80)
        #expect(answer.responseCode == response && answer.header.initiatorTaskTag == 4)
        #expect(answer.header[field: 40] == 5 << 16)
        if case .loggedOut = target.inbound.last {
            #expect(ends)
        } else {
            #expect(!ends)
        }
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `an immediate logout does not wait for commands that are missing`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 10
        let answers = initiator.receive(try target.pass(initiator.send(.logout(tag: 1), isImmediate: true)))
        #expect(answers.map(\.header.opcode) == [.logoutResponse])
    }
}
