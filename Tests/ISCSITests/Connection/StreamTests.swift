// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing
import Wire

@testable import ISCSI

@Suite("RFC 7143 §4.2 a connection's whole stream")
struct StreamTests {
    /// A session of everything: reads, a write with R2Ts, pings, text, management, what is rejected, a logout.
    private static func session(_ digests: Bool) -> ByteBuffer {
        var initiator = Initiator()
        initiator.headerDigest = digests
        initiator.dataDigest = digests
        var stream = ByteBuffer()
        func send(_ request: Request, isImmediate: Bool = false) {
            stream.writeImmutableBuffer(initiator.send(request, isImmediate: isImmediate))
        }
        send(.nopOut(tag: 1, data: [1, 2, 3]))
        send(.command(read10(lba: 7, count: 9), tag: 2, flags: 0xc1, expectedLength: 4_608))
        var write = Request.command(write10(lba: 0, count: 6), tag: 3, flags: 0x21, expectedLength: 3_072)
        write.data = [UInt8](repeating: 0x11, count: 100)
        send(write)
        stream.writeImmutableBuffer(
            initiator.encode(
                .dataOut(
                    tag: 3, transferTag: 0xffff_ffff, dataSN: 0, offset: 100, isFinal: true,
                    data: [UInt8](repeating: 0x22, count: 924))))
        // The target's first transfer tags are known: they count from 1.
        for (index, offset) in [1_024, 2_048].enumerated() {
            for part in 0..<2 {
                stream.writeImmutableBuffer(
                    initiator.encode(
                        .dataOut(
                            tag: 3, transferTag: UInt32(1 + index), dataSN: UInt32(part), offset: offset + part * 512,
                            isFinal: part == 1, data: [UInt8](repeating: 0x33, count: 512))))
            }
        }
        send(.text(tag: 4, text("SendTargets=")), isImmediate: true)
        send(.taskManagement(5, tag: 5), isImmediate: true)
        send(.command([0xff], tag: 6, flags: 0x81, expectedLength: 0))
        send(Request(opcode: 0x10), isImmediate: true)
        send(.logout(tag: 7))
        return stream
    }

    /// What a target answers to `chunks`, each a pass of its own.
    private static func run(_ chunks: [ByteBuffer], _ digests: Bool) throws -> (ScriptedTarget, ByteBuffer) {
        let target = ScriptedTarget {
            $0.initialR2T = false
            $0.headerDigest = digests
            $0.dataDigest = digests
            $0.maxBurstLength = 1_024
            $0.firstBurstLength = 1_024
        }
        var output = ByteBuffer()
        for chunk in chunks { output.writeImmutableBuffer(try target.pass(chunk)) }
        return (target, output)
    }

    @Test(arguments: [false, true])
    func `drip-fed and in pieces, a stream has the same answers`(digests: Bool) throws {
        var generator = SeededGenerator(seed: 42)
        let stream = Self.session(digests)
        let (target, slow) = try Self.run(drip(stream), digests)
        var initiator = Initiator()
        initiator.cmdSN = 6
        initiator.headerDigest = digests
        initiator.dataDigest = digests
        let answers = initiator.receive(slow)
        #expect(
            answers.map(\.header.opcode) == [
                .nopIn, .dataIn, .dataIn, .dataIn, .dataIn, .dataIn, .readyToTransfer, .readyToTransfer, .scsiResponse,
                .textResponse,
                .taskManagementResponse, .scsiResponse, .reject, .logoutResponse,
            ])
        #expect(initiator.complaints.isEmpty && initiator.leftOver == 0)
        let written =
            [UInt8](repeating: 0x11, count: 100) + [UInt8](repeating: 0x22, count: 924)
            + [UInt8](repeating: 0x33, count: 2_048)
        #expect(target.written[3] == written)
        // Pieces that end before a second R2T is due are passes of their own, as drips are.
        for _ in 0..<20 {
            let (_, output) = try Self.run(pieces(stream, longest: 300, &generator), digests)
            #expect(output == slow, "seed 42")
        }
    }

    @Test(arguments: [false, true])
    func `reads and pings are answered the same in one pass and in many`(digests: Bool) throws {
        var initiator = Initiator()
        initiator.headerDigest = digests
        initiator.dataDigest = digests
        var stream = ByteBuffer()
        for tag in 1...100 as ClosedRange<UInt32> {
            let request =
                tag % 3 == 0
                ? Request.nopOut(tag: tag, data: [UInt8](repeating: 1, count: Int(tag)))
                : Request.command(read10(lba: Int(tag), count: 3), tag: tag, flags: 0xc1, expectedLength: 1_536)
            stream.writeImmutableBuffer(initiator.send(request))
        }
        let (_, whole) = try Self.run([stream], digests)
        let (_, slow) = try Self.run(drip(stream), digests)
        #expect(whole == slow)
        #expect(initiator.receive(whole).count == 33 + 67 * 2 && initiator.complaints.isEmpty)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `headers of any bytes never trap, and never leave the numbers wrong`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var target = ScriptedTarget()
        var initiator = Initiator()
        var closed = 0
        for round in 0..<10_000 {
            let request = Self.nonsense(round, target.session.window.expCmdSN.value, &generator)
            initiator.cmdSN = target.session.window.expCmdSN.value &+ 200
            _ = initiator.receive(try target.pass(request.encode()))
            let isBounded =
                target.session.tasks.count <= Int(Limits.commandWindow) + Limits.immediateCommands
                && target.session.held.count <= Int(Limits.commandWindow) && target.connection.chargedBytes >= 0
                && target.connection.solicitQueue.count <= target.session.tasks.count
            guard initiator.complaints.isEmpty, isBounded else {
                Issue.record("seed \(seed), round \(round): \(initiator.complaints)")
                break
            }
            if case .close = target.inbound.last {
                closed += 1
                target = ScriptedTarget(cmdSN: UInt32(truncatingIfNeeded: generator.next()))
                initiator = Initiator(cmdSN: target.session.window.expCmdSN.value)
            }
        }
        #expect(closed > 10)
    }

    /// Noise, and three times of four an opcode that exists with fields near what is right, which reaches deeper.
    private static func nonsense(_ round: Int, _ expCmdSN: UInt32, _ generator: inout SeededGenerator) -> Request {
        var request = Request(opcode: 0)
        for word in stride(from: 0, to: 48, by: 4) {
            request[word: word] = UInt32(truncatingIfNeeded: generator.next())
        }
        if round % 4 != 0 {
            let opcodes: [UInt8] = [0x00, 0x01, 0x41, 0x02, 0x42, 0x04, 0x44, 0x05, 0x05, 0x06, 0x10, 0x01, 0x41]
            request.header[0] = opcodes.randomElement(using: &generator) ?? 0
            request.tag = UInt32.random(in: 0...7, using: &generator)
            request.cmdSN = expCmdSN &+ UInt32.random(in: 0...2, using: &generator)
            request[word: 20] = UInt32.random(in: 0...5_000, using: &generator)
            if round % 8 < 4 {
                request.header.replaceSubrange(32..<42, with: write10(lba: 0, count: Int(generator.next() % 8)))
            }
            if request.header[0] == 0x05 {
                request[word: 36] = UInt32.random(in: 0...1, using: &generator)
                request[word: 40] = UInt32.random(in: 0...2, using: &generator) * 512
            }
        }
        if round % 3 == 0 {
            request.data = [UInt8](repeating: 0x3d, count: Int.random(in: 0...600, using: &generator))
        }
        request.additionalHeaders = round % 16 == 0 ? generator.bytes(8) : []
        return request
    }
}
