// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.16 SNACK")
struct SnackTests {
    /// An initiator that has received what it says in `expStatSN`.
    private struct Peer {
        let target: ScriptedTarget
        private var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
        private var cmdSN: UInt32 = 1
        var expStatSN: UInt32 = 1

        init(segment: Int = 1_024, burst: Int = 4_096) {
            self.target = ScriptedTarget {
                $0.errorRecoveryLevel = 1
                $0.maxOutstandingR2T = 1
                $0.initiatorMaxRecvDataSegmentLength = segment
                $0.maxBurstLength = burst
            }
        }

        mutating func send(_ request: Request, isImmediate: Bool = false) throws -> [PDU] {
            var request = request
            request.cmdSN = self.cmdSN
            request[word: 28] = self.expStatSN
            if isImmediate { request.header[0] |= 0x40 } else { self.cmdSN += 1 }
            return try self.pass(request)
        }

        /// SNACK and Data-Out have no CmdSN.
        mutating func pass(_ request: Request) throws -> [PDU] {
            var request = request
            request[word: 28] = self.expStatSN
            return try self.cut(self.target.pass(request.encode()))
        }

        mutating func cut(_ bytes: ByteBuffer) throws -> [PDU] {
            self.framer.append(bytes)
            var pdus: [PDU] = []
            while let pdu = try self.framer.next() { pdus.append(pdu) }
            return pdus
        }

        mutating func read(_ tag: UInt32, blocks: Int) throws -> [PDU] {
            try self.send(
                .command(read10(lba: 0, count: blocks), tag: tag, flags: 0xc1, expectedLength: blocks * 512))
        }

        mutating func snack(
            _ type: UInt8, tag: UInt32 = 0xffff_ffff, transferTag: UInt32 = 0xffff_ffff, _ begin: UInt32,
            _ length: UInt32
        ) throws -> [PDU] {
            try self.pass(.snack(type, tag: tag, transferTag: transferTag, begin: begin, length: length))
        }
    }

    private static func blocks(_ count: Int) -> [UInt8] {
        (0..<count).flatMap(ScriptedTarget.block)
    }

    @Test func `status comes in a PDU of its own, and the end of each sequence asks for a DataACK`() throws {
        var peer = Peer()
        let answers = try peer.read(1, blocks: 12)
        #expect(answers.map(\.header.opcode) == [Opcode?](repeating: .dataIn, count: 6) + [.scsiResponse])
        #expect(answers.map(\.dataSN) == [0, 1, 2, 3, 4, 5, 6])
        #expect(answers.map(\.header.flags) == [0, 0, 0, 0xc0, 0, 0xc0, 0x80])
        #expect(answers[3].transferTag != 0xffff_ffff && answers[0].transferTag == 0xffff_ffff)
    }

    @Test(
        arguments: [
            (0, 0, [0, 1, 2, 3, 4, 5]), (2, 1, [2]), (1, 3, [1, 2, 3]), (4, 0, [4, 5]), (0, 1, [0]), (5, 1, [5]),
        ] as [(UInt32, UInt32, [UInt32])])
    func `a run of Data-In is repeated as it was`(begin: UInt32, length: UInt32, expected: [UInt32]) throws {
        var peer = Peer()
        let original = try peer.read(1, blocks: 12)
        let again = try peer.snack(0, tag: 1, begin, length)
        #expect(again.map(\.dataSN) == expected)
        for pdu in again {
            let first = original[Int(pdu.dataSN)]
            #expect(pdu.data == first.data && pdu.header.flags == first.header.flags)
            #expect(pdu.bufferOffset == first.bufferOffset && pdu.transferTag == first.transferTag)
        }
    }

    @Test(arguments: [(6, 1), (5, 2), (0, 7), (9, 0)] as [(UInt32, UInt32)])
    func `what was never sent is a protocol error`(begin: UInt32, length: UInt32) throws {
        var peer = Peer()
        _ = try peer.read(1, blocks: 12)
        #expect(try peer.snack(0, tag: 1, begin, length).map(\.responseCode) == [0x04])
        #expect(try peer.snack(0, tag: 2, 0, 0).map(\.responseCode) == [0x04])
    }

