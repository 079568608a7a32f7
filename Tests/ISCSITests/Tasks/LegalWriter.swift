// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

/// An initiator that writes by the rules, but uses all the freedom that they leave: how much comes with the command, how
/// much unasked, in segments of which lengths, and in which order tasks take their turns.
struct LegalWriter {
    let target: ScriptedTarget
    let parameters: OperationalParameters
    var initiator = Initiator()
    var generator: SeededGenerator
    private var tasks: [UInt32: Task] = [:]
    /// What broke a bound, in words.
    private(set) var complaints: [String] = []
    private(set) var statuses: [UInt32: PDU] = [:]

    struct Task {
        var data: [UInt8]
        /// Bytes that the target may ask for: what the command takes, at most what was offered.
        var taken: Int
        /// Unsolicited bytes still to be sent, up to this offset.
        var unsolicitedEnd = 0
        var sent = 0
        var unsolicitedDataSN: UInt32 = 0
        var isUnsolicitedOpen = false
        var bursts: [Burst] = []
        var nextR2TSN: UInt32 = 0
        var solicitedEnd = 0
    }

    struct Burst {
        var transferTag: UInt32
        var end: Int
        var dataSN: UInt32 = 0
    }

    init(_ target: ScriptedTarget, seed: UInt64) {
        self.target = target
        self.parameters = target.connection.parameters
        self.generator = SeededGenerator(seed: seed)
    }

    /// Sends WRITE (10) of `count` blocks, announcing `expected` bytes.
    mutating func begin(count: Int, expected: Int) throws -> UInt32 {
        let tag = self.initiator.freshTag()
        var task = Task(data: self.generator.bytes(expected), taken: min(expected, count * ScriptedTarget.blockSize))
        let first = min(self.parameters.firstBurstLength, expected)
        var immediate = 0
        if self.parameters.immediateData, Bool.random(using: &self.generator) {
            immediate = Int.random(in: 0...min(first, Limits.maxRecvDataSegmentLength), using: &self.generator)
        }
        if !self.parameters.initialR2T, immediate < first, Bool.random(using: &self.generator) {
            task.isUnsolicitedOpen = true
            task.unsolicitedEnd = Int.random(in: immediate...first, using: &self.generator)
        }
        var request = Request.command(
            write10(lba: 0, count: count), tag: tag, flags: task.isUnsolicitedOpen ? 0x21 : 0xa1,
            expectedLength: expected)
        request.data = Array(task.data[..<immediate])
        task.sent = immediate
        task.solicitedEnd = immediate
        self.tasks[tag] = task
        try self.exchange(self.initiator.send(request))
        return tag
    }

    /// Sends Data-Out, task by task in any order, until every task has its status.
    mutating func run() throws {
        while let tag = self.tasks.keys.sorted().randomElement(using: &self.generator) {
            let ready = self.tasks.values.contains { $0.isUnsolicitedOpen || !$0.bursts.isEmpty }
            guard ready else {
                self.complaints.append("the target asks for nothing, and answers nothing")
                return
            }
            try self.sendNext(tag)
        }
    }

    private mutating func sendNext(_ tag: UInt32) throws {
        guard var task = self.tasks[tag] else { return }
        let request: Request
        if task.isUnsolicitedOpen {
            let left = task.unsolicitedEnd - task.sent
            let length = Int.random(in: 0...left, using: &self.generator)
            task.isUnsolicitedOpen = length < left
            request = .dataOut(
                tag: tag, transferTag: 0xffff_ffff, dataSN: task.unsolicitedDataSN, offset: task.sent,
                isFinal: length == left, data: Array(task.data[task.sent..<(task.sent + length)]))
            task.unsolicitedDataSN += 1
            task.sent += length
            task.solicitedEnd = task.sent
        } else if var burst = task.bursts.first {
            let left = burst.end - task.sent
            let length = Int.random(in: 1...min(left, Limits.maxRecvDataSegmentLength), using: &self.generator)
            request = .dataOut(
                tag: tag, transferTag: burst.transferTag, dataSN: burst.dataSN, offset: task.sent,
                isFinal: length == left, data: Array(task.data[task.sent..<(task.sent + length)]))
            burst.dataSN += 1
            task.sent += length
            task.bursts[0] = burst
            if length == left { task.bursts.removeFirst() }
        } else {
            return
        }
        self.tasks[tag] = task
        try self.exchange(self.initiator.encode(request))
    }

    private mutating func exchange(_ bytes: ByteBuffer) throws {
        for pdu in self.initiator.receive(try self.target.pass(bytes)) {
            let tag = pdu.header.initiatorTaskTag
            guard var task = self.tasks[tag] else {
                self.complaints.append("\(pdu.header.opcode.debugDescription) for a task that is over")
                continue
            }
            switch pdu.header.opcode {
            case .readyToTransfer:
                self.check(pdu, task)
                task.nextR2TSN += 1
                task.solicitedEnd = pdu.bufferOffset + pdu.desiredLength
                task.bursts.append(Burst(transferTag: pdu.transferTag, end: task.solicitedEnd))
                self.tasks[tag] = task
            case .scsiResponse:
                if task.isUnsolicitedOpen || !task.bursts.isEmpty || task.sent < task.taken {
                    self.complaints.append("status before all data of task \(tag) was there")
                }
                self.tasks[tag] = nil
                self.statuses[tag] = pdu
                self.check(pdu, written: task)
            default:
                self.complaints.append("\(pdu.header.opcode.debugDescription) in answer to a write")
            }
        }
    }

    private mutating func check(_ r2t: PDU, _ task: Task) {
        let length = r2t.desiredLength
        if task.isUnsolicitedOpen { self.complaints.append("an R2T before the unsolicited data was over") }
        if r2t.dataSN != task.nextR2TSN { self.complaints.append("R2TSN \(r2t.dataSN), not \(task.nextR2TSN)") }
        if r2t.transferTag == 0xffff_ffff { self.complaints.append("an R2T with the reserved tag") }
        if r2t.bufferOffset != task.solicitedEnd {
            self.complaints.append("an R2T from \(r2t.bufferOffset), not from \(task.solicitedEnd)")
        }
        if length == 0 || length > self.parameters.maxBurstLength {
            self.complaints.append("an R2T of \(length) bytes")
        }
        if r2t.bufferOffset + length > task.taken {
            self.complaints.append("an R2T beyond the \(task.taken) bytes that the command takes")
        }
        if task.bursts.count >= Int(self.parameters.maxOutstandingR2T) {
            self.complaints.append("more than \(self.parameters.maxOutstandingR2T) R2Ts outstanding")
        }
    }

    private mutating func check(_ response: PDU, written task: Task) {
        if response.scsiStatus != 0 { self.complaints.append("status \(response.scsiStatus)") }
        let written = self.target.written[response.header.initiatorTaskTag] ?? []
        if written != Array(task.data[..<task.taken]) {
            self.complaints.append("\(written.count) bytes came, not the \(task.taken) in their order")
        }
    }
}
