// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Sessions are spread over the event loops as they begin. Sockets are accepted by the loops in turn, but many never
/// become sessions that last (discovery), and sessions end in any order: so a login that has come to its end goes on where
/// the fewest sessions are. One that lives is not moved: its tasks, and what stores bring for them, are bound to its loop.
extension ISCSIServer {
    /// The event loop with the fewest sessions, nil where that is `loop` itself.
    func quieterLoop(than loop: any EventLoop) -> (any EventLoop)? {
        let loops = Array(self.group.makeIterator())
        return self.state.withLock { state in
            // One that stops refuses the login where it is.
            guard !state.isStopping else { return nil }
            func sessions(_ loop: any EventLoop) -> Int { state.sessionsOfLoops[ObjectIdentifier(loop)] ?? 0 }
            guard let quietest = loops.min(by: { sessions($0) < sessions($1) }), sessions(quietest) < sessions(loop)
            else {
                return nil
            }
            return quietest
        }
    }

    /// Takes a connection over from another event loop, and goes on with its login.
    func adopt(_ descriptor: CInt, on loop: any EventLoop, _ moved: LoginHandler.Moved) {
        ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try self.admitConnection(channel, hasMoved: true)
                try channel.pipeline.syncOperations.addHandler(LoginHandler(server: self, moved))
            }
        }.withConnectedSocket(descriptor).whenFailure { error in
            self.logger.warning("a connection is lost on its way to its event loop", metadata: ["error": "\(error)"])
        }
    }

    /// Makes each event loop's poller, once, where loops are to poll.
    func openPollers() async throws {
        guard let span = self.pollingSpan, self.state.withLock({ $0.pollers.isEmpty }) else { return }
        for loop in self.group.makeIterator() {
            let poller = try await LoopPoller.open(on: loop, span: span).get()
            self.state.withLock { $0.pollers[ObjectIdentifier(loop)] = poller }
        }
    }

    func poller(on loop: any EventLoop) -> LoopPoller? {
        self.state.withLock { $0.pollers[ObjectIdentifier(loop)] }?.value
    }
}
