// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Synchronization

extension InitiatorSocket {
    /// Sends `bytes` over and over until the target takes no more of them, and returns how many bytes it took. The
    /// connection is then closed.
    ///
    /// - Parameter atMost: where it ends when the target takes everything.
    func floodUntilStuck(with bytes: ByteBuffer, atMost limit: Int) async throws -> Int {
        let flood = Flood(channel: self.channel, bytes: bytes, limit: limit)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await flood.send() }
            group.addTask { try await flood.watch() }
            try await group.next()
            let taken = flood.taken.withLock { $0 }
            group.cancelAll()
            flood.channel.close(promise: nil)
            return taken
        }
    }
}

private final class Flood: Sendable {
    let channel: any Channel
    let bytes: ByteBuffer
    let limit: Int
    let taken = Mutex(0)

    init(channel: any Channel, bytes: ByteBuffer, limit: Int) {
        self.channel = channel
        self.bytes = bytes
        self.limit = limit
    }

    func send() async throws {
        while self.taken.withLock({ $0 }) < self.limit {
            try await self.channel.writeAndFlush(self.bytes)
            self.taken.withLock { $0 += self.bytes.readableBytes }
        }
    }

    func watch() async throws {
        _ = try await settled { self.taken.withLock { $0 } }
    }
}

/// The value of `count` when it has not changed for a while: nothing tells that a peer has got stuck, but that nothing
/// goes on.
func settled(_ count: () -> Int) async throws -> Int {
    var last = -1
    while count() != last {
        last = count()
        try await Task.sleep(for: .milliseconds(400))
    }
    return last
}
