// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// Connection recovery (RFC 7143 §7.2.2, error recovery level 2).
///
///     serving ──fails──► suspended ──recovery logout, or its CID again──► its tasks may be reassigned
///                            │                                                 │
///                            └──── DefaultTime2Wait + DefaultTime2Retain ──────┴──► ended, with the tasks left
///
/// A suspended connection is a connection without a socket. Its tasks go on as far as they can without one: stores answer,
/// writes whose data has come are written, statuses are kept. Whoever takes a task over goes on from there.
extension LiveSession {
    /// Whether a connection that fails now may be recovered.
    var recoversConnections: Bool {
        self.machine.parameters.errorRecoveryLevel == 2 && !self.isEnding
    }

    /// How long a suspended connection waits.
    var retention: TimeAmount {
        let parameters = self.machine.parameters
        return .seconds(Int64(parameters.defaultTime2WaitSeconds) + Int64(parameters.defaultTime2RetainSeconds))
    }

    /// The connections of that CID, suspended ones too.
    func connections(id: UInt16) -> [ConnectionHandler] {
        (self.connections + self.suspendedConnections).filter { $0.connection.login.connectionID == id }
    }

    /// A recovery logout of these connections, or a new one of their CID: their tasks may be reassigned now.
    func release(_ handlers: [ConnectionHandler]) {
        for handler in handlers {
            if handler.phase != .suspended {
                handler.channel.close(promise: nil)
                guard self.recoversConnections else {
                    handler.ended(reason: "logged out by another connection")
                    continue
                }
                handler.suspend()
            }
            handler.isReleased = true
            self.machine.logOut(connection: handler.connection.number)
            handler.waitForRecovery()
            self.endIfRecovered(handler)
        }
    }

    /// Ends a suspended connection that has nothing left to give; the session's last one waits for the next all the same.
    func endIfRecovered(_ handler: ConnectionHandler) {
        guard handler.isReleased, handler.pending.isEmpty, !handler.connection.hasUnacknowledgedStatus,
            !self.connections.isEmpty
        else { return }
        handler.ended(reason: "another connection has taken its place")
    }
}

extension ConnectionHandler {
    /// The connection has failed, but its tasks live on for a while.
    func suspend() {
        self.phase = .suspended
        self.stopWatchingPeer()
        self.context = nil
        self.relay = nil
        self.output.clear()
        self.waitForRecovery()
        self.live.suspended(self)
    }

    /// The time to recover the connection begins, or begins anew with a recovery logout (RFC 7143 §11.15).
    func waitForRecovery() {
        self.expiry?.cancel()
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.expiry = self.loop.scheduleTask(in: self.live.retention) {
            bound.value.ended(reason: "the initiator did not recover the connection")
        }
    }

    /// The connection that goes on with a task which began on this one.
    func owner(of task: PendingTask) -> ConnectionHandler {
        task.reassigned ?? self
    }

    /// TASK REASSIGN (RFC 7143 §11.5.1): the answer leaves before the task goes on. Its LUN field is reserved.
    func reassign(_ request: TaskManagementRequest) {
        let tag = request.referencedTaskTag
        guard self.live.machine.parameters.errorRecoveryLevel == 2 else {
            return self.answer(request, .reassignmentNotSupported)
        }
        guard !self.live.machine.isManagement(tag) else { return self.answer(request, .rejected) }
        guard !self.live.connections.contains(where: { $0.connection.hasTask(tag) }) else {
            return self.answer(request, .stillAllegiant)
        }
        guard let old = self.live.suspendedConnections.first(where: { $0.connection.hasTask(tag) }) else {
            return self.answer(request, .noSuchTask)
        }
        guard old.isReleased else { return self.answer(request, .stillAllegiant) }
        // What was sent may have been too much to be kept.
        guard old.connection.canGiveUp(tag) else { return self.answer(request, .rejected) }
        self.answer(request, .complete)
        if let task = old.pending[tag] { self.adopt(task, from: old) }
        self.connection.takeOver(
            tag, from: &old.connection, expDataSN: request.expDataSN, output: &self.output)
        self.live.endIfRecovered(old)
        self.schedulePass()
    }

    private func adopt(_ task: PendingTask, from old: ConnectionHandler) {
        let tag = task.command.initiatorTaskTag
        old.pending[tag] = nil
        self.pending[tag] = task
        task.reassigned = self
        old.requestsInFlight -= task.requestsInFlight
        self.requestsInFlight += task.requestsInFlight
        old.requestedReadBytes -= task.requestedReadBytes
        self.requestedReadBytes += task.requestedReadBytes
        guard old.waitingReads.contains(where: { $0 === task }) else { return }
        old.waitingReads.removeAll { $0 === task }
        self.waitingReads.append(task)
    }
}
