// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import SCSI

/// Who aborts the tasks of a session, which decides how the session learns of it.
enum AbortCause {
    /// Nobody has to be told: the unit is gone, or an error ended them (QERR).
    case nothing
    /// A SANITIZE of this session.
    case ownCommand
    /// Task management of this session, which came on that connection.
    case request(on: ConnectionHandler)
    /// Another session.
    case other(OfOthers)

    enum OfOthers: Sendable {
        case taskSetCleared
        case reset
        /// SANITIZE, or an error under QERR.
        case command
        case preempting
    }

    /// Whether a unit attention tells of the tasks that were lost, where TASK ABORTED does not.
    fileprivate var areCleared: Bool {
        switch self {
        case .ownCommand, .other(.taskSetCleared), .other(.command): true
        case .nothing, .request, .other(.reset), .other(.preempting): false
        }
    }

    fileprivate var isByOther: Bool {
        if case .other = self { true } else { false }
    }

    /// Whether it is task management, and the connection of this session that the request came on.
    fileprivate var management: (isManagement: Bool, issuer: ConnectionHandler?) {
        switch self {
        case .request(let handler): (true, handler)
        case .other(.taskSetCleared), .other(.reset): (true, nil)
        case .nothing, .ownCommand, .other(.command), .other(.preempting): (false, nil)
        }
    }
}

extension LiveSession {
    /// Aborts this session's tasks at `unit`; the future tells when no store works for them, nor for those that were
    /// aborted before.
    ///
    /// - Parameter spared: the one task that goes on.
    func abortTasks(
        of unit: ServedUnit, by cause: AbortCause = .nothing, except spared: PendingTask? = nil
    ) -> EventLoopFuture<Void> {
        let isReported = cause.isByOther && unit.withUnit { $0.reportsAbortedTasks }
        let (isManagement, issuer) = cause.management
        let isFast = self.machine.parameters.taskReporting == .fastAbort
        var count = 0
        for handler in self.connections + self.suspendedConnections {
            let tasks = handler.pending.values.filter { $0.unit === unit && $0 !== spared }
            count += tasks.count
            handler.abort(tasks, awaitsData: issuer != nil && !isFast)
            if isReported { handler.reportAborted(tasks) }
            guard isManagement, isFast, handler !== issuer else { continue }
            for lun in Set(tasks.map(\.command.lun)) { handler.announce(.terminatesTasks(lun: lun)) }
        }
        if cause.areCleared, !isReported, count > 0 {
            let nexus = self.session.nexus.id
            unit.withUnit { $0.tasksCleared(of: [nexus]) }
        }
        return self.whenIdle { $0.unit === unit }
    }

    /// The open tasks at `unit` whose order does not matter.
    func tasks(of unit: ServedUnit) -> [PendingTask] {
        (self.connections + self.suspendedConnections + self.leaving).flatMap { handler in
            handler.pending.values.filter { $0.unit === unit && $0.ticket == nil }
                + handler.aborted.filter { $0.unit === unit && $0.ticket == nil }
        }
    }

    /// Tells when no store works any longer for the aborted tasks that match.
    func whenIdle(_ matches: (PendingTask) -> Bool) -> EventLoopFuture<Void> {
        let idle = (self.connections + self.suspendedConnections + self.leaving).map {
            $0.whenIdle($0.aborted.filter(matches))
        }
        return EventLoopFuture.andAllSucceed(idle, on: self.loop)
    }
}

// MARK: - Data of tasks that were aborted

extension LiveSession {
    /// Tells when the initiator has ended the data that it was asked for, of the tasks that its own task management has
    /// aborted (RFC 7143 §4.2.3.3 a), or has had its time for that: Linux' initiator sends none of it unless it is
    /// configured to (`FastAbort = No`), whatever was agreed on.
    func whenAbandonedDataHasEnded() -> EventLoopFuture<Void> {
        guard self.machine.awaitsAbandonedData else { return self.loop.makeSucceededVoidFuture() }
        if let waiting = self.abandonedDataEnd { return waiting.futureResult }
        let end = self.loop.makePromise(of: Void.self)
        self.abandonedDataEnd = end
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        let limit = self.loop.scheduleTask(in: self.server.times.abandonedData) {
            bound.value.machine.stopAwaitingAbandonedData()
            bound.value.abandonedDataEnded()
        }
        end.futureResult.whenComplete { _ in limit.cancel() }
        return end.futureResult
    }

    /// Some of it has come, or will not come any more.
    func abandonedDataEnded() {
        guard !self.machine.awaitsAbandonedData, let end = self.abandonedDataEnd else { return }
        self.abandonedDataEnd = nil
        end.succeed()
    }
}

// MARK: - The order of responses

extension LiveSession {
    /// Gives responses whose turn has come to their connections, and pings those whose acknowledgement others wait for.
    func sendReadyResponses() {
        guard self.machine.fencesResponses else { return }
        while let response = self.machine.takeReadyResponse() {
            let handler = (self.connections + self.suspendedConnections).first {
                $0.connection.number == response.connection
            }
            guard let handler else { continue }
            handler.connection.send(response, output: &handler.output)
            handler.schedulePass()
        }
        for number in self.machine.takeConnectionsToPing() {
            guard let handler = self.connection(number: number) else { continue }
            handler.connection.ping(output: &handler.output)
            handler.schedulePass()
        }
    }
}
