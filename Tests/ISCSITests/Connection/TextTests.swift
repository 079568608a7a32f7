// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.10 text requests")
struct TextTests {
    private static let disk = ["TargetName=iqn.2026-11.org.apus:disk", "TargetAddress=127.0.0.1:3260,1"]

    private static func ask(_ pairs: String..., isDiscovery: Bool = true) throws -> [String] {
        let target = ScriptedTarget(isDiscovery: isDiscovery)
        var initiator = Initiator()
        let request = Request.text(tag: 2, pairs.flatMap { text($0) })
        let answers = initiator.receive(try target.pass(initiator.send(request)))
        let answer = try #require(answers.first)
        #expect(answers.count == 1 && answer.header.opcode == .textResponse && answer.header.flags == 0x80)
        #expect(answer.transferTag == 0xffff_ffff && answer.header.initiatorTaskTag == 2)
        #expect(initiator.complaints.isEmpty)
        return answer.pairs
    }

    @Test func `SendTargets in a discovery session`() throws {
        #expect(try Self.ask("SendTargets=All") == Self.disk)
        #expect(try Self.ask("SendTargets=iqn.2026-11.org.apus:disk") == Self.disk)
        #expect(try Self.ask("SendTargets=IQN.2026-11.org.apus:DISK") == Self.disk)
        #expect(try Self.ask("SendTargets=iqn.2026-11.org.apus:other") == [])
        #expect(try Self.ask("SendTargets=") == ["SendTargets=Reject"])
    }

    @Test func `SendTargets in a normal session`() throws {
        #expect(try Self.ask("SendTargets=All", isDiscovery: false) == ["SendTargets=Reject"])
        #expect(try Self.ask("SendTargets=", isDiscovery: false) == Self.disk)
    }

    @Test func `keys that may and may not change`() throws {
        #expect(try Self.ask("MaxRecvDataSegmentLength=65536") == [])
        #expect(try Self.ask("MaxBurstLength=512", "X-a=1") == ["MaxBurstLength=Reject", "X-a=NotUnderstood"])
        #expect(try Self.ask("MaxRecvDataSegmentLength=1") == ["MaxRecvDataSegmentLength=Reject"])
    }

    @Test(arguments: [512, 600, 8_192])
    func `a long answer comes in parts, each fetched by its tag`(limit: Int) throws {
        let target = ScriptedTarget(isDiscovery: true) { $0.initiatorMaxRecvDataSegmentLength = limit }
        target.directory.all = (0..<300).map {
            DiscoveredTarget(name: "iqn.2026-11.org.apus:disk-\($0)", addresses: ["127.0.0.1:3260,1", "[::1]:3260,1"])
        }
        let whole = target.directory.all.flatMap {
            ["TargetName=\($0.name)"] + $0.addresses.map { "TargetAddress=\($0)" }
        }
        var initiator = Initiator()
        var request = Request.text(tag: 2, text("SendTargets=All"))
        var gathered: [UInt8] = []
        var parts = 0
        while true {
            let answers = initiator.receive(try target.pass(initiator.send(request)))
            let answer = try #require(answers.first)
            #expect(answers.count == 1 && answer.data.readableBytes <= limit)
            gathered += answer.data.array
            parts += 1
            if answer.header.isFinal {
                #expect(answer.header.flags == 0x80 && answer.transferTag == 0xffff_ffff)
                break
            }
            #expect(answer.header.flags == 0x40 && answer.transferTag != 0xffff_ffff)
            request = .text(tag: 2, transferTag: answer.transferTag, [])
        }
        #expect(gathered == whole.flatMap { text($0) })
        #expect(parts == (gathered.count + limit - 1) / limit && initiator.complaints.isEmpty)
    }

    @Test func `a long question comes in parts, each asked for`() throws {
        let target = ScriptedTarget(isDiscovery: true)
        var initiator = Initiator()
        let question = text("SendTargets=All")
        var transferTag: UInt32 = 0xffff_ffff
        for byte in question.dropLast() {
            let request = Request.text(tag: 2, transferTag: transferTag, isFinal: false, isContinued: true, [byte])
            let answers = initiator.receive(try target.pass(initiator.send(request)))
            let answer = try #require(answers.first)
            #expect(answer.header.opcode == .textResponse && answer.header.flags == 0 && answer.data.readableBytes == 0)
            transferTag = answer.transferTag
            #expect(transferTag != 0xffff_ffff)
        }
        let last = Request.text(tag: 2, transferTag: transferTag, [0])
        #expect(initiator.receive(try target.pass(initiator.send(last))).first?.pairs == Self.disk)
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `an exchange that the initiator does not end goes on`() throws {
        let target = ScriptedTarget(isDiscovery: true)
        var initiator = Initiator()
        let first = initiator.receive(
            try target.pass(initiator.send(.text(tag: 2, isFinal: false, text("SendTargets=All")))))
        #expect(first.first?.header.flags == 0 && first.first?.pairs == Self.disk)
        let tag = try #require(first.first?.transferTag)
        let second = initiator.receive(
            try target.pass(initiator.send(.text(tag: 2, transferTag: tag, text("X-a=1")))))
        #expect(second.first?.header.flags == 0x80 && second.first?.pairs == ["X-a=NotUnderstood"])
    }

    @Test func `what breaks the rules is rejected, and the next exchange is not`() throws {
        let broken: [Request] = [
            .text(tag: 2, transferTag: 0x55, text("SendTargets=All")),
            .text(tag: 2, isFinal: true, isContinued: true, text("SendTargets=All")),
            .text(tag: 2, Array("SendTargets=All".utf8)), .text(tag: 2, text("SendTargets")),
            .text(tag: 2, [0xff, 0x3d, 0xff, 0]),
        ]
        for request in broken {
            let target = ScriptedTarget(isDiscovery: true)
            var initiator = Initiator()
            let answers = initiator.receive(try target.pass(initiator.send(request)))
            #expect(answers.map(\.header.opcode) == [.reject])
            let next = initiator.receive(try target.pass(initiator.send(.text(tag: 3, text("SendTargets=All")))))
            #expect(next.first?.pairs == Self.disk && initiator.complaints.isEmpty)
        }
    }

    @Test func `a question is gathered up to its limit`() throws {
        let target = ScriptedTarget(isDiscovery: true)
        var initiator = Initiator()
        var transferTag: UInt32 = 0xffff_ffff
        var opcodes: [Opcode?] = []
        for _ in 0..<(Limits.textLength / 8_192 + 1) {
            let request = Request.text(
                tag: 2, transferTag: transferTag, isFinal: false, isContinued: true,
                [UInt8](repeating: 65, count: 8_192))
            let answers = initiator.receive(try target.pass(initiator.send(request)))
            opcodes.append(answers.first?.header.opcode)
            transferTag = answers.first?.transferTag ?? 0
        }
        #expect(opcodes.dropLast().allSatisfy { $0 == .textResponse })
        #expect(opcodes.last == .reject && target.connection.text.gathered.readableBytes == 0)
    }
}
