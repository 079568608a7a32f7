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
/// With its last connection the session is over; it is forgotten when no store works for it any longer.
extension ConnectionHandler {
    /// Ends the connection at once, for a reason that the operator should see.
    func drop(reason: String) {
        guard self.phase != .ended else { return }
        // Discovery is often ended without a logout.
        self.server.logger.log(
            level: self.session.login.isDiscovery ? .debug : .warning, "connection dropped",
            metadata: [
                "initiator": "\(self.session.login.identity.initiatorName)",
                "remote": "\(self.channel.remoteAddress?.portalDescription ?? "unknown")", "reason": "\(reason)",
            ])
        self.flush()
        self.failed(reason: reason)
        self.channel.close(promise: nil)
    }

    /// Ends the connection, and closes the connection when the peer has read its last answers or has had its time for it.
    func close(reason: String) {
        guard self.phase != .ended else { return }
        self.flush()
        self.ended(reason: reason)
        let channel = self.channel
        // Writes leave in their order: nothing, written now, has left when all before it has.
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
        let cutOff = channel.eventLoop.scheduleTask(in: self.server.times.closing) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in cutOff.cancel() }
    }

    /// The connection has failed: it ends, or it waits for the initiator to recover it.
    func failed(reason: String) {
        guard self.phase != .suspended else { return }
        guard self.phase == .serving, self.live.recoversConnections else { return self.ended(reason: reason) }
        self.suspend()
    }

    func ended(reason: String) {
        guard self.phase != .ended else { return }
        self.phase = .ended
        self.stopWatchingPeer()
        self.expiry?.cancel()
        self.abort(Array(self.pending.values))
        self.waitingReads.removeAll()
        self.live.left(self, reason: reason)
        self.reportIdle()
    }

    /// The connection is over for good when no store works for it any longer.
    func reportIdle() {
        guard self.requestsInFlight == 0 else { return }
        self.live.idle(self)
        // Requests hold the handler, and the pipeline the context: end that when the last is answered.
        self.context = nil
        self.relay = nil
    }

    /// Logout (RFC 7143 §11.14): what is to be closed is, and then the answer leaves.
    func logOut(_ request: LogoutRequest) {
        let response = self.live.machine.response(to: request)
        guard response == .closed else { return self.respond(to: request, response) }
        switch request.reason {
        case .closeSession:
            self.live.endRecovery()
            for other in self.live.connections where other !== self {
                other.close(reason: "logged out")
            }
            self.respond(to: request, response)
            self.close(reason: "logged out")
        case .removeForRecovery:
            self.respond(to: request, response)
            if self.connection.login.connectionID == request.connectionID { self.flush() }
            self.live.release(self.live.connections(id: request.connectionID))
        case .closeConnection:
            for suspended in self.live.suspendedConnections
            where suspended.connection.login.connectionID == request.connectionID {
                suspended.ended(reason: "logged out by another connection")
            }
            guard let other = self.live.connection(id: request.connectionID) else {
                return self.respond(to: request, response)
            }
            guard other !== self else {
                self.respond(to: request, response)
                return self.close(reason: "logged out")
            }
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.live.end(other, reason: "logged out by another connection").whenComplete { _ in
                bound.value.respond(to: request, response)
                bound.value.schedulePass()
            }
        }
    }

    private func respond(to request: LogoutRequest, _ response: LogoutResponse) {
        guard self.phase != .ended else { return }
        self.connection.respond(to: request, response, output: &self.output)
    }

    /// Takes no more commands, answers those in flight, then closes.
    func drain() {
        guard self.phase == .serving else { return }
        self.phase = .draining
        self.closeIfDrained()
    }

    func closeIfDrained() {
        guard self.phase == .draining, self.pending.isEmpty,
            !self.live.machine.holdsResponse(of: self.connection.number)
        else { return }
        self.announce(.dropsSession)
        self.close(reason: "the server stops")
    }
}
