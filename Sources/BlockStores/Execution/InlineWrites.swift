// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore
internal import Synchronization

/// Decides whether a buffered write may be done on an event loop.
///
/// The kernel takes a buffered write into its page cache in the time of a copy, unless it holds the writer back because
/// too much is dirty already; there is no way to ask beforehand, and Linux's ext4 knows no RWF_NOWAIT for buffered
/// writes. So the first held-back write does cost its event loop the wait. From then on, for a while, writes go to the
/// thread pool.
struct InlineWrites: ~Copyable, Sendable {
    private let resumeAt = Atomic<UInt64>(0)

    /// Whether a write may be tried at `now`.
    func areAllowed(at now: NIODeadline) -> Bool {
        now.uptimeNanoseconds >= self.resumeAt.load(ordering: .relaxed)
    }

    /// A write took from `start` to `end`.
    func finished(from start: NIODeadline, to end: NIODeadline) {
        guard end.uptimeNanoseconds - start.uptimeNanoseconds > Limits.slowWriteNanoseconds else { return }
        self.resumeAt.store(end.uptimeNanoseconds + Limits.stepAsideNanoseconds, ordering: .relaxed)
    }
}
