// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Synchronization

/// How long READs and WRITEs took: from when the socket had brought the command until its answer went to the socket,
/// the initiator's sending of solicited data included.
///
/// Commands that one pass takes and answers are counted together when it ends, so that they cost two looks at the clock
/// and two additions for all of them.
final class LatencyCounters: Sendable {
    private let reads = Histogram()
    private let writes = Histogram()

    enum Kind {
        case read, write
    }

    func add(_ count: UInt64, _ kind: Kind, taking time: TimeAmount) {
        switch kind {
        case .read: self.reads.add(count, nanoseconds: time.nanoseconds)
        case .write: self.writes.add(count, nanoseconds: time.nanoseconds)
        }
    }

    var snapshot: LatencySnapshot {
        LatencySnapshot(reads: self.reads.snapshot, writes: self.writes.snapshot)
    }

    /// Counts by duration, and the sum of the durations. Several event loops may add to one.
    private struct Histogram: ~Copyable, Sendable {
        private let counts = InlineArray<101, Atomic<UInt64>> { _ in Atomic(0) }
        private let total = Atomic<UInt64>(0)

        func add(_ count: UInt64, nanoseconds: Int64) {
            let duration = UInt64(clamping: nanoseconds)
            self.counts[LatencyHistogram.index(of: duration)].wrappingAdd(count, ordering: .relaxed)
            self.total.wrappingAdd(duration &* count, ordering: .relaxed)
        }

        var snapshot: LatencyHistogram {
            LatencyHistogram(
                counts: (0..<LatencyHistogram.size).map { self.counts[$0].load(ordering: .relaxed) },
                totalNanoseconds: self.total.load(ordering: .relaxed))
        }
    }
}

/// The latencies of a session or of a unit, since it began.
package struct LatencySnapshot: Sendable, Hashable {
    package var reads: LatencyHistogram
    package var writes: LatencyHistogram

    package init(reads: LatencyHistogram = LatencyHistogram(), writes: LatencyHistogram = LatencyHistogram()) {
        self.reads = reads
        self.writes = writes
    }
}

/// How many took how long: four counts for each power of two of nanoseconds, from 1 µs to 34 s; the first and the last
/// hold what is shorter and longer too.
package struct LatencyHistogram: Sendable, Hashable {
    static let size = 101
    private static let firstOctave = 10

    private var counts: [UInt64]
    package private(set) var totalNanoseconds: UInt64

    package init() {
        self.init(counts: [UInt64](repeating: 0, count: Self.size), totalNanoseconds: 0)
    }

    init(counts: [UInt64], totalNanoseconds: UInt64) {
        self.counts = counts
        self.totalNanoseconds = totalNanoseconds
    }

    /// For what is no data path.
    package mutating func add(nanoseconds: UInt64) {
        self.counts[Self.index(of: nanoseconds)] += 1
        self.totalNanoseconds += nanoseconds
    }

    static func index(of nanoseconds: UInt64) -> Int {
        let octave = 63 - max(1, nanoseconds).leadingZeroBitCount
        guard octave >= Self.firstOctave else { return 0 }
        let quarter = Int(truncatingIfNeeded: nanoseconds >> UInt64(octave - 2)) & 3
        return min((octave - Self.firstOctave) * 4 + quarter, Self.size - 1)
    }

    /// The shortest duration that the count at `index` is of.
    private static func start(of index: Int) -> Double {
        Double(4 + index % 4) * Double(UInt64(1) << UInt64(Self.firstOctave + index / 4 - 2))
    }

    package var count: UInt64 { self.counts.reduce(0, &+) }

    /// How many took less than 2 to the power of `exponent` nanoseconds.
    package func count(belowPowerOfTwo exponent: Int) -> UInt64 {
        self.counts.prefix(max(0, min(Self.size, (exponent - Self.firstOctave) * 4))).reduce(0, &+)
    }

    /// The nanoseconds that `fraction` of them took at most, to an eighth; nil where there were none.
    package func quantile(_ fraction: Double) -> Double? {
        let count = self.count
        guard count > 0 else { return nil }
        let wanted = fraction * Double(count)
        var below = 0.0
        for (index, here) in self.counts.enumerated() where here > 0 {
            if below + Double(here) >= wanted {
                let start = index == 0 ? 0 : Self.start(of: index)
                let part = max(0, wanted - below) / Double(here)
                return start + (Self.start(of: index + 1) - start) * part
            }
            below += Double(here)
        }
        return Self.start(of: Self.size)
    }
}
