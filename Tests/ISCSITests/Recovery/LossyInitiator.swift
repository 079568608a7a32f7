// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

/// An initiator at error recovery level 1 whose wire damages data both ways, and which recovers as RFC 7143 §7 says.
///
/// What it receives damaged it drops. It acknowledges a status when it has every status and all data before it, asks for
/// what is missing by SNACK, retries commands that are not acknowledged, and pings where it hears nothing.
final class LossyInitiator {
    private let target: ScriptedTarget
    private var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
    private var generator: SeededGenerator
    /// How many of a hundred PDUs with data are damaged.
    private let lossPercent: Int
    private var cmdSN: UInt32 = 1
    private var expCmdSN: UInt32 = 1
    private var expStatSN: UInt32 = 1
    /// Statuses that came before their turn, by StatSN.
    private var early: [UInt32: PDU] = [:]
    private var commands: [UInt32: Request] = [:]
    private(set) var tasks: [UInt32: Task] = [:]
    private(set) var losses = 0
    private let seed: UInt64

    struct Task {
        var written: [UInt8] = []
        var isRead = false
        var lba = 0
        var count = 0
        /// Data-In by DataSN.
        var segments: [UInt32: PDU] = [:]
        var status: UInt8?
    }

    init(_ target: ScriptedTarget, seed: UInt64, lossPercent: Int) {
        self.target = target
        self.seed = seed
        self.generator = SeededGenerator(seed: seed)
        self.lossPercent = lossPercent
    }

    private var isDamaged: Bool {
        guard Int.random(in: 0..<100, using: &self.generator) < self.lossPercent else { return false }
        self.losses += 1
        return true
    }

    /// Does `count` reads and writes, eight at a time.
    func run(_ count: Int) throws {
        var begun: UInt32 = 0
        for _ in 0..<(count * 200) {
            let open = self.tasks.values.count { $0.status == nil }
            if begun == UInt32(count), open == 0 { return }
            if begun < UInt32(count), open < 8 {
                begun += 1
                try self.begin(begun)
            } else {
                try self.stir()
            }
        }
        Issue.record("seed \(self.seed): no end; open \(self.tasks.filter { $0.value.status == nil }.keys.sorted())")
    }

    private func begin(_ tag: UInt32) throws {
        var task = Task()
        task.isRead = Bool.random(using: &self.generator)
        task.count = Int.random(in: 1...20, using: &self.generator)
        task.lba = Int.random(in: 0..<1_000, using: &self.generator)
        let length = task.count * 512
        var request: Request
        if task.isRead {
            request = .command(read10(lba: task.lba, count: task.count), tag: tag, flags: 0xc1, expectedLength: length)
        } else {
            task.written = self.generator.bytes(length)
            request = .command(write10(lba: task.lba, count: task.count), tag: tag, flags: 0xa1, expectedLength: length)
            request.data = Array(task.written.prefix(Int.random(in: 0...2_048, using: &self.generator)))
        }
        request.cmdSN = self.cmdSN
        self.cmdSN += 1
        self.tasks[tag] = task
        self.commands[request.cmdSN] = request
        try self.send(request)
    }

