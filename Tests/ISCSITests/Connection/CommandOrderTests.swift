// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §4.2.2.1 command order on a connection")
struct CommandOrderTests {
    private static func read(_ tag: UInt32) -> Request {
        .command(read10(lba: Int(tag), count: 1), tag: tag, flags: 0xc1, expectedLength: 512)
    }

    private static func numbered(_ request: Request, _ cmdSN: UInt32) -> ByteBuffer {
        var request = request
        request.cmdSN = cmdSN
        return request.encode()
    }

    private static func tags(_ bytes: ByteBuffer, _ initiator: inout Initiator) -> [UInt32] {
        initiator.receive(bytes).map(\.header.initiatorTaskTag)
    }

    @Test(arguments: [1, 0xffff_fffe] as [UInt32])
    func `commands before their turn wait for it`(first: UInt32) throws {
        let target = ScriptedTarget(cmdSN: first)
        var initiator = Initiator(cmdSN: first)
        initiator.cmdSN = first &+ 4
        for step: UInt32 in [2, 3, 1] {
            #expect(try target.pass(Self.numbered(Self.read(step), first &+ step)).readableBytes == 0)
        }
        let answers = Self.tags(try target.pass(Self.numbered(Self.read(9), first)), &initiator)
        #expect(answers == [9, 1, 2, 3])
        #expect(initiator.expCmdSN == first &+ 4 && initiator.complaints.isEmpty)
    }

    @Test func `what lies outside of the window, or came before, is ignored`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 2
        #expect(Self.tags(try target.pass(Self.numbered(Self.read(1), 1)), &initiator) == [1])
        for cmdSN in [1, 0, 0xffff_ffff, 2 + Limits.commandWindow, 0x8000_0000] as [UInt32] {
            #expect(try target.pass(Self.numbered(Self.read(5), cmdSN)).readableBytes == 0)
        }
        #expect(target.inbound.count == 1 && target.session.held.isEmpty)
    }

    @Test func `of two commands with one CmdSN that wait, the first counts`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 3
        #expect(try target.pass(Self.numbered(Self.read(20), 2)).readableBytes == 0)
        #expect(try target.pass(Self.numbered(Self.read(21), 2)).readableBytes == 0)
        #expect(Self.tags(try target.pass(Self.numbered(Self.read(10), 1)), &initiator) == [10, 20])
    }

    @Test func `an immediate command does not wait and takes no place`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 5
        var urgent = Self.read(7)
        urgent.header[0] |= 0x40
        #expect(Self.tags(try target.pass(Self.numbered(urgent, 1)), &initiator) == [7])
        #expect(initiator.expCmdSN == 1)
        #expect(Self.tags(try target.pass(Self.numbered(Self.read(8), 1)), &initiator) == [8])
        #expect(initiator.expCmdSN == 2 && initiator.complaints.isEmpty)
    }

    @Test func `every kind of request has its place in the order`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        initiator.cmdSN = 6
        for (cmdSN, request) in [
            (5, Request.logout(tag: 5)), (4, .text(tag: 4, text("SendTargets="))), (3, .taskManagement(1, tag: 3)),
            (2, .nopOut(tag: 2)),
        ] as [(UInt32, Request)] {
            #expect(try target.pass(Self.numbered(request, cmdSN)).readableBytes == 0)
        }
        let answers = initiator.receive(try target.pass(Self.numbered(Self.read(1), 1)))
        #expect(
            answers.map(\.header.opcode) == [.dataIn, .nopIn, .taskManagementResponse, .textResponse, .logoutResponse])
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `the window closes with open tasks and opens as they end`() throws {
        let target = ScriptedTarget()
        target.isAutomatic = false
        var initiator = Initiator()
        for tag in 1...Limits.commandWindow {
            #expect(try target.pass(initiator.send(Self.read(tag))).readableBytes == 0)
            guard case .command(let command) = target.inbound.last else { continue }
            _ = target.act { connection, _ in connection.open(command) }
        }
        #expect(target.inbound.count == Int(Limits.commandWindow))
        // One more is beyond MaxCmdSN.
        #expect(try target.pass(initiator.encode(Self.read(999))).readableBytes == 0)
        #expect(target.inbound.count == Int(Limits.commandWindow))
        var ping = Request.nopOut(tag: 1_000)
        ping.header[0] |= 0x40
        _ = initiator.receive(try target.pass(initiator.encode(ping)))
        #expect(initiator.maxCmdSN == Limits.commandWindow && initiator.expCmdSN == Limits.commandWindow + 1)
        guard case .command(let command) = target.inbound.first else { return }
        _ = initiator.receive(target.act { $0.complete(command, status: 0, output: &$1) })
        #expect(initiator.maxCmdSN == Limits.commandWindow + 1)
        _ = try target.pass(initiator.send(Self.read(1_001)))
        #expect(target.inbound.count == Int(Limits.commandWindow) + 1)
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `a tag in use is rejected, and free again after its task`() throws {
        let target = ScriptedTarget()
        target.isAutomatic = false
        var initiator = Initiator()
        _ = try target.pass(initiator.send(Self.read(1)))
        guard case .command(let command) = target.inbound.last else { return }
        _ = target.act { connection, _ in connection.open(command) }
        let answers = initiator.receive(try target.pass(initiator.send(Self.read(1))))
        #expect(answers.map(\.header.opcode) == [.reject] && answers.map(\.responseCode) == [0x07])
        _ = initiator.receive(target.act { $0.complete(command, status: 0, output: &$1) })
        #expect(try target.pass(initiator.send(Self.read(1))).readableBytes == 0)
        #expect(target.inbound.count == 2 && initiator.complaints.isEmpty)
    }

    @Test func `the reserved tag is no task's`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        let answers = initiator.receive(try target.pass(initiator.send(Self.read(0xffff_ffff))))
        #expect(answers.map(\.header.opcode) == [.reject])
    }

    @Test func `immediate commands beyond their bound are rejected`() throws {
        let target = ScriptedTarget()
        target.isAutomatic = false
        var initiator = Initiator()
        for tag in 1...UInt32(Limits.immediateCommands) {
            _ = try target.pass(initiator.send(Self.read(tag), isImmediate: true))
            guard case .command(let command) = target.inbound.last else { continue }
            _ = target.act { connection, _ in connection.open(command) }
        }
        let answers = initiator.receive(try target.pass(initiator.send(Self.read(99), isImmediate: true)))
        #expect(answers.map(\.header.opcode) == [.reject] && answers.map(\.responseCode) == [0x06])
        _ = target.act { connection, _ in connection.close(1) }
        #expect(try target.pass(initiator.send(Self.read(99), isImmediate: true)).readableBytes == 0)
        #expect(target.inbound.count == Limits.immediateCommands + 1)
    }
}
