// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Histogram
import NIOCore

/// What the sessions of one event loop have done together.
final class PerfTally {
    private(set) var reads: UInt64 = 0
    private(set) var writes: UInt64 = 0
    /// In nanoseconds, to one part in a hundred.
    private(set) var latencies = Histogram<UInt64>(
        lowestDiscernibleValue: 1_000, highestTrackableValue: 120_000_000_000, numberOfSignificantValueDigits: .two)

    func note(isRead: Bool, nanoseconds: UInt64) {
        if isRead { self.reads += 1 } else { self.writes += 1 }
        self.latencies.record(max(1, nanoseconds))
    }

    func add(_ other: Snapshot) {
        self.reads += other.reads
        self.writes += other.writes
        self.latencies.add(other.latencies)
    }

    struct Snapshot: Sendable {
        var reads: UInt64
        var writes: UInt64
        var latencies: Histogram<UInt64>
    }

    var snapshot: Snapshot {
        Snapshot(reads: self.reads, writes: self.writes, latencies: self.latencies)
    }
}

@available(*, unavailable)
extension PerfTally: Sendable {}
