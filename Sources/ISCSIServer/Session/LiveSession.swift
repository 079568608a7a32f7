// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import SCSI

/// A session on its event loop, which is that of its first connection: its connections, and the units it may reach.
///
/// Everything of a session happens on this one loop, so that its connections share the command order and the tasks
/// without a lock. A later connection whose socket is on another loop is relayed (`RelayHandler`): the sockets' system
/// calls spread over the cores, the session's decisions stay in one place.
///
///     entered ──► connections come and go ──► the last has gone ──► no store works for it ──► forgotten
final class LiveSession {
    let server: ISCSIServer
    let session: Session
    let machine: TargetSession
    private(set) var connections: [ConnectionHandler] = []
    /// Connections that have failed and may be recovered.
    private(set) var suspendedConnections: [ConnectionHandler] = []
    /// Whether the session is to end: nothing is recovered any more.
    private(set) var isEnding = false
    /// Connections that have ended while stores work for tasks of theirs.
    private(set) var leaving: [ConnectionHandler] = []
    /// Connections that wait for the one whose place they take.
    private var joining = 0
    var units: [UInt16: ServedUnit] = [:]
    /// LUNs that the session may not write to.
    private var protected: Set<UInt16> = []
    var luns: [LUN] = []
    /// How long its initiator is waited for.
    var patience = Patience()
    /// Task management that waits for data which the initiator was asked for.
    var abandonedDataEnd: EventLoopPromise<Void>?
    /// Whether the session has been told of: one whose login ends at the last moment never is.
    private var hasBegun = false
    private(set) var isOver = false
    /// Where the session's loop polls. A session is made under the server's lock, which telling this takes.
    private(set) lazy var poller: LoopPoller? = self.server.poller(on: self.loop)

    init(server: ISCSIServer, session: Session) {
        self.server = server
        self.session = session
        self.machine = TargetSession(login: session.login)
    }

    var loop: any EventLoop {
        self.session.loop
    }

    func connection(number: UInt32) -> ConnectionHandler? {
        self.connections.first { $0.connection.number == number }
    }

    func connection(id: UInt16) -> ConnectionHandler? {
        self.connections.first { $0.connection.login.connectionID == id }
    }

    /// The connection that an open task is allegiant to, and the task.
    func pendingTask(_ tag: UInt32) -> (handler: ConnectionHandler, task: PendingTask)? {
        for handler in self.connections + self.suspendedConnections {
            if let task = handler.pending[tag] { return (handler, task) }
        }
        return nil
    }

    /// Gives commands whose turn has come to the connections that they came on.
    func deliverHeld() {
        while let held = self.machine.nextHeld() {
            self.connection(number: held.connection)?.deliver(held.pdu)
        }
    }
}

// MARK: - Connections come and go

extension LiveSession {
    /// Enters a connection. One of the same CID is ended first (connection reinstatement, RFC 7143 §6.3.4).
    ///
    /// - Parameter statSN: the first StatSN of its full-feature phase.
    func admit(_ login: EstablishedLogin, channel: any Channel, statSN: UInt32) -> EventLoopFuture<SessionEntry> {
        guard !self.isOver else {
            return self.loop.makeSucceededFuture(
                .refused(.sessionDoesNotExist, reason: "session \(self.session.tsih) is over"))
        }
        let old = self.connection(id: login.connectionID)
        let limit = self.session.login.parameters.maxConnections
        guard old != nil || self.connections.count + self.joining < Int(limit) else {
            return self.loop.makeSucceededFuture(
                .refused(.tooManyConnections, reason: "the session has the \(limit) connections that were agreed"))
        }
        if self.recoversConnections {
            // At level 2 that is a recovery logout too: the tasks live on (RFC 7143 §6.3.4).
            let before = self.connections(id: login.connectionID)
            let entry = self.enter(login, channel, statSN)
            self.release(before)
            return self.loop.makeSucceededFuture(entry)
        }
        guard let old else { return self.loop.makeSucceededFuture(self.enter(login, channel, statSN)) }
        self.joining += 1
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        return self.end(old, reason: "the initiator put another connection in its place").map {
            bound.value.joining -= 1
            return bound.value.enter(login, channel, statSN)
        }
    }

    private func enter(_ login: EstablishedLogin, _ channel: any Channel, _ statSN: UInt32) -> SessionEntry {
        var login = login
        login.parameters = self.session.login.parameters.joined(by: login.parameters)
        let handler = ConnectionHandler(live: self, login: login, channel: channel, statSN: statSN)
        self.connections.append(handler)
        return .entered(
            EnteredConnection(
                tsih: self.session.tsih, window: self.machine.currentWindow,
                handler: NIOLoopBound(handler, eventLoop: self.loop)))
    }

    /// A connection's full-feature phase begins; the session's with its first.
    func began() {
        guard !self.hasBegun else { return }
        self.hasBegun = true
        self.server.attach(self)
    }

