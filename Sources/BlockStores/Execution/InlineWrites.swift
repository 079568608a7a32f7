// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore
internal import Synchronization

/// Decides whether a buffered write may be done on an event loop.
///
/// The kernel takes a buffered write into its page cache in the time of a copy (4 KiB on ext4: some 5 µs), unless it
/// holds the writer back because too much is dirty already: then for 10 to 200 ms. There is no way to ask beforehand,
/// and Linux's ext4 knows no RWF_NOWAIT for buffered writes. So the first two writes that are held back do cost their
/// event loop the wait. From then on, for a while, writes go to the thread pool.
struct InlineWrites: ~Copyable, Sendable {
    private let lastSlow = Atomic<UInt64>(0)
    private let resumeAt = Atomic<UInt64>(0)

    /// Whether a write may be tried at `now`.
    func areAllowed(at now: NIODeadline) -> Bool {
        now.uptimeNanoseconds >= self.resumeAt.load(ordering: .relaxed)
    }

    /// A write took from `start` to `end`.
    func finished(from start: NIODeadline, to end: NIODeadline) {
        let end = end.uptimeNanoseconds
        guard end - start.uptimeNanoseconds > Limits.slowWriteNanoseconds else { return }
        let previous = self.lastSlow.exchange(end, ordering: .relaxed)
        guard previous != 0, end < previous + Limits.slowWritesNanoseconds else { return }
        self.resumeAt.store(end + Limits.stepAsideNanoseconds, ordering: .relaxed)
    }
}
