// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Testing

@testable import Initiator

@Suite("perf: which I/O comes next")
struct PerfPlanTests {
    private func workload(_ change: (inout PerfWorkload) -> Void) -> PerfWorkload {
        var workload = PerfWorkload()
        change(&workload)
        return workload
    }

    @Test func `sequential I/O goes round`() {
        var plan = PerfPlan(self.workload { $0.order = .sequential }, places: 3, session: 0)
        #expect((0..<5).map { _ in plan.next()?.place } == [0, 1, 2, 0, 1])
    }

    @Test func `sequential sessions begin apart`() {
        let workload = self.workload {
            $0.order = .sequential
            $0.sessions = 4
        }
        let starts = (0..<4).map { session in
            var plan = PerfPlan(workload, places: 100, session: session)
            return plan.next()?.place
        }
        #expect(starts == [0, 25, 50, 75])
    }

    @Test(arguments: [0, 30, 100])
    func `the mix is as asked for, and every place is met`(readPercent: Int) {
        var plan = PerfPlan(self.workload { $0.readPercent = readPercent }, places: 16, session: 0)
        var reads = 0
        var places: Set<Int> = []
        for _ in 0..<10_000 {
            guard let step = plan.next() else { Issue.record("nothing to do"); return }
            reads += step.isRead ? 1 : 0
            places.insert(step.place)
        }
        #expect(abs(reads - readPercent * 100) < 250, "\(reads) reads of 10000")
        #expect(places == Set(0..<16))
    }

    @Test func `a place that is verified has one I/O at a time`() {
        var plan = PerfPlan(
            self.workload {
                $0.verifies = true
                $0.readPercent = 50
            }, places: 8, session: 0)
        let steps = (0..<8).compactMap { _ in plan.next() }
        #expect(Set(steps.map(\.place)) == Set(0..<8))
        #expect(plan.next() == nil)
        plan.ended(3)
        #expect(plan.next()?.place == 3)
        for step in steps where step.place != 3 {
            #expect(plan.generations[step.place] == (step.isRead ? 0 : 1))
        }
    }

    @Test func `what was written is found again`() {
        var plan = PerfPlan(
            self.workload {
                $0.verifies = true
                $0.readPercent = 0
                $0.order = .sequential
            }, places: 5, session: 0)
        _ = plan.next()
        _ = plan.next()
        #expect(plan.written(from: 0) == 0)
        #expect(plan.written(from: 1) == 1)
        #expect(plan.written(from: 2) == nil)
        #expect(plan.written(from: 5) == nil)
    }
}

@Suite("perf: the pattern that is verified")
struct PerfPatternTests {
    private func bytes(_ pattern: PerfPattern, _ length: Int = 4_096) -> ByteBuffer {
        var buffer = ByteBuffer()
        pattern.write(length, to: &buffer)
        return buffer
    }

    @Test func `what was written is found to be so, in pieces of any length`() {
        let pattern = PerfPattern(seed: 1, byteOffset: 8_192, generation: 3)
        let whole = self.bytes(pattern)
        #expect(whole.readableBytes == 4_096)
        for length in [1, 7, 8, 1_000, 4_096] {
            for offset in stride(from: 0, to: 4_096, by: length) {
                let piece = whole.getSlice(at: offset, length: min(length, 4_096 - offset)) ?? ByteBuffer()
                #expect(pattern.firstDifference(piece, at: offset) == nil)
            }
        }
    }

    @Test(arguments: [0, 1, 7, 8, 4_095])
    func `one wrong byte is found`(position: Int) {
        let pattern = PerfPattern(seed: 1, byteOffset: 0, generation: 1)
        var data = self.bytes(pattern)
        let byte = data.getInteger(at: position, as: UInt8.self) ?? 0
        data.setInteger(byte ^ 0x10, at: position)
        let found = pattern.firstDifference(data, at: 0)
        #expect(found == position / 8 * 8)
    }

    @Test func `another place, generation or seed is another pattern`() {
        let all = [
            PerfPattern(seed: 1, byteOffset: 0, generation: 1), PerfPattern(seed: 1, byteOffset: 4_096, generation: 1),
            PerfPattern(seed: 1, byteOffset: 0, generation: 2), PerfPattern(seed: 2, byteOffset: 0, generation: 1),
        ]
        for (one, pattern) in all.enumerated() {
            for (other, data) in all.enumerated() where one != other {
                #expect(pattern.firstDifference(self.bytes(data), at: 0) != nil)
            }
        }
    }
}
