// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.6.1 ABORT TASK of a task that is not there")
struct AbortTests {
    private let target = ScriptedTarget()

    private static func read(_ tag: UInt32, cmdSN: UInt32) -> ByteBuffer {
        var request = Request.command(read10(lba: 1, count: 1), tag: tag, flags: 0xc1, expectedLength: 512)
        request.cmdSN = cmdSN
        return request.encode()
    }

    /// What an immediate ABORT TASK is answered with.
    private func abort(_ tag: UInt32, refCmdSN: UInt32, cmdSN: UInt32) throws -> TaskManagementResponse {
        var request = Request.taskManagement(1, tag: 900, referencedTag: tag, referencedCmdSN: refCmdSN)
        request.cmdSN = cmdSN
        request.header[0] |= 0x40
        var framer = PDUFramer()
        framer.append(request.encode())
        let header = try #require(try framer.next()).header
        return self.target.connection.abortUnknown(TaskManagementRequest(header))
    }

    @Test func `one that has been answered does not exist`() throws {
        _ = try self.target.pass(Self.read(1, cmdSN: 1))
        #expect(try self.abort(1, refCmdSN: 1, cmdSN: 2) == .noSuchTask)
        #expect(try self.abort(1, refCmdSN: 0x8000_0000, cmdSN: 2) == .noSuchTask)
    }

    @Test func `an immediate one that has been answered takes no CmdSN with it`() throws {
        // The referenced CmdSN of an immediate command is the request's own, which the next command will have.
        #expect(try self.abort(1, refCmdSN: 1, cmdSN: 1) == .noSuchTask)
        #expect(try self.target.pass(Self.read(2, cmdSN: 1)).readableBytes > 0)
    }

    @Test func `one that has not come is taken as come`() throws {
        #expect(try self.abort(1, refCmdSN: 1, cmdSN: 2) == .complete)
        #expect(try self.target.pass(Self.read(1, cmdSN: 1)).readableBytes == 0)
        #expect(try self.target.pass(Self.read(2, cmdSN: 2)).readableBytes > 0)
    }

    @Test func `one that waits for its turn is dropped, and nothing waits for it`() throws {
        _ = try self.target.pass(Self.read(2, cmdSN: 2))
        #expect(try self.abort(2, refCmdSN: 2, cmdSN: 3) == .complete)
        _ = try self.target.pass(Self.read(3, cmdSN: 3))
        var initiator = Initiator()
        initiator.cmdSN = 4
        let answers = initiator.receive(try self.target.pass(Self.read(1, cmdSN: 1)))
        #expect(answers.map(\.header.initiatorTaskTag) == [1, 3])
        #expect(initiator.expCmdSN == 4 && initiator.complaints.isEmpty)
    }

    @Test func `one in a gap that has not come is not executed when it comes`() throws {
        #expect(try self.abort(2, refCmdSN: 2, cmdSN: 3) == .complete)
        #expect(try self.target.pass(Self.read(2, cmdSN: 2)).readableBytes == 0)
        var initiator = Initiator()
        initiator.cmdSN = 3
        let answers = initiator.receive(try self.target.pass(Self.read(1, cmdSN: 1)))
        #expect(answers.map(\.header.initiatorTaskTag) == [1])
        _ = initiator.receive(try self.target.pass(initiator.send(.nopOut(tag: 7))))
        #expect(initiator.expCmdSN == 4)
    }
}
