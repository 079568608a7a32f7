// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOPosix
internal import Synchronization

/// Group commit: flushes that arrive while one is under way share the next one.
///
///     idle ── flush ──► syncing ── flushes arrive, and wait ──► done: sync once more for all of them
///
/// A flush never joins the sync that is already running: writes replied to after that began might not be in it.
///
/// After a failed sync the kernel has dropped the pages and would call the next sync a success although the data is
/// gone. So a failure sticks: every later flush fails too, until the medium has been closed and opened again.
final class FlushGroup: Sendable {
    typealias Completion = @Sendable (Result<BlockReply, BlockError>) -> Void

    private struct State {
        var waiting: [Completion] = []
        var isSyncing = false
        var lost: BlockError?
    }

    private let pool: NIOThreadPool
    private let sync: @Sendable () throws(BlockError) -> Void
    private let state = Mutex(State())

    /// `sync` makes everything written durable, and may block; it runs on `pool`, one call at a time.
    init(pool: NIOThreadPool, sync: @escaping @Sendable () throws(BlockError) -> Void) {
        self.pool = pool
        self.sync = sync
    }

    /// The failure that sticks, nil while all is well.
    var lost: BlockError? { self.state.withLock { $0.lost } }

    func flush(_ completion: @escaping Completion) {
        let mustStart = self.state.withLock { state in
            state.waiting.append(completion)
            defer { state.isSyncing = true }
            return !state.isSyncing
        }
        if mustStart { self.startSync() }
    }

    /// Makes everything written durable on the caller's thread.
    func syncNow() throws(BlockError) {
        _ = try self.syncOnce(isCancelled: false).get()
    }

    private func startSync() {
        self.pool.submit { poolState in
            let group = self.state.withLock { state in
                defer { state.waiting.removeAll() }
                return state.waiting
            }
            let result = self.syncOnce(isCancelled: poolState == .cancelled)
            let mustContinue = self.state.withLock { state in
                state.isSyncing = !state.waiting.isEmpty
                return state.isSyncing
            }
            if mustContinue { self.startSync() }
            for completion in group { completion(result) }
        }
    }

    private func syncOnce(isCancelled: Bool) -> Result<BlockReply, BlockError> {
        if let lost { return .failure(lost) }
        guard !isCancelled else { return .failure(BlockError(.unavailable, "flush while shutting down")) }
        do {
            try self.sync()
            return .success(.done)
        } catch {
            self.state.withLock { $0.lost = error }
            return .failure(error)
        }
    }
}
