// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// One session of a measurement: keeps its queue full and notes when each I/O came back.
///
/// The clock is read once a pass: answers that one socket read brought came at the same time, and the commands that
/// follow leave together.
final class PerfDriver: InitiatorDriver {
    private struct Slot {
        var step = PerfPlan.Step(place: 0, isRead: true)
        var startedNanoseconds: UInt64 = 0
        var generation: UInt32 = 0
    }

    private enum Phase {
        case waiting
        case running
        /// Time is over: what is under way comes to its end.
        case ending
        /// Everything that was written is read once more, from this place on.
        case rereading(Int)
        case done
    }

    let began: EventLoopPromise<Void>
    let finished: EventLoopPromise<Void>
    /// I/Os that were counted.
    private(set) var count: UInt64 = 0
    private var sent: UInt64 = 0

    private let tally: PerfTally
    private let workload: PerfWorkload
    private let unit: PerfUnit
    private let lun: UInt64
    private let first: UInt64
    private let payload: ByteBuffer
    private var plan: PerfPlan
    private var slots: [Slot]
    private var handler: InitiatorHandler<PerfDriver>?
    private var phase = Phase.waiting
    private var countsFromNanoseconds: UInt64 = 0
    private var endsAtNanoseconds: UInt64 = 0
    private var failure: InitiatorError?
    /// Tasks that ended in this pass.
    private var ended: [Int] = []
    private var attentions = 0

    /// - Parameters:
    ///   - first: the first I/O's place in the unit, in I/Os, of the `places` that this session has.
    ///   - payload: what is written where nothing is verified.
    init(
        _ workload: PerfWorkload, _ unit: PerfUnit, lun: UInt64, first: Int, places: Int, session: Int,
        payload: ByteBuffer, tally: PerfTally, loop: any EventLoop
    ) {
        self.tally = tally
        self.workload = workload
        self.unit = unit
        self.lun = lun
        self.first = UInt64(first)
        self.payload = payload
        self.plan = PerfPlan(workload, places: places, session: session)
        self.slots = [Slot](repeating: Slot(), count: max(1, workload.depth))
        self.began = loop.makePromise()
        self.finished = loop.makePromise()
    }

    /// Begins to count at `from` and ends at `to`, by the monotonic clock.
    func start(countingFrom from: UInt64, to end: UInt64) {
        guard let handler, case .waiting = self.phase else { return }
        self.countsFromNanoseconds = from
        self.endsAtNanoseconds = end
        self.phase = .running
        self.fill(handler, NIODeadline.now().uptimeNanoseconds)
        handler.flush()
    }

    /// The time is over for a session that is idle, or that waits for an answer.
    func stop() {
        guard let handler else { return }
        if case .running = self.phase { self.phase = .ending }
        self.goOn(handler)
        handler.flush()
    }

    /// The target answers no longer.
    func giveUp() {
        self.handler?.fail(
            InitiatorError(.disconnected, "\(self.unit.name): the target has not answered for a minute"))
    }

    // MARK: - InitiatorDriver

    func began(_ handler: InitiatorHandler<PerfDriver>) {
        self.handler = handler
        self.askWhetherReady(handler)
    }

    /// A new nexus may be told of unit attentions, which shall not meet the I/O.
    private func askWhetherReady(_ handler: InitiatorHandler<PerfDriver>) {
        _ = handler.send(.testUnitReady(lun: self.lun))
        handler.flush()
    }

    func received(_ data: ByteBuffer, offset: Int, task: Int) {
        guard self.workload.verifies else { return }
        let slot = self.slots[task]
        // What this run has not written may be anything.
        guard slot.step.isRead, slot.generation > 0 else { return }
        if let difference = self.pattern(slot).firstDifference(data, at: offset) {
            let byte = (self.first + UInt64(slot.step.place)) * UInt64(self.workload.blockBytes) + UInt64(difference)
            self.failure = InitiatorError(
                .miscompare, "\(self.unit.name): the bytes at \(byte) are not those that were written last")
        }
    }

    func ended(_ task: Int, _ ending: TaskEnding) {
        if case .waiting = self.phase { return self.endedTest(ending) }
        let slot = self.slots[task]
        self.plan.ended(slot.step.place)
        if ending.isGood, ending.underflow == 0 {
            self.ended.append(task)
        } else {
            self.failure = InitiatorError(ending, "\(self.unit.name): \(slot.step.isRead ? "READ" : "WRITE")")
        }
    }

