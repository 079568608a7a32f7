// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Histogram

/// What a measurement found.
package struct PerfReport: Codable, Sendable {
    package struct Latency: Codable, Sendable {
        package var least: Double
        package var mean: Double
        package var p50: Double
        package var p90: Double
        package var p99: Double
        package var p999: Double
        package var most: Double
    }

    /// How evenly the sessions were served.
    package struct Fairness: Codable, Sendable {
        /// I/Os of the session that had least, and of the one that had most.
        package var least: UInt64
        package var most: UInt64
        /// Jain's index: 1 where all had the same, 1/n where one had all.
        package var index: Double

        init(_ counts: [UInt64]) {
            self.least = counts.min() ?? 0
            self.most = counts.max() ?? 0
            let sum = counts.reduce(0.0) { $0 + Double($1) }
            let squares = counts.reduce(0.0) { $0 + Double($1) * Double($1) }
            self.index = squares == 0 ? 1 : sum * sum / (Double(counts.count) * squares)
        }
    }

    package var url: String
    package var order: String
    package var blockBytes: Int
    package var depth: Int
    package var readPercent: Int
    package var sessions: Int
    package var headerDigest: Bool
    package var dataDigest: Bool
    package var isVerified: Bool
    package var seconds: Double
    package var reads: UInt64
    package var writes: UInt64
    package var iops: Double
    package var bytesPerSecond: Double
    package var latencyMicroseconds: Latency
    /// User and system time of this process.
    package var clientCPUMicrosecondsPerIO: Double
    package var fairness: Fairness
    /// Microseconds and how many I/Os took about that long; only where it was asked for.
    package var histogram: [[Double]]?

    package var ios: UInt64 { self.reads + self.writes }
}

extension PerfReport.Latency {
    init(_ latencies: Histogram<UInt64>) {
        func at(_ percentile: Double) -> Double { Double(latencies.valueAtPercentile(percentile)) / 1_000 }
        let isEmpty = latencies.totalCount == 0
        self.least = isEmpty ? 0 : Double(latencies.min) / 1_000
        self.mean = isEmpty ? 0 : latencies.mean / 1_000
        self.p50 = at(50)
        self.p90 = at(90)
        self.p99 = at(99)
        self.p999 = at(99.9)
        self.most = isEmpty ? 0 : Double(latencies.max) / 1_000
    }
}