    @Test func `a DataACK frees what came before, and asking for that is a protocol error`() throws {
        var peer = Peer()
        let answers = try peer.read(1, blocks: 12)
        let before = peer.target.connection.sent?.retainedBytes
        #expect(before == 6_144)
        #expect(try peer.snack(2, transferTag: answers[3].transferTag, 4, 0).isEmpty)
        let after = peer.target.connection.sent?.retainedBytes
        #expect(after == 2_048)
        #expect(try peer.snack(0, tag: 1, 3, 1).map(\.responseCode) == [0x04])
        #expect(try peer.snack(0, tag: 1, 0, 0).map(\.dataSN) == [4, 5])
        // With its status acknowledged nothing of the task is left, but that the rejects have not been.
        peer.expStatSN = 2
        #expect(try peer.snack(0, tag: 1, 0, 0).map(\.responseCode) == [0x04])
        let isForgotten = peer.target.connection.sent?.data.isEmpty
        #expect(isForgotten == true)
    }

    @Test func `statuses are kept until ExpStatSN passes them`() throws {
        var peer = Peer()
        let statuses = try (1...4).flatMap { tag in try peer.read(tag, blocks: 1).filter(\.hasStatus) }
        #expect(statuses.map(\.statSN) == [1, 2, 3, 4])
        let all = try peer.snack(1, 0, 0)
        #expect(all.map(\.statSN) == [1, 2, 3, 4] && all.map(\.header.initiatorTaskTag) == [1, 2, 3, 4])
        #expect(all.map(\.maxCmdSN) == [UInt32](repeating: 132, count: 4))
        #expect(try peer.snack(1, 3, 1).map(\.header.initiatorTaskTag) == [3])
        peer.expStatSN = 3
        #expect(try peer.snack(1, 0, 0).map(\.statSN) == [3, 4])
        #expect(try peer.snack(1, 2, 1).map(\.responseCode) == [0x04])
        #expect(try peer.snack(1, 9, 1).map(\.responseCode) == [0x04])
    }

    @Test func `an ExpStatSN that was never reached acknowledges nothing`() throws {
        var peer = Peer()
        _ = try peer.read(1, blocks: 1)
        peer.expStatSN = 100
        _ = try peer.send(.nopOut(tag: 9), isImmediate: true)
        #expect(try peer.snack(1, 0, 0).map(\.statSN) == [1, 2])
    }

    @Test func `R-Data brings all data in segments that fit now, and the response with its tag`() throws {
        var peer = Peer(segment: 2_048, burst: 8_192)
        let original = try peer.read(1, blocks: 12)
        #expect(original.count == 4)
        let agreed = try peer.send(.text(tag: 2, text("MaxRecvDataSegmentLength=512")))
        #expect(agreed.map(\.header.opcode) == [.textResponse])
        #expect(try peer.snack(0, tag: 1, 0, 0).map(\.responseCode) == [0x03])
        let again = try peer.snack(3, tag: 1, transferTag: 0x77, 0, 0)
        #expect(
            again.dropLast().map(\.dataSN) == Array(0..<12)
                && again.dropLast().allSatisfy { $0.data.readableBytes == 512 })
        #expect(again.dropLast().flatMap(\.data.array) == Self.blocks(12))
        let response = try #require(again.last)
        #expect(response.statSN == original.last?.statSN && response.transferTag == 0x77 && response.dataSN == 12)
        #expect(try peer.snack(1, 1, 1).map(\.transferTag) == [0x77])
        for (tag, begin) in [(0, 0), (0xffff_ffff, 0), (5, 1)] as [(UInt32, UInt32)] {
            #expect(try peer.snack(3, tag: 1, transferTag: tag, begin, 0).map(\.responseCode) == [0x04])
        }
    }

    @Test func `an R2T is repeated on request, and when no data comes, until the task is given up`() throws {
        var peer = Peer()
        let r2t = try #require(
            try peer.send(.command(write10(lba: 0, count: 8), tag: 1, flags: 0xa1, expectedLength: 4_096)).first)
        #expect(r2t.header.opcode == .readyToTransfer)
        let again = try peer.snack(0, tag: 1, 0, 0)
        #expect(again.map(\.header.opcode) == [.readyToTransfer])
        #expect(again.first?.transferTag == r2t.transferTag && again.first?.dataSN == r2t.dataSN)
        #expect(try peer.snack(0, tag: 1, 1, 1).map(\.responseCode) == [0x04])
        var repeated = 0
        for tick in 0... {
            var given: [UInt32] = []
            let bytes = peer.target.act { given = $0.retransmitR2Ts(&$1) }
            let r2ts = try peer.cut(bytes)
            #expect(r2ts.allSatisfy { $0.transferTag == r2t.transferTag && $0.bufferOffset == 0 })
            repeated += r2ts.count
            guard given.isEmpty else {
                #expect(given == [1] && tick == Limits.r2tRetries + 1 && repeated == Limits.r2tRetries)
                break
            }
        }
    }

    @Test func `what nobody acknowledges is bounded, and asking for what was forgotten says so`() throws {
        var peer = Peer(segment: 131_072, burst: 131_072)
        for tag in 1...130 as ClosedRange<UInt32> { _ = try peer.read(tag, blocks: 256) }
        let retained = peer.target.connection.sent?.retainedBytes ?? .max
        #expect(retained <= Limits.retainedBytes)
        #expect(try peer.snack(0, tag: 1, 0, 0).map(\.responseCode) == [0x03])
        #expect(try peer.snack(0, tag: 130, 0, 0).map(\.header.opcode) == [.dataIn])
        for tag in 1...520 as ClosedRange<UInt32> { _ = try peer.send(.nopOut(tag: 1_000 + tag), isImmediate: true) }
        let statuses = peer.target.connection.sent?.statuses.count
        #expect(statuses == Limits.retainedStatuses)
        #expect(try peer.snack(1, 1, 1).map(\.responseCode) == [0x03])
    }
}

