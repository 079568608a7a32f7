// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Testing

@testable import ISCSIServer

@Suite("Latencies")
struct LatencyTests {
    @Test func `a duration is counted where it belongs, whatever it is`() {
        for nanoseconds: UInt64 in [0, 1, 1023, 1024, 1279, 1280, 1_000_000, 1 << 34, 1 << 35, .max] {
            let index = LatencyHistogram.index(of: nanoseconds)
            #expect((0..<LatencyHistogram.size).contains(index))
        }
        #expect(LatencyHistogram.index(of: 1279) == 0)
        #expect(LatencyHistogram.index(of: 1280) == 1)
        #expect(LatencyHistogram.index(of: 2048) == 4)
        var last = 0
        for nanoseconds in stride(from: UInt64(0), to: 1 << 24, by: 997) {
            let index = LatencyHistogram.index(of: nanoseconds)
            #expect(index >= last)
            last = index
        }
    }

    @Test func `quantiles are right to an eighth`() throws {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for microseconds in UInt64(1)...10_000 { histogram.add(nanoseconds: microseconds * 1000) }
        #expect(histogram.count == 10_000)
        #expect(histogram.totalNanoseconds == 10_000 * 10_001 / 2 * 1000)
        for fraction in [0.01, 0.25, 0.5, 0.9, 0.99, 1] {
            let quantile = try #require(histogram.quantile(fraction)) / 1e7
            #expect(abs(quantile / fraction - 1) < 0.125, "\(fraction): \(quantile)")
        }
        var slow = LatencyHistogram()
        slow.add(nanoseconds: 1 << 40)
        #expect(try #require(slow.quantile(0.5)) >= Double(UInt64(1) << 34))
    }

    @Test func `counts below a power of two grow to all that are shorter`() {
        var histogram = LatencyHistogram()
        for exponent in UInt64(5)..<40 { histogram.add(nanoseconds: 1 << exponent) }
        #expect(histogram.count(belowPowerOfTwo: 10) == 0)
        #expect(histogram.count(belowPowerOfTwo: 13) == 8)
        #expect(histogram.count(belowPowerOfTwo: 33) == 28)
    }

    @Test func `threads lose none of each other's counts`() async {
        let counters = LatencyCounters()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counters.add(2, .read, taking: .microseconds(5))
                        counters.add(1, .write, taking: .milliseconds(5))
                    }
                }
            }
        }
        let snapshot = counters.snapshot
        #expect(snapshot.reads.count == 80_000 && snapshot.writes.count == 40_000)
        #expect(snapshot.reads.totalNanoseconds == 80_000 * 5_000)
        #expect(snapshot.reads.count(belowPowerOfTwo: 13) == 80_000)
        #expect(snapshot.writes.count(belowPowerOfTwo: 13) == 0)
    }
}