    /// Ends a connection at once; the future tells when no store works for a task of it.
    func end(_ handler: ConnectionHandler, reason: String) -> EventLoopFuture<Void> {
        let channel = handler.channel
        handler.flush()
        handler.ended(reason: reason)
        channel.close(promise: nil)
        return handler.whenIdle(handler.aborted)
    }

    /// A connection has ended; with the last of them the session is over.
    func left(_ handler: ConnectionHandler, reason: String) {
        self.machine.logOut(connection: handler.connection.number)
        self.machine.forgetHeld(of: handler.connection.number)
        self.machine.connectionFailed(handler.connection.number, hasEnded: true)
        self.connections.removeAll { $0 === handler }
        self.suspendedConnections.removeAll { $0 === handler }
        self.leaving.append(handler)
        self.abandonedDataEnded()
        self.sendReadyResponses()
        guard self.connections.isEmpty, self.suspendedConnections.isEmpty, self.joining == 0, !self.isOver else {
            return
        }
        self.isOver = true
        let nexus = self.session.nexus.id
        for unit in self.allUnits {
            unit.nexusEnded(nexus)
        }
        self.server.leave(self.session, reason: self.hasBegun ? reason : nil)
    }

    /// A connection has failed and may be recovered.
    func suspended(_ handler: ConnectionHandler) {
        self.machine.forgetHeld(of: handler.connection.number)
        self.machine.connectionFailed(handler.connection.number, hasEnded: false)
        self.connections.removeAll { $0 === handler }
        self.suspendedConnections.append(handler)
        self.abandonedDataEnded()
        self.sendReadyResponses()
        // As many may wait as may serve: an initiator that only ever fails does not fill our memory.
        if self.suspendedConnections.count > Int(self.machine.parameters.maxConnections) {
            self.suspendedConnections[0].ended(reason: "too many connections wait to be recovered")
        }
    }

    /// No store works for a connection that has ended. When that holds for all, the session is over for good.
    func idle(_ handler: ConnectionHandler) {
        self.leaving.removeAll { $0 === handler }
        if self.isOver, self.leaving.isEmpty { self.server.forget(self.session) }
    }

    /// Closes all connections at once.
    func cutOff() {
        self.endRecovery()
        for handler in self.connections {
            handler.channel.close(promise: nil)
        }
    }

    /// The session is to end: nothing waits for the initiator any more.
    func endRecovery() {
        self.isEnding = true
        for handler in self.suspendedConnections {
            handler.ended(reason: "the session ends")
        }
    }

    /// Answers what is in flight, then ends; the channels close when the last answers have left.
    func drain() {
        for handler in self.connections { handler.drain() }
    }
}

// MARK: - Units

extension LiveSession {
    /// The nexus as commands to `lun` meet it.
    func nexus(at lun: LUN) -> Nexus {
        self.protected.isEmpty || !self.protected.contains(lun.number)
            ? self.session.nexus : self.session.protectedNexus
    }

    /// The nexus as copies meet it that write to a unit: whoever may write to it by one of its LUNs may.
    func nexus(with unit: ServedUnit) -> Nexus {
        self.units.contains { $0.value === unit && !self.protected.contains($0.key) }
            ? self.session.nexus : self.session.protectedNexus
    }

    /// Puts `view` in the place of what the session saw before. Units that are new to the session learn of its nexus, those that are
    /// gone forget it, and its tasks there are aborted; the future tells when no store works for those any longer.
    @discardableResult
    func setUnits(_ view: UnitView) -> EventLoopFuture<Void> {
        let units = view.units
        let before = Self.distinct(self.units)
        let after = Self.distinct(units)
        let dropped = before.filter { after[$0.key] == nil }.values
        guard !self.isOver else {
            return self.whenIdle { task in dropped.contains { $0 === task.unit } }
        }
        let isChanged = self.units.mapValues(ObjectIdentifier.init) != units.mapValues(ObjectIdentifier.init)
        self.units = units
        self.protected = view.protected
        self.luns = units.keys.compactMap { LUN($0) }.sorted()
        let nexus = self.session.nexus
        for (id, unit) in after {
            if before[id] == nil {
                unit.withUnit { $0.nexusBegan(nexus) }
            } else if isChanged {
                unit.withUnit { $0.lunInventoryChanged(for: nexus.id) }
            }
        }
        let aborted = dropped.map { self.abortTasks(of: $0) }
        for unit in dropped {
            unit.nexusEnded(nexus.id)
        }
        return EventLoopFuture.andAllSucceed(aborted, on: self.loop)
    }

    /// One unit may have several LUNs.
    private static func distinct(_ units: [UInt16: ServedUnit]) -> [ObjectIdentifier: ServedUnit] {
        Dictionary(units.values.map { (ObjectIdentifier($0), $0) }) { first, _ in first }
    }

    var allUnits: [ServedUnit] {
        Array(Self.distinct(self.units).values)
    }
}

@available(*, unavailable)
extension LiveSession: Sendable {}
