// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory

/// How long READs, or WRITEs, took: from when the command had come until its answer was sent.
package struct LatencyStatus: Codable, Sendable, Hashable {
    package var count: UInt64
    package var totalSeconds: Double
    /// What half of them, and 99 of 100, took at most.
    package var p50Seconds: Double
    package var p99Seconds: Double
    /// How many took less than each of `bounds`.
    package var buckets: [UInt64]

    /// The exponents of 2, in nanoseconds, of the buckets' bounds: 8 µs to 8.6 s.
    package static let exponents = Array(13...33)
    /// Seconds.
    package static let bounds = Self.exponents.map { Double(UInt64(1) << UInt64($0)) / 1e9 }

    package init(count: UInt64, totalSeconds: Double, p50Seconds: Double, p99Seconds: Double, buckets: [UInt64]) {
        self.count = count
        self.totalSeconds = totalSeconds
        self.p50Seconds = p50Seconds
        self.p99Seconds = p99Seconds
        self.buckets = buckets
    }

    /// `1,234 reads, 0.1 ms on average, 99 % within 0.3 ms`.
    func words(_ noun: String) -> String {
        let mean = Self.milliseconds(self.totalSeconds / Double(max(1, self.count)))
        return "\(self.count) \(noun)\(self.count == 1 ? "" : "s"), \(mean) on average, half within "
            + "\(Self.milliseconds(self.p50Seconds)), 99 % within \(Self.milliseconds(self.p99Seconds))"
    }

    private static func milliseconds(_ seconds: Double) -> String {
        let microseconds = Int(min(seconds, 1e6) * 1e6)
        let digits = String(microseconds % 1000)
        let fraction = String(repeating: "0", count: 3 - digits.count) + digits
        return "\(microseconds / 1000).\(microseconds < 10_000 ? fraction[...] : fraction.prefix(1)) ms"
    }
}