@Suite("RFC 7143 §7.8 damaged PDUs")
struct DamagedPDUTests {
    private static func damaged(_ request: Request) -> ByteBuffer {
        var bytes = request.encode(dataDigest: true)
        bytes.setInteger(bytes.array[48] ^ 0xff, at: 48)
        return bytes
    }

    @Test func `at level 0 a damaged PDU is rejected, and ends the connection`() throws {
        let target = ScriptedTarget { $0.dataDigest = true }
        var initiator = Initiator()
        initiator.dataDigest = true
        let answers = initiator.receive(try target.pass(Self.damaged(.nopOut(tag: 1, data: [1, 2, 3, 4]))))
        #expect(answers.map(\.header.opcode) == [.reject] && answers.first?.responseCode == 0x02)
        guard case .close = target.inbound.last else {
            Issue.record("the connection goes on")
            return
        }
    }

    @Test func `at level 1 a damaged command is retried with its CmdSN`() throws {
        let target = ScriptedTarget {
            $0.dataDigest = true
            $0.errorRecoveryLevel = 1
        }
        var initiator = Initiator(cmdSN: 2)
        initiator.dataDigest = true
        var write = Request.command(write10(lba: 0, count: 1), tag: 1, flags: 0xa1, expectedLength: 512)
        write.data = [UInt8](repeating: 7, count: 512)
        write.cmdSN = 1
        #expect(initiator.receive(try target.pass(Self.damaged(write))).map(\.responseCode) == [0x02])
        let answers = initiator.receive(try target.pass(write.encode(dataDigest: true)))
        #expect(answers.map(\.header.opcode) == [.scsiResponse] && answers.first?.scsiStatus == 0)
        #expect(target.written[1] == write.data)
        // Another retry of what is done is ignored.
        #expect(try target.pass(write.encode(dataDigest: true)).readableBytes == 0)
    }

    @Test(arguments: [0, 1, 2, 3])
    func `at level 1 a recovery R2T asks for the damaged part of a burst`(victim: Int) throws {
        let target = ScriptedTarget {
            $0.dataDigest = true
            $0.errorRecoveryLevel = 1
        }
        var initiator = Initiator()
        initiator.dataDigest = true
        let data = (0..<4_096).map { UInt8($0 / 16) }
        let command = Request.command(write10(lba: 0, count: 8), tag: 1, flags: 0xa1, expectedLength: 4_096)
        let r2t = try #require(initiator.receive(try target.pass(initiator.send(command))).first)
        var answers: [PDU] = []
        for index in 0..<4 {
            let piece = Request.dataOut(
                tag: 1, transferTag: r2t.transferTag, dataSN: UInt32(index), offset: index * 1_024,
                isFinal: index == 3, data: Array(data[(index * 1_024)..<((index + 1) * 1_024)]))
            answers += initiator.receive(
                try target.pass(index == victim ? Self.damaged(piece) : piece.encode(dataDigest: true)))
        }
        #expect(answers.map(\.header.opcode) == [.reject, .readyToTransfer])
        let recovery = try #require(answers.last)
        #expect(recovery.bufferOffset == victim * 1_024 && recovery.desiredLength == 1_024 && recovery.dataSN == 1)
        let last = Request.dataOut(
            tag: 1, transferTag: recovery.transferTag, dataSN: 0, offset: recovery.bufferOffset, isFinal: true,
            data: Array(data[(victim * 1_024)..<((victim + 1) * 1_024)]))
        let end = initiator.receive(try target.pass(last.encode(dataDigest: true)))
        #expect(end.map(\.header.opcode) == [.scsiResponse] && end.first?.scsiStatus == 0)
        #expect(target.written[1] == data && target.connection.chargedBytes == 0)
        #expect(initiator.complaints.isEmpty)
    }
}