    private func endedTest(_ ending: TaskEnding) {
        guard let handler, !ending.isGood else { return self.began.succeed() }
        self.attentions += 1
        if SenseSummary(ending.sense)?.key == SenseSummary.unitAttention,
            self.attentions <= InitiatorLimits.unitAttentions
        {
            self.askWhetherReady(handler)
        } else {
            handler.fail(InitiatorError(ending, "\(self.unit.name): TEST UNIT READY"))
        }
    }

    func received(text: ByteBuffer, isFinal: Bool) {}

    func passEnded(_ handler: InitiatorHandler<PerfDriver>) {
        if let failure { return handler.fail(failure) }
        let now = NIODeadline.now().uptimeNanoseconds
        self.note(now)
        switch self.phase {
        case .running where now < self.endsAtNanoseconds && self.sent < self.workload.count ?? .max:
            self.fill(handler, now)
        case .running where self.count < self.workload.count ?? 0 && now < self.endsAtNanoseconds:
            // What is under way still counts.
            break
        case .running:
            self.phase = .ending
            self.goOn(handler)
        case .ending, .rereading:
            self.goOn(handler)
        case .waiting, .done:
            break
        }
    }

    func closed(_ error: InitiatorError?) {
        self.handler = nil
        self.phase = .done
        if let error {
            self.began.fail(error)
            self.finished.fail(error)
        } else {
            self.finished.succeed()
        }
    }

    // MARK: - I/O

    /// Counts what ended in this pass, if the measurement has begun and is not over.
    private func note(_ now: UInt64) {
        if case .running = self.phase, now >= self.countsFromNanoseconds, now < self.endsAtNanoseconds {
            for task in self.ended {
                self.tally.note(
                    isRead: self.slots[task].step.isRead, nanoseconds: now &- self.slots[task].startedNanoseconds)
            }
            self.count += UInt64(self.ended.count)
        }
        self.ended.removeAll(keepingCapacity: true)
    }

    private func fill(_ handler: InitiatorHandler<PerfDriver>, _ now: UInt64) {
        guard self.workload.depth > 0 else { return }
        while handler.canSend, self.sent < self.workload.count ?? .max, let step = self.plan.next() {
            self.sent += 1
            self.send(step, handler, now)
        }
    }

    private func send(_ step: PerfPlan.Step, _ handler: InitiatorHandler<PerfDriver>, _ now: UInt64) {
        let bytes = self.workload.blockBytes
        let blocks = UInt32(bytes / self.unit.blockSize)
        let lba = (self.first + UInt64(step.place)) * UInt64(blocks)
        var slot = Slot(step: step, startedNanoseconds: now)
        if self.workload.verifies { slot.generation = self.plan.generations[step.place] }
        let command: InitiatorCommand
        if step.isRead {
            command = .read(lun: self.lun, lba: lba, blocks: blocks, byteCount: bytes)
        } else {
            var data = self.payload
            if self.workload.verifies {
                data = ByteBuffer()
                self.pattern(slot).write(bytes, to: &data)
            }
            command = .write(lun: self.lun, lba: lba, blocks: blocks, data: data)
        }
        self.slots[handler.send(command)] = slot
    }

    private func pattern(_ slot: Slot) -> PerfPattern {
        PerfPattern(
            seed: self.workload.seed,
            byteOffset: (self.first + UInt64(slot.step.place)) * UInt64(self.workload.blockBytes),
            generation: slot.generation)
    }

    /// After the time is over: reads once more what was written, where that is wanted, and leaves.
    private func goOn(_ handler: InitiatorHandler<PerfDriver>) {
        if case .ending = self.phase {
            guard handler.connection?.underWay == 0 else { return }
            self.phase = .rereading(0)
        }
        guard case .rereading(var place) = self.phase else { return }
        let now = NIODeadline.now().uptimeNanoseconds
        while self.workload.verifies, handler.canSend, let next = self.plan.written(from: place) {
            self.send(PerfPlan.Step(place: next, isRead: true), handler, now)
            place = next + 1
        }
        self.phase = .rereading(place)
        guard handler.connection?.underWay == 0 else { return }
        self.phase = .done
        handler.logOut()
    }
}

@available(*, unavailable)
extension PerfDriver: Sendable {}
