// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// The bounds of the stores, each with its reason.
package enum Limits {
    /// Reads and writes that a ring gives to the kernel at a time: two full command windows. Further ones wait.
    static let ringTransfers = 256

    /// How often the kernel may put a transfer off before that counts as a failure.
    static let ringRefusals = 1_000

    /// How long a ring waits before it asks again what the kernel had no memory for.
    static let ringPatience = TimeAmount.milliseconds(1)

    /// How much one system call moves where a request is cut into pieces (filling with a pattern, comparing): large
    /// enough to amortise the call, small enough to stay in a core's cache.
    static let pieceBytes = 1 << 20

    /// A buffered write that took longer than this was not only copying memory: 1 MiB takes about one millisecond.
    static let slowWriteNanoseconds: UInt64 = 10_000_000

    /// Two slow writes within this time are the kernel holding writers back. One alone is more likely the scheduler,
    /// which on a busy machine takes the processor away for as long.
    static let slowWritesNanoseconds: UInt64 = 200_000_000

    /// For how long writes then stay away from the event loops.
    static let stepAsideNanoseconds: UInt64 = 50_000_000

    /// How much one range of an unmap may cover: punching holes takes time in proportion to the extents.
    static let unmapBytes: UInt64 = 512 << 20

    /// The longest write that is done whole or not at all: its data is held in memory and, on files, written twice.
    static let atomicBytes = 1 << 20

    /// Addresses that a ramdisk sets aside to grow into: more than there is memory, and little of what a process has.
    static let ramAddressBytes = 1 << 40

    /// Commands that a disk which is passed through works on at a time: enough for its queue to be used, and few threads.
    static let passThroughThreads = 8

    /// Commands that wait for such a device, those it works on among them: as many as one session's window brings.
    static let passThroughCommands = 128

    /// How long a disk's command may take: what Linux gives its own, twice, as queues wait on the way.
    static let passThroughDiskSeconds: UInt32 = 60

    /// The same for tapes, changers and others, which wind and move.
    static let passThroughOtherSeconds: UInt32 = 900

    /// The same for commands that rewrite the whole medium.
    static let passThroughLongSeconds: UInt32 = 14_400

    /// How often an exclusive opening is tried before it is given up, and how long after one another.
    static let passThroughAttempts = 10
    static let passThroughAttemptMicroseconds: UInt32 = 100_000

    /// The kernel's page: a write that covers whole pages never has to read one first.
    static let pageBytes = 4096
}
