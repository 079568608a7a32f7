// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.4, §11.7 answers to commands")
struct ResponseTests {
    private static func exchange(
        _ cdb: [UInt8], flags: UInt8 = 0xc1, expected: Int,
        _ configure: (inout OperationalParameters) -> Void = { _ in }
    ) throws -> [PDU] {
        let target = ScriptedTarget(configure)
        var initiator = Initiator()
        let command = Request.command(cdb, tag: 3, flags: flags, expectedLength: expected)
        let answers = initiator.receive(try target.pass(initiator.send(command)))
        #expect(initiator.complaints.isEmpty && initiator.leftOver == 0)
        return answers
    }

    @Test func `a golden READ of one block: Data-In with status, byte for byte`() throws {
        let target = ScriptedTarget(cmdSN: 0x13, statSN: 0x20)
        var initiator = Initiator(cmdSN: 0x13)
        var command = Request.command(read10(lba: 0, count: 1), tag: 0x2a, flags: 0xc1, expectedLength: 512)
        command.setLUN(1)
        let output = try target.pass(initiator.send(command))
        #expect(
            ByteBuffer(bytes: output.readableBytesView.prefix(48)).hexLines == """
                25 81 00 00 00 00 02 00 00 01 00 00 00 00 00 00
                00 00 00 2a ff ff ff ff 00 00 00 20 00 00 00 14
                00 00 00 93 00 00 00 00 00 00 00 00 00 00 00 00
                """)
        #expect(Array(output.array.dropFirst(48)) == ScriptedTarget.block(0))
    }

    @Test func `a golden CHECK CONDITION: the sense data's length stands before it`() throws {
        let target = ScriptedTarget()
        var initiator = Initiator()
        let output = try target.pass(
            initiator.send(.command([0xff], tag: 1, flags: 0x81, expectedLength: 0)))
        #expect(
            output.hexLines == """
                21 80 00 02 00 00 00 14 00 00 00 00 00 00 00 00
                00 00 00 01 00 00 00 00 00 00 00 01 00 00 00 02
                00 00 00 81 00 00 00 00 00 00 00 00 00 00 00 00
                00 12 70 00 05 00 00 00 00 00 00 00 00 00 00 00
                00 00 00 00
                """)
        #expect(initiator.receive(output).map(\.sense) == [[5, 0, 0]])
    }

    @Test func `a read in several PDUs has its status in the last`() throws {
        let answers = try Self.exchange(read10(lba: 4, count: 5), expected: 2_560) {
            $0.initiatorMaxRecvDataSegmentLength = 1_024
            $0.maxBurstLength = 1_536
        }
        #expect(answers.map(\.header.opcode) == [.dataIn, .dataIn, .dataIn])
        #expect(answers.map(\.data.readableBytes) == [1_024, 512, 1_024])
        #expect(answers.map(\.header.flags) == [0x00, 0x80, 0x81])
        #expect(answers.flatMap(\.data.array) == (4..<9).flatMap(ScriptedTarget.block))
    }

    @Test(
        arguments: [
            // blocks, expected bytes, last PDU's flags, residual, bytes sent
            (2, 1_024, 0x81, 0, 1_024), (2, 2_048, 0x83, 1_024, 1_024), (2, 512, 0x85, 512, 512),
            (2, 1_000, 0x85, 24, 1_000),
        ] as [(Int, Int, UInt8, UInt32, Int)])
    func `residuals of reads ride on the last Data-In`(
        count: Int, expected: Int, flags: UInt8, residual: UInt32, sent: Int
    ) throws {
        let answers = try Self.exchange(read10(lba: 0, count: count), expected: expected)
        let last = try #require(answers.last)
        #expect(last.header.opcode == .dataIn && last.header.flags == flags)
        #expect(last.residualCount == residual && last.scsiStatus == 0)
        #expect(answers.map(\.data.readableBytes).reduce(0, +) == sent)
    }

    @Test func `a read for which no room was announced is all overflow`() throws {
        for flags: UInt8 in [0x81, 0xc1] {
            let answers = try Self.exchange(read10(lba: 0, count: 1), flags: flags, expected: 0)
            #expect(answers.map(\.header.opcode) == [.scsiResponse])
            #expect(answers.map(\.header.flags) == [0x84] && answers.map(\.residualCount) == [512])
        }
    }

    @Test func `a failed read is all underflow`() throws {
        let answers = try Self.exchange([0xff], expected: 512)
        #expect(answers.map(\.header.flags) == [0x82] && answers.map(\.residualCount) == [512])
        #expect(answers.map(\.scsiStatus) == [0x02])
    }

    @Test func `data before a bad status has its own PDUs, which the response counts`() throws {
        let target = ScriptedTarget { $0.initiatorMaxRecvDataSegmentLength = 512 }
        target.isAutomatic = false
        var initiator = Initiator()
        _ = try target.pass(
            initiator.send(.command(read10(lba: 0, count: 2), tag: 1, flags: 0xc1, expectedLength: 1_024)))
        guard case .command(let command) = target.inbound.last else { return }
        let answers = initiator.receive(
            target.act { connection, output in
                connection.complete(
                    command, status: 0x02, sense: ByteBuffer(bytes: [0x70]),
                    dataIn: ByteBuffer(repeating: 9, count: 600), output: &output)
            })
        #expect(answers.map(\.header.opcode) == [.dataIn, .dataIn, .scsiResponse])
        #expect(answers.map(\.header.flags) == [0x00, 0x80, 0x82])
        #expect(answers.last?.dataSN == 2 && answers.last?.residualCount == 424)
        #expect(initiator.complaints.isEmpty)
    }

    @Test func `a segment length that shrinks in mid-session is kept`() throws {
        let target = ScriptedTarget { $0.initiatorMaxRecvDataSegmentLength = 8_192 }
        var initiator = Initiator()
        _ = initiator.receive(
            try target.pass(initiator.send(.text(tag: 1, text("MaxRecvDataSegmentLength=512")))))
        let read = Request.command(read10(lba: 0, count: 4), tag: 2, flags: 0xc1, expectedLength: 2_048)
        #expect(
            initiator.receive(try target.pass(initiator.send(read))).map(\.data.readableBytes) == [512, 512, 512, 512])
    }
}
