// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BlockStores

@Suite("FlushGroup")
struct FlushGroupTests {
    /// A sync that waits until the test lets it go on, and counts.
    final class SlowSync: Sendable {
        private let started = AsyncStream.makeStream(of: Void.self)
        private let released = DispatchSemaphore(value: 0)
        let count = Atomic<Int>(0)

        func run() {
            self.count.add(1, ordering: .relaxed)
            self.started.continuation.yield()
            self.released.wait()
            self.released.signal()
        }

        func waitUntilStarted() async {
            for await _ in self.started.stream { return }
        }

        func release() { self.released.signal() }
    }

    static func result(_ group: FlushGroup) async -> Result<BlockReply, BlockError> {
        await withCheckedContinuation { continuation in
            group.flush { continuation.resume(returning: $0) }
        }
    }

    @Test func `flushes that arrive during a sync share the next one`() async throws {
        let sync = SlowSync()
        let group = FlushGroup(pool: pool) { () throws(BlockError) in sync.run() }
        let results = Atomic<Int>(0)
        let done = AsyncStream<Void>.makeStream()
        let count: @Sendable (Result<BlockReply, BlockError>) -> Void = { _ in
            if results.add(1, ordering: .relaxed).newValue == 21 { done.continuation.finish() }
        }
        group.flush(count)
        await sync.waitUntilStarted()
        for _ in 0..<20 { group.flush(count) }
        #expect(results.load(ordering: .relaxed) == 0)
        sync.release()
        for await _ in done.stream {}
        #expect(results.load(ordering: .relaxed) == 21)
        #expect(sync.count.load(ordering: .relaxed) == 2)
    }

    @Test func `a failed sync sticks`() async {
        let lost = BlockError(.write, "flush /disk", errno: 5, reason: "Input/output error")
        let failures = Atomic<Int>(0)
        let group = FlushGroup(pool: pool) { () throws(BlockError) in
            failures.add(1, ordering: .relaxed)
            throw lost
        }
        for _ in 0..<3 {
            guard case .failure(let error) = await Self.result(group) else {
                Issue.record("a flush succeeded after a lost write")
                return
            }
            #expect(error.errno == 5)
        }
        #expect(failures.load(ordering: .relaxed) == 1)
        #expect(group.lost != nil)
    }

    @Test func `flushes one after the other each sync`() async {
        let count = Atomic<Int>(0)
        let group = FlushGroup(pool: pool) { () throws(BlockError) in count.add(1, ordering: .relaxed) }
        for _ in 0..<5 {
            _ = await Self.result(group)
        }
        #expect(count.load(ordering: .relaxed) == 5)
    }
}

@Suite("AccessGate")
struct AccessGateTests {
    @Test func `an exclusive request waits for those inside, and later ones wait for it`() {
        let gate = AccessGate()
        let log = Mutex<[String]>([])
        #expect(gate.tryEnter())
        gate.enter(.shared) { log.withLock { $0.append("shared 1") } }
        gate.enter(.exclusive) { log.withLock { $0.append("exclusive") } }
        gate.enter(.shared) { log.withLock { $0.append("shared 2") } }
        gate.enter(.shared) { log.withLock { $0.append("shared 3") } }
        #expect(!gate.tryEnter())
        #expect(log.withLock { $0 } == ["shared 1"])
        gate.leave(.shared)
        #expect(log.withLock { $0 } == ["shared 1"])
        gate.leave(.shared)
        #expect(log.withLock { $0 } == ["shared 1", "exclusive"])
        #expect(!gate.tryEnter())
        gate.leave(.exclusive)
        #expect(log.withLock { $0 } == ["shared 1", "exclusive", "shared 2", "shared 3"])
        #expect(gate.tryEnter())
    }

    @Test func `one exclusive request follows another`() {
        let gate = AccessGate()
        let log = Mutex<[Int]>([])
        for number in 0..<3 {
            gate.enter(.exclusive) { log.withLock { $0.append(number) } }
        }
        #expect(log.withLock { $0 } == [0])
        gate.leave(.exclusive)
        gate.leave(.exclusive)
        #expect(log.withLock { $0 } == [0, 1, 2])
        gate.leave(.exclusive)
        #expect(gate.tryEnter())
    }
}

@Suite("InlineWrites")
struct InlineWritesTests {
    /// Whether writes are allowed after writes that took so many milliseconds, each beginning at the time given.
    static func areAllowed(at time: Int64, after writes: [(start: Int64, duration: Int64)]) -> Bool {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let decision = InlineWrites()
        for write in writes {
            let begin = start + .milliseconds(write.start)
            decision.finished(from: begin, to: begin + .milliseconds(write.duration))
        }
        return decision.areAllowed(at: start + .milliseconds(time))
    }

    @Test func `two slow writes send the next ones away for a while`() {
        #expect(!Self.areAllowed(at: 130, after: [(0, 20), (80, 20)]))
        #expect(Self.areAllowed(at: 150, after: [(0, 20), (80, 20)]))
    }

    @Test func `one slow write, two far apart, and quick ones do not`() {
        #expect(Self.areAllowed(at: 21, after: [(0, 20)]))
        #expect(Self.areAllowed(at: 321, after: [(0, 20), (300, 20)]))
        #expect(Self.areAllowed(at: 12, after: [(0, 5), (5, 5)]))
    }
}
