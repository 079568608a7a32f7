// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

/// An initiator at error recovery level 2 whose connections are cut anywhere: what was on the way, either way, is lost. On
/// the next connection it retries commands that have not had their turn and has the others reassigned.
private final class CutInitiator {
    private var target: ScriptedTarget
    private var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
    private var generator: SeededGenerator
    private let seed: UInt64
    private var cmdSN: UInt32 = 1
    private var expStatSN: UInt32 = 1
    private var toTarget = ByteBuffer()
    private var toInitiator = ByteBuffer()
    private(set) var tasks: [UInt32: Task] = [:]
    private(set) var cuts = 0
    private(set) var reassigned = 0
    /// What every connection wrote, by ITT.
    private(set) var written: [UInt32: [[UInt8]]] = [:]

    struct Task {
        var request: Request
        var lba: Int
        var count: Int
        var written: [UInt8] = []
        var data: [UInt8] = []
        var nextDataSN: UInt32 = 0
        var status: UInt8?
    }

    init(seed: UInt64) {
        self.seed = seed
        self.generator = SeededGenerator(seed: seed)
        self.target = ScriptedTarget {
            $0.errorRecoveryLevel = 2
            $0.maxOutstandingR2T = 1
            $0.initiatorMaxRecvDataSegmentLength = 1_024
            $0.maxBurstLength = 4_096
            $0.firstBurstLength = 4_096
        }
    }

    func run(_ count: UInt32) throws {
        var begun: UInt32 = 0
        for _ in 0..<100_000 {
            let open = self.tasks.values.count { $0.status == nil }
            if begun == count, open == 0 { return self.noteWritten() }
            switch Int.random(in: 0..<40, using: &self.generator) {
            case 0: try self.cut()
            case 1..<8 where begun < count && open < 8:
                begun += 1
                self.begin(begun)
            case 8..<24: try self.flowToTarget()
            default: try self.flowToInitiator()
            }
        }
        Issue.record("seed \(self.seed): no end; open \(self.tasks.filter { $0.value.status == nil }.keys.sorted())")
    }

    private func begin(_ tag: UInt32) {
        let isRead = Bool.random(using: &self.generator)
        let count = Int.random(in: 1...20, using: &self.generator)
        let lba = Int.random(in: 0..<1_000, using: &self.generator)
        var request = Request.command(
            isRead ? read10(lba: lba, count: count) : write10(lba: lba, count: count), tag: tag,
            flags: isRead ? 0xc1 : 0xa1, expectedLength: count * 512)
        var task = Task(request: request, lba: lba, count: count)
        if !isRead {
            task.written = self.generator.bytes(count * 512)
            request.data = Array(task.written.prefix(Int.random(in: 0...2_048, using: &self.generator)))
        }
        request.cmdSN = self.cmdSN
        self.cmdSN += 1
        task.request = request
        self.tasks[tag] = task
        self.send(request)
    }

    private func send(_ request: Request) {
        var request = request
        request[word: 28] = self.expStatSN
        self.toTarget.writeImmutableBuffer(request.encode())
    }

    // MARK: - The wire

    private func part(_ bytes: inout ByteBuffer) -> ByteBuffer {
        let count = Int.random(in: 0...min(bytes.readableBytes, 3_000), using: &self.generator)
        return bytes.readSlice(length: count) ?? ByteBuffer()
    }

    private func flowToTarget() throws {
        let part = self.part(&self.toTarget)
        self.toInitiator.writeImmutableBuffer(try self.target.pass(part))
    }

    private func flowToInitiator() throws {
        self.framer.append(self.part(&self.toInitiator))
        while let pdu = try self.framer.next() { self.take(pdu) }
    }

    private func cut() throws {
        self.cuts += 1
        self.noteWritten()
        let old = self.target
        old.session.forgetHeld(of: old.connection.number)
        old.session.logOut(connection: old.connection.number)
        self.target = ScriptedTarget(joining: old, connectionID: 7)
        self.framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
        self.toTarget.clear()
        self.toInitiator.clear()
        self.expStatSN = 1
        for (tag, task) in self.tasks.sorted(by: { $0.value.request.cmdSN < $1.value.request.cmdSN })
        where task.status == nil {
            if task.request.cmdSN >= old.session.currentWindow.expCmdSN {
                self.send(task.request)
                continue
            }
            self.reassigned += 1
            let (isThere, isWhole) = (old.connection.hasTask(tag), old.connection.canGiveUp(tag))
            #expect(isThere && isWhole, "seed \(self.seed): task \(tag) is lost")
            self.toInitiator.writeImmutableBuffer(
                self.target.takeOver(tag, from: old, expDataSN: task.nextDataSN))
        }
        let (isEmpty, charged) = (!old.connection.hasUnacknowledgedStatus, old.connection.chargedBytes)
        #expect(charged == 0, "seed \(self.seed): the old connection is charged \(charged), empty: \(isEmpty)")
    }

    private func noteWritten() {
        for (tag, data) in self.target.written { self.written[tag, default: []].append(data) }
    }

    // MARK: - Answers

    private func take(_ pdu: PDU) {
        let tag = pdu.header.initiatorTaskTag
        guard let task = self.tasks[tag] else {
            Issue.record("seed \(self.seed): an answer to nobody")
            return
        }
        switch pdu.header.opcode {
        case .dataIn:
            #expect(
                pdu.bufferOffset == task.data.count && pdu.dataSN == task.nextDataSN && task.status == nil,
                "seed \(self.seed) task \(tag)")
            self.tasks[tag]?.data += pdu.data.array
            self.tasks[tag]?.nextDataSN += 1
        case .readyToTransfer:
            self.answer(pdu, task)
        default:
            #expect(pdu.header.opcode == .scsiResponse && pdu.statSN == self.expStatSN, "seed \(self.seed)")
            #expect(task.status == nil, "seed \(self.seed): task \(tag) ends twice")
            self.expStatSN = pdu.statSN + 1
            self.tasks[tag]?.status = pdu.scsiStatus
        }
    }

    private func answer(_ r2t: PDU, _ task: Task) {
        let end = r2t.bufferOffset + r2t.desiredLength
        var dataSN: UInt32 = 0
        for start in stride(from: r2t.bufferOffset, to: end, by: 1_024) {
            let stop = min(start + 1_024, end)
            self.send(
                .dataOut(
                    tag: r2t.header.initiatorTaskTag, transferTag: r2t.transferTag, dataSN: dataSN, offset: start,
                    isFinal: stop == end, data: Array(task.written[start..<stop])))
            dataSN += 1
        }
    }
}

@Suite("RFC 7143 §7.2 recovery within a session")
struct ReassignmentTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `wherever connections are cut, every command ends once, with the right data, written once`(
        seed: UInt64
    ) throws {
        let initiator = CutInitiator(seed: seed)
        try initiator.run(80)
        #expect(initiator.cuts > 3 && initiator.reassigned > 3, "seed \(seed)")
        for (tag, task) in initiator.tasks {
            #expect(task.status == 0, "seed \(seed) task \(tag)")
            if task.written.isEmpty {
                let blocks = (task.lba..<(task.lba + task.count)).flatMap(ScriptedTarget.block)
                #expect(task.data == blocks, "seed \(seed) task \(tag)")
            } else {
                #expect(initiator.written[tag] == [task.written], "seed \(seed) task \(tag)")
            }
        }
    }
}
