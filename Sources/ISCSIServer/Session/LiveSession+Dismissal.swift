// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// Why connections have to go that did nothing wrong.
struct Dismissal: Sendable {
    /// In words, for the log.
    var reason: String
    /// How long an initiator has to log out, once it was asked to; zero where it is not asked.
    var patience: TimeAmount
    /// Whether what is in flight is answered before the connection is dropped.
    var drains = false
}

/// How the target parts with an initiator of its own accord (RFC 7143 §11.9.1).
///
///     asked to log out ──logout──► closed
///           │ patience is over
///           └────► told that it is dropped ──► closed
extension LiveSession {
    /// Parts with the initiator for good; nothing of the session is recovered any more.
    func dismiss(_ dismissal: Dismissal) {
        self.endRecovery()
        self.ask(self.connections, dismissal) { live in
            guard !dismissal.drains else { return live.drain() }
            for handler in live.connections { handler.drop(.dropsSession, reason: dismissal.reason) }
        }
    }

    /// Parts with some of the connections; the session goes on with the others, and ends where there are none. The future
    /// tells when they have ended.
    func dismiss(_ handlers: [ConnectionHandler], _ dismissal: Dismissal) -> EventLoopFuture<Void> {
        let gone = self.loop.makePromise(of: Void.self)
        self.ask(handlers, dismissal) { live in
            for handler in handlers {
                let goesOn = live.connections.contains { other in !handlers.contains { $0 === other } }
                handler.drop(
                    goesOn ? .dropsConnection(isRecoverable: live.recoversConnections) : .dropsSession,
                    reason: dismissal.reason)
            }
            let idle = handlers.map { $0.whenIdle($0.aborted) }
            EventLoopFuture.andAllComplete(idle, on: live.loop).cascade(to: gone)
        }
        // They may be gone long before.
        EventLoopFuture.andAllComplete(handlers.map(\.channel.closeFuture), on: self.loop).cascade(to: gone)
        return gone.futureResult
    }

    /// Calls `then` when the initiator has had its time to log out.
    private func ask(
        _ handlers: [ConnectionHandler], _ dismissal: Dismissal, _ then: @escaping (LiveSession) -> Void
    ) {
        guard dismissal.patience > .zero, !handlers.isEmpty, !self.session.login.isDiscovery else { return then(self) }
        // A fraction of a second counts as a whole one.
        let seconds = UInt16(clamping: (dismissal.patience.nanoseconds + 999_999_999) / 1_000_000_000)
        for handler in handlers { handler.announce(.logoutRequest(withinSeconds: seconds)) }
        let bound = NIOLoopBound((self, then), eventLoop: self.loop)
        self.loop.scheduleTask(in: dismissal.patience) { bound.value.1(bound.value.0) }
    }
}

extension ConnectionHandler {
    /// Tells the initiator something that it did not ask for. Before its login has been answered there is nothing to tell.
    func announce(_ event: AsyncEvent) {
        guard self.isOpen, self.context != nil || self.relay != nil else { return }
        self.connection.announce(event, output: &self.output)
        self.flush()
    }

    /// Drops the connection, of which the initiator is told; with what it has in flight, unless that can be recovered.
    func drop(_ event: AsyncEvent, reason: String) {
        guard self.isOpen else { return }
        if !self.session.login.isDiscovery { self.announce(event) }
        guard case .dropsConnection(isRecoverable: true) = event else { return self.close(reason: reason) }
        self.flush()
        let channel = self.channel
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
        self.suspend()
    }
}
