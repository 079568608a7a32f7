// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a measurement does.
package struct PerfWorkload: Sendable {
    package enum Order: String, Sendable, CaseIterable {
        case random
        case sequential
    }

    package var order = Order.random
    /// Bytes of one I/O.
    package var blockBytes = 4_096
    /// I/Os that every session keeps under way; 0 leaves the sessions idle.
    package var depth = 32
    /// Of a hundred I/Os, how many are reads.
    package var readPercent = 100
    package var sessions = 1
    package var seconds = 10.0
    /// I/Os of each session after which it ends before its time.
    package var count: UInt64?
    /// Seconds before that whose I/Os are not counted.
    package var warmUpSeconds = 0.0
    /// Only the unit's first bytes are used; nil for all of them.
    package var rangeBytes: UInt64?
    /// Writes a pattern that tells block and generation, checks whatever is read against it, and reads everything that
    /// was written once more at the end.
    package var verifies = false
    package var seed: UInt64 = 1
    /// Event loops, each a thread.
    package var loops = 1

    package init() {}
}

/// SplitMix64: small, and its sequence is told by its seed.
struct SplitMix: Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(self.state)
    }

    /// A number below `bound`, near enough to uniform: the high half of a product.
    @inline(__always)
    mutating func next(below bound: UInt64) -> UInt64 {
        self.next().multipliedFullWidth(by: bound).high
    }

    @inline(__always)
    static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
