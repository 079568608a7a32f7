// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Synchronization

/// What a socket has received, for the one task that waits for it.
final class Inbox: Sendable {
    private let state = Mutex(State())

    private struct State {
        var buffers: [ByteBuffer] = []
        var isEnded = false
        var waiter: CheckedContinuation<ByteBuffer?, Never>?
    }

    func put(_ buffer: ByteBuffer) {
        let waiter = self.state.withLock { state in
            guard let waiter = state.waiter else {
                state.buffers.append(buffer)
                return nil as CheckedContinuation<ByteBuffer?, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: buffer)
    }

    func end() {
        let waiter = self.state.withLock { state in
            state.isEnded = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    /// The next buffer; nil when the connection has ended and everything was taken, or the test has run out of time.
    func next() async -> ByteBuffer? {
        await withTaskCancellationHandler {
            await self.wait()
        } onCancel: {
            self.end()
        }
    }

    private func wait() async -> ByteBuffer? {
        await withCheckedContinuation { continuation in
            let (isReady, buffer) = self.state.withLock { state -> (Bool, ByteBuffer?) in
                if !state.buffers.isEmpty { return (true, state.buffers.removeFirst()) }
                if !state.isEnded { state.waiter = continuation }
                return (state.isEnded, nil)
            }
            if isReady { continuation.resume(returning: buffer) }
        }
    }
}