    /// Nothing more is to be begun, or nothing is heard: retries, pings, and lets the target's clock tick.
    private func stir() throws {
        for cmdSN in self.commands.keys.sorted() {
            guard let request = self.commands[cmdSN] else { continue }
            try self.send(request)
        }
        var ping = Request.nopOut(tag: 0xf000_0000)
        ping.header[0] |= 0x40
        ping.cmdSN = self.cmdSN
        try self.send(ping)
        try self.take(self.target.act { connection, output in #expect(connection.retransmitR2Ts(&output).isEmpty) })
    }

    private func send(_ request: Request) throws {
        var request = request
        request[word: 28] = self.expStatSN
        var bytes = request.encode(dataDigest: true)
        if !request.data.isEmpty, self.isDamaged {
            let place = 48 + Int.random(in: 0..<request.data.count, using: &self.generator)
            bytes.setInteger(bytes.array[place] ^ 0x40, at: place)
        }
        try self.take(self.target.pass(bytes))
    }

    private func take(_ bytes: ByteBuffer) throws {
        self.framer.hasDataDigest = true
        self.framer.append(bytes)
        var pdus: [PDU] = []
        while let pdu = try self.framer.next() { pdus.append(pdu) }
        for pdu in pdus {
            // A header alone is not under the digest of data, but it may go astray for a test all the same.
            if self.isDamaged { continue }
            try self.take(pdu)
        }
    }

    private func take(_ pdu: PDU) throws {
        self.expCmdSN = pdu.expCmdSN
        self.commands = self.commands.filter { $0.key >= pdu.expCmdSN }
        let tag = pdu.header.initiatorTaskTag
        switch pdu.header.opcode {
        case .dataIn:
            #expect(!pdu.hasStatus, "seed \(self.seed)")
            self.tasks[tag]?.segments[pdu.dataSN] = pdu
            if pdu.header.flags & 0x40 != 0 { try self.acknowledge(pdu) }
            try self.takeStatuses()
        case .readyToTransfer:
            try self.answer(pdu)
        default:
            if pdu.statSN >= self.expStatSN { self.early[pdu.statSN] = pdu }
            // A StatSN beyond the next tells of one that is missing.
            if pdu.statSN > self.expStatSN, self.early[self.expStatSN] == nil {
                try self.send(
                    .snack(1, begin: self.expStatSN, length: pdu.statSN - self.expStatSN))
            }
            try self.takeStatuses()
        }
    }

    /// DataACK, where there is no hole before it (RFC 7143 §11.16.1).
    private func acknowledge(_ pdu: PDU) throws {
        let segments = self.tasks[pdu.header.initiatorTaskTag]?.segments ?? [:]
        guard (0...pdu.dataSN).allSatisfy({ segments[$0] != nil }) else { return }
        try self.send(.snack(2, transferTag: pdu.transferTag, begin: pdu.dataSN + 1, length: 0))
    }

    private func answer(_ r2t: PDU) throws {
        let tag = r2t.header.initiatorTaskTag
        guard let task = self.tasks[tag], task.status == nil else { return }
        let end = r2t.bufferOffset + r2t.desiredLength
        var dataSN: UInt32 = 0
        for start in stride(from: r2t.bufferOffset, to: end, by: 1_024) {
            let stop = min(start + 1_024, end)
            try self.send(
                .dataOut(
                    tag: tag, transferTag: r2t.transferTag, dataSN: dataSN, offset: start, isFinal: stop == end,
                    data: Array(task.written[start..<stop])))
            dataSN += 1
        }
    }

    /// Goes through the statuses that are there in their order, as far as their data is.
    private func takeStatuses() throws {
        while let pdu = self.early[self.expStatSN] {
            let tag = pdu.header.initiatorTaskTag
            if pdu.header.opcode == .scsiResponse, self.tasks[tag]?.isRead == true {
                let segments = self.tasks[tag]?.segments ?? [:]
                if let missing = (0..<pdu.dataSN).first(where: { segments[$0] == nil }) {
                    try self.send(.snack(0, tag: tag, begin: missing, length: 1))
                    // It may have come within, or is lost again: asked for with the next that stirs.
                    guard self.tasks[tag]?.segments[missing] != nil else { return }
                    continue
                }
            }
            // Recursion may have gone past it.
            guard self.early.removeValue(forKey: self.expStatSN) != nil else { continue }
            self.expStatSN += 1
            if pdu.header.opcode == .scsiResponse { self.end(tag, pdu) }
        }
    }

    private func end(_ tag: UInt32, _ pdu: PDU) {
        #expect(self.tasks[tag]?.status == nil, "seed \(self.seed): task \(tag) ends twice")
        self.tasks[tag]?.status = pdu.scsiStatus
        guard let task = self.tasks[tag] else { return }
        #expect(pdu.scsiStatus == 0, "seed \(self.seed)")
        if task.isRead {
            let data = task.segments.keys.sorted().flatMap { task.segments[$0]?.data.array ?? [] }
            #expect(
                data == (task.lba..<(task.lba + task.count)).flatMap(ScriptedTarget.block),
                "seed \(self.seed) task \(tag)")
        } else {
            #expect(self.target.written[tag] == task.written, "seed \(self.seed) task \(tag)")
        }
    }
}

@Suite("RFC 7143 §7 recovery within a connection")
struct RecoveryPropertyTests {
    @Test(arguments: [0, 3, 8, 15], 1...12 as ClosedRange<UInt64>)
    func `whatever is damaged, every command ends once and with the right data`(lossPercent: Int, seed: UInt64) throws {
        let target = ScriptedTarget {
            $0.errorRecoveryLevel = 1
            $0.dataDigest = true
            $0.maxOutstandingR2T = 1
            $0.initiatorMaxRecvDataSegmentLength = 1_024
            $0.maxBurstLength = 4_096
            $0.firstBurstLength = 4_096
        }
        let initiator = LossyInitiator(target, seed: seed, lossPercent: lossPercent)
        try initiator.run(60)
        #expect(initiator.tasks.count == 60 && (lossPercent == 0) == (initiator.losses == 0))
        #expect(target.connection.chargedBytes == 0 && target.session.tasks.isEmpty, "seed \(seed)")
        for inbound in target.inbound {
            if case .close(let reason) = inbound { Issue.record("seed \(seed): \(reason)") }
        }
    }
}
