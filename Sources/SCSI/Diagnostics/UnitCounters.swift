// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

/// What a unit has done since it was opened or its counters were reset: plain sums, cheap enough for the data path.
struct UnitCounters: Sendable {
    struct Traffic: Sendable {
        var commands: UInt64 = 0
        var blocks: UInt64 = 0
        /// Commands that the store could not do.
        var failures: UInt64 = 0

        @inline(__always)
        mutating func add(_ blocks: UInt32) {
            self.commands &+= 1
            self.blocks &+= UInt64(blocks)
        }
    }

    var reads = Traffic()
    var writes = Traffic()
    var verifications = Traffic()
    /// Failures that are not the medium's: a store that is gone.
    var otherFailures: UInt64 = 0

    mutating func count(_ error: BlockError) {
        switch error.kind {
        case .read: self.reads.failures &+= 1
        case .write, .full, .readOnly: self.writes.failures &+= 1
        case .unavailable: self.otherFailures &+= 1
        case .unsupported: break
        }
    }
}
