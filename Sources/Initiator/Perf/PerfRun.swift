// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Histogram
import ISCSI
import NIOCore
import NIOPosix

/// Measures a logical unit.
///
///     ask for its size ─► open every session ─► warm up ─► count ─► (verify) ─► log out
package struct PerfRun: Sendable {
    /// What is told while it runs, once a second.
    package struct Progress: Sendable {
        package var ios: UInt64
        package var seconds: Double
    }

    private let url: TargetURL
    private let workload: PerfWorkload
    private let options: InitiatorOptions

    package init(_ url: TargetURL, _ workload: PerfWorkload, options: InitiatorOptions) {
        self.url = url
        self.workload = workload
        self.options = options
    }

    package func run(
        withHistogram: Bool = false, progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> PerfReport {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: self.workload.loops)
        let outcome: Result<PerfReport, any Error>
        do {
            outcome = .success(try await self.measure(group, withHistogram, progress))
        } catch {
            outcome = .failure(error)
        }
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    // MARK: - Sessions

    private typealias Session = NIOLoopBound<PerfDriver>

    /// The unit, and where it was found in the end.
    private func probe(_ group: any EventLoopGroup) async throws -> (PerfUnit, TargetURL) {
        let session = try await InitiatorSession.open(self.url, options: self.options, group: group)
        let capacity = try await session.capacity()
        await session.close()
        return (
            PerfUnit(name: session.url.shown, blockSize: capacity.blockSize, blockCount: capacity.blockCount),
            session.url
        )
    }

    /// I/Os that fit into the range, and into one session's part of it.
    private func places(_ unit: PerfUnit) throws(InitiatorError) -> (all: Int, each: Int) {
        guard self.workload.blockBytes % unit.blockSize == 0 else {
            throw InitiatorError(
                .source, "\(unit.name) has blocks of \(unit.blockSize) bytes; the block size must be a multiple")
        }
        let bytes = unit.blockCount * UInt64(unit.blockSize)
        let all = Int(min(bytes, self.workload.rangeBytes ?? bytes) / UInt64(self.workload.blockBytes))
        let each = self.workload.verifies ? all / self.workload.sessions : all
        guard each >= 1 else { throw InitiatorError(.source, "\(unit.name) is too small for that") }
        return (all, each)
    }

    private func open(
        _ group: any EventLoopGroup, _ unit: PerfUnit, _ url: TargetURL, _ tallies: [NIOLoopBound<PerfTally>]
    ) async throws -> [Session] {
        let connector = Connector(options: self.options, group: group)
        let (_, each) = try self.places(unit)
        var generator = SplitMix(seed: self.workload.seed)
        var payload = ByteBuffer()
        for _ in 0..<(self.workload.blockBytes / 8) { payload.writeInteger(generator.next()) }
        let openOne: @Sendable (Int) async throws -> Session = { [payload] index in
            let tally = tallies[index % tallies.count]
            let loop = tally.eventLoop
            let first = self.workload.verifies ? each * index : 0
            let session = try await loop.submit {
                NIOLoopBound(
                    PerfDriver(
                        self.workload, unit, lun: InitiatorCommand.encode(lun: url.lun), first: first, places: each,
                        session: index, payload: payload, tally: tally.value, loop: loop),
                    eventLoop: loop)
            }.get()
            _ = try await connector.open(
                url, qualifier: UInt16(truncatingIfNeeded: index + 1), depth: max(1, self.workload.depth), on: loop
            ) { session.value }.flatMapErrorThrowing { error in
                session.value.closed(error as? InitiatorError)
                throw error
            }.get()
            try await loop.flatSubmit { session.value.began.futureResult }.get()
            return session
        }
        return try await withThrowingTaskGroup(of: Session.self) { tasks in
            var sessions: [Session] = []
            for index in 0..<self.workload.sessions {
                if index >= InitiatorLimits.loginsAtOnce, let session = try await tasks.next() {
                    sessions.append(session)
                }
                tasks.addTask { try await openOne(index) }
            }
            for try await session in tasks { sessions.append(session) }
            return sessions
        }
    }

    // MARK: - Measuring

    private func measure(
        _ group: MultiThreadedEventLoopGroup, _ withHistogram: Bool, _ progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> PerfReport {
        let (unit, url) = try await self.probe(group)
        var tallies: [NIOLoopBound<PerfTally>] = []
        for loop in group.makeIterator() {
            tallies.append(try await loop.submit { NIOLoopBound(PerfTally(), eventLoop: loop) }.get())
        }
        let sessions = try await self.open(group, unit, url, tallies)
        let from = NIODeadline.now() + .nanoseconds(Int64(self.workload.warmUpSeconds * 1e9))
        let end = from + .nanoseconds(Int64(self.workload.seconds * 1e9))
        for session in sessions {
            session.eventLoop.execute {
                session.value.start(countingFrom: from.uptimeNanoseconds, to: end.uptimeNanoseconds)
            }
        }
        let telling = Task { try await Self.tell(tallies, from, progress) }
        let effort: Effort
        do {
            effort = try await self.wait(sessions, from, end)
        } catch {
            telling.cancel()
            throw error
        }
        telling.cancel()
        for session in sessions {
            try await session.eventLoop.flatSubmit { session.value.finished.futureResult }.get()
        }
        return try await self.report(sessions, tallies, effort, withHistogram)
    }

    private struct Effort {
        var seconds: Double
        /// Processor time of this process.
        var cpuNanoseconds: UInt64
    }

    /// Sees the measurement through.
    private func wait(_ sessions: [Session], _ from: NIODeadline, _ end: NIODeadline) async throws -> Effort {
        try await Self.sleep(until: from)
        let before = Self.cpuNanoseconds()
        // Over when the time is, when every session has done its count, or when one fails.
        guard let loop = sessions.first?.eventLoop else { return Effort(seconds: 0, cpuNanoseconds: 0) }
        let over = loop.makePromise(of: Void.self)
        loop.scheduleTask(deadline: end) { over.succeed() }
        EventLoopFuture.andAllSucceed(
            sessions.map { session in session.eventLoop.flatSubmit { session.value.finished.futureResult } }, on: loop
        ).cascade(to: over)
        try await over.futureResult.get()
        let effort = Effort(
            seconds: Double((min(.now(), end) - from).nanoseconds) / 1e9, cpuNanoseconds: Self.cpuNanoseconds() - before
        )
        for session in sessions {
            session.eventLoop.execute { session.value.stop() }
            session.eventLoop.scheduleTask(in: InitiatorLimits.commandTime) { session.value.giveUp() }
        }
        return effort
    }

    private static func sleep(until deadline: NIODeadline) async throws {
        let left = deadline - .now()
        if left.nanoseconds > 0 { try await Task.sleep(for: .nanoseconds(left.nanoseconds)) }
    }

    private static func tell(
        _ tallies: [NIOLoopBound<PerfTally>], _ from: NIODeadline, _ progress: @Sendable (Progress) -> Void
    ) async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            var ios: UInt64 = 0
            for tally in tallies {
                ios += try await tally.eventLoop.submit { tally.value.reads + tally.value.writes }.get()
            }
            progress(Progress(ios: ios, seconds: Double((NIODeadline.now() - from).nanoseconds) / 1e9))
        }
    }

    /// User and system time of the process.
    private static func cpuNanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func report(
        _ sessions: [Session], _ tallies: [NIOLoopBound<PerfTally>], _ effort: Effort, _ withHistogram: Bool
    ) async throws -> PerfReport {
        let total = PerfTally()
        for tally in tallies {
            total.add(try await tally.eventLoop.submit { tally.value.snapshot }.get())
        }
        var counts: [UInt64] = []
        for session in sessions {
            counts.append(try await session.eventLoop.submit { session.value.count }.get())
        }
        let ios = Double(total.reads + total.writes)
        var report = PerfReport(
            url: self.url.shown, order: self.workload.order.rawValue, blockBytes: self.workload.blockBytes,
            depth: self.workload.depth, readPercent: self.workload.readPercent, sessions: self.workload.sessions,
            headerDigest: self.options.headerDigest, dataDigest: self.options.dataDigest,
            isVerified: self.workload.verifies, seconds: effort.seconds, reads: total.reads,
            writes: total.writes, iops: ios / effort.seconds,
            bytesPerSecond: ios * Double(self.workload.blockBytes) / effort.seconds,
            latencyMicroseconds: .init(total.latencies),
            clientCPUMicrosecondsPerIO: ios == 0 ? 0 : Double(effort.cpuNanoseconds) / 1_000 / ios,
            fairness: .init(counts))
        if withHistogram {
            report.histogram = total.latencies.recordedValues().map { [Double($0.value) / 1_000, Double($0.count)] }
        }
        return report
    }
}

/// The logical unit that is measured.
struct PerfUnit: Sendable {
    var name: String
    var blockSize: Int
    var blockCount: UInt64
}
