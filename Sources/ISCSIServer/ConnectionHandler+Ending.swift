// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import Logging
import NIOCore
import SCSI

/// How a connection ends.
///
///     logged out, drained ──► ended ──► the last answers leave ──► closed
///     dropped, cut off ─────► ended ──► closed
///
/// The session is over with `ended`; it is forgotten when no store works for it any longer.
extension ConnectionHandler {
    /// Ends the connection at once, for a reason that the operator should see.
    func drop(reason: String) {
        guard self.phase != .ended else { return }
        self.server.logger.warning(
            "connection dropped",
            metadata: [
                "initiator": "\(self.session.login.identity.initiatorName)",
                "remote": "\(self.session.remoteAddress)", "reason": "\(reason)",
            ])
        self.flush()
        let context = self.context
        self.ended(reason: reason)
        context?.close(promise: nil)
    }

    /// Ends the session, and closes the connection when the peer has read its last answers or has had its time for it.
    func close(reason: String) {
        guard self.phase != .ended else { return }
        self.flush()
        self.ended(reason: reason)
        let channel = self.session.channel
        // Writes leave in their order: nothing, written now, has left when all before it has.
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
        let cutOff = channel.eventLoop.scheduleTask(in: self.server.times.closing) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in cutOff.cancel() }
    }

    func ended(reason: String) {
        guard self.phase != .ended else { return }
        self.phase = .ended
        self.keepAlive?.cancel()
        self.abort(Array(self.pending.values))
        self.waitingReads.removeAll()
        let nexus = self.session.nexus.id
        for unit in self.allUnits {
            unit.withUnit { $0.nexusEnded(nexus) }
        }
        self.server.leave(self.session, reason: reason)
        self.reportIdle()
    }

    /// The session is over for good when no store works for it any longer.
    func reportIdle() {
        guard self.requestsInFlight == 0 else { return }
        self.server.forget(self.session)
        // Requests hold the handler, and the pipeline the context: end that when the last is answered.
        self.context = nil
    }

    /// Takes no more commands, answers those in flight, then closes.
    func drain() {
        guard self.phase == .serving else { return }
        self.phase = .draining
        self.closeIfDrained()
    }

    func closeIfDrained() {
        guard self.phase == .draining, self.pending.isEmpty else { return }
        self.close(reason: "the server stops")
    }

    /// Pings a silent initiator, and gives up on one that does not answer.
    func checkPeer() {
        guard self.connection.initiatorPings else { return }
        let silence = NIODeadline.now() - self.lastReceived
        guard silence >= self.server.times.keepAlive else { return }
        // Only a ping that was not answered tells: this side may have been asleep as well.
        guard !self.hasPinged else {
            return self.drop(
                reason: "the initiator has not answered for \(silence.nanoseconds / 1_000_000_000) s")
        }
        self.hasPinged = true
        self.connection.ping(output: &self.output)
        self.flush()
    }
}
