// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.17 Reject")
struct RejectTests {
    private static func reject(_ request: Request, isDiscovery: Bool = false) throws -> UInt8? {
        let target = ScriptedTarget(isDiscovery: isDiscovery)
        var initiator = Initiator()
        var request = request
        request.cmdSN = 1
        initiator.cmdSN = 2
        let answers = initiator.receive(try target.pass(request.encode()))
        guard let answer = answers.first, answers.count == 1, answer.header.opcode == .reject else { return nil }
        // The rejected header comes back as it was.
        #expect(answer.data.array == request.encode().array.prefix(48).map { $0 })
        #expect(answer.header.initiatorTaskTag == 0xffff_ffff && answer.header.flags == 0x80)
        // And the connection goes on.
        #expect(target.inbound.isEmpty)
        _ = initiator.receive(try target.pass(initiator.send(.nopOut(tag: 5), isImmediate: true)))
        #expect(initiator.complaints.isEmpty)
        return answer.responseCode
    }

    @Test func `opcodes that do not exist are not supported`() throws {
        for opcode: UInt8 in 0..<0x40 where Opcode(rawValue: opcode) == nil {
            #expect(try Self.reject(Request(opcode: opcode)) == 0x05)
        }
    }

    @Test func `a target's PDUs from an initiator are protocol errors`() throws {
        for opcode: UInt8 in [0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f] {
            #expect(try Self.reject(Request(opcode: opcode)) == 0x04)
        }
    }

    @Test func `SNACK is rejected: error recovery level 0`() throws {
        #expect(try Self.reject(Request(opcode: 0x10)) == 0x03)
    }

    @Test func `a SCSI command in a discovery session is a protocol error`() throws {
        #expect(
            try Self.reject(.command([0], tag: 1, flags: 0x81, expectedLength: 0), isDiscovery: true) == 0x04)
    }

    @Test func `a login request ends the connection`() throws {
        let target = ScriptedTarget()
        #expect(try target.pass(Request.login(csg: 1, nsg: 3, text: []).encode()).readableBytes == 0)
        guard case .close = target.inbound.last else {
            Issue.record("the connection goes on")
            return
        }
    }

    @Test func `a rejected command's CmdSN is used up`() throws {
        let target = ScriptedTarget(isDiscovery: true)
        var initiator = Initiator()
        _ = initiator.receive(
            try target.pass(initiator.send(.command([0], tag: 1, flags: 0x81, expectedLength: 0))))
        #expect(initiator.expCmdSN == 2)
    }
}
