// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
package import ISCSI
package import Logging
package import NIOCore
import NIOPosix
import SCSI
import Synchronization

/// The iSCSI target: portals that accept connections, targets that they lead to, sessions that are there.
///
/// What connections share is in one locked value that only logins, logouts, discovery and administration touch; no
/// command ever takes that lock.
package final class ISCSIServer: Sendable {
    package typealias Observer = @Sendable (SessionEvent) -> Void
    /// What the holder named in an access list has to prove now, coming from an address. Called on event loops.
    package typealias Credentials = @Sendable (_ holder: String, _ address: String?) -> Authentication

    let logger: Logger
    let observer: Observer
    let times: ServerTimes
    /// How long event loops poll after they have answered; nil where they sleep at once.
    let pollingSpan: TimeAmount?
    private let maxSessions: Int
    let credentials: Credentials
    let group: any EventLoopGroup
    let state = Mutex(State())

    struct State: ~Copyable {
        var isStopping = false
        var targets: [String: TargetDefinition] = [:]
        var discoveryAuthentication = Authentication.none
        /// What demo mode granted, where it is to be remembered: by target, group and initiator.
        var remembered: [String: [UInt16: [String: AccessGrant]]] = [:]
        var portals: [Portal: any Channel] = [:]
        /// Of the event loops, where they poll.
        var pollers: [ObjectIdentifier: NIOLoopBound<LoopPoller>] = [:]
        /// Sessions by id, from login until no store works for them.
        var sessions: [UInt64: Entry] = [:]
        var connections = 0
        /// How many sessions each event loop has, discovery aside.
        var sessionsOfLoops: [ObjectIdentifier: Int] = [:]
        var nextSession: UInt64 = 1
        var nextTSIH: UInt16 = 1
    }

    /// A session among the others.
    struct Entry {
        let session: Session
        let live: NIOLoopBound<LiveSession>
        /// False once it has left: its store requests may still be under way.
        var isLive = true
        let finished: EventLoopPromise<Void>
    }

    package init(
        group: any EventLoopGroup, logger: Logger, times: ServerTimes = ServerTimes(),
        maxSessions: Int = ServerLimits.connections, pollingSpan: TimeAmount? = nil,
        credentials: @escaping Credentials = { holder, _ in .impossible(reason: "\(holder) has no credentials") },
        observer: @escaping Observer
    ) {
        self.credentials = credentials
        self.group = group
        self.logger = logger
        self.times = times
        self.maxSessions = maxSessions
        self.pollingSpan = pollingSpan
        // Buffers come and go with each large write; by default malloc gives them back to the kernel, and takes them anew.
        clinux_keep_freed_memory(CInt(ServerLimits.reusedPieceBytes), CInt(ServerLimits.keptFreedBytes))
        self.observer = observer
    }
}

// MARK: - Portals

extension ISCSIServer {
    /// Accepts connections at `portal`.
    ///
    /// - Returns: the portal with the port that was bound, where 0 was asked for.
    @discardableResult
    package func listen(_ portal: Portal) async throws(PortalError) -> Portal {
        do {
            try await self.openPollers()
        } catch {
            throw PortalError(portal, error)
        }
        var bootstrap = ServerBootstrap(group: self.group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.admitConnection(channel)
                    try channel.pipeline.syncOperations.addHandler(LoginHandler(server: self))
                }
            }
        if portal.host.contains(":") {
            // `::` shall not take IPv4 too: 0.0.0.0 may be a portal beside it.
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: portal.host, port: portal.port).get()
        } catch {
            throw PortalError(portal, error)
        }
        let bound = Portal(host: portal.host, port: channel.localAddress?.port ?? portal.port)
        self.state.withLock { $0.portals[bound] = channel }
        return bound
    }

    /// Accepts no more connections at `portal`, and parts with those that came by it.
    package func stopListening(_ portal: Portal) async {
        let (channel, listening) = self.state.withLock { state in
            (state.portals.removeValue(forKey: portal), Set(state.portals.keys))
        }
        try? await channel?.close()
        await self.dismissConnections(of: self.lives { _ in true }, reason: "portal \(portal) was removed") { local in
            portal.leads(to: local) && !listening.contains { $0.leads(to: local) }
        }
    }

    /// Parts with the connections whose local addresses match.
    func dismissConnections(
        of lives: [NIOLoopBound<LiveSession>], reason: String, where matches: @escaping @Sendable (Endpoint) -> Bool
    ) async {
        let dismissal = Dismissal(reason: reason, patience: self.times.logout)
        let gone = lives.map { live in
            live.eventLoop.flatSubmit {
                let handlers = live.value.connections.filter { handler in
                    Endpoint(handler.channel.localAddress).map(matches) ?? false
                }
                guard !handlers.isEmpty else { return live.eventLoop.makeSucceededVoidFuture() }
                return live.value.dismiss(handlers, dismissal)
            }
        }
        for future in gone { try? await future.get() }
    }

    /// Counts a connection in, and sets its channel up.
    ///
    /// - Parameter hasMoved: it was let in already, by another event loop.
    func admitConnection(_ channel: any Channel, hasMoved: Bool = false) throws {
        let isAdmitted = self.state.withLock { state in
            guard hasMoved || !state.isStopping && state.connections < ServerLimits.connections else { return false }
            state.connections += 1
            return true
        }
        guard isAdmitted else { throw ChannelError.alreadyClosed }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { $0.connections -= 1 }
        }
        let options = channel.syncOptions
        try options?.setOption(.maxMessagesPerRead, value: 4)
        try options?.setOption(
            .recvAllocator,
            value: AdaptiveRecvByteBufferAllocator(
                minimum: 2_048, initial: 16_384, maximum: ServerLimits.receiveBufferBytes))
        try options?.setOption(
            .writeBufferWaterMark,
            value: .init(low: ServerLimits.pendingOutputBytes / 2, high: ServerLimits.pendingOutputBytes))
    }
}

// MARK: - Sessions

/// What became of a login that wanted to become a session, or a connection of one.
enum SessionEntry: Sendable {
    case entered(EnteredConnection)
    case refused(LoginStatus, reason: String)
}

/// A connection that has its place in a session, whose login is yet to be answered.
struct EnteredConnection: Sendable {
    let tsih: UInt16
    /// The session's command window, for the answer.
    let window: (expCmdSN: UInt32, maxCmdSN: UInt32)
    let handler: NIOLoopBound<ConnectionHandler>
}

extension ISCSIServer {
    /// Enters a connection: the first of a new session, or a further one of the session that the login names. A session
    /// of the same initiator port is ended before a new one begins (session reinstatement, RFC 7143 §6.3.5).
    ///
    /// - Parameter statSN: the first StatSN of the full-feature phase.
    func enter(_ login: EstablishedLogin, channel: any Channel, statSN: UInt32) -> EventLoopFuture<SessionEntry> {
        enum Step {
            case refused(LoginStatus, reason: String)
            case admit(to: NIOLoopBound<LiveSession>)
            case afterEnd(of: Entry)
        }
        let step: Step = self.state.withLock { state in
            guard !state.isStopping else {
                return .refused(.serviceUnavailable, reason: "the server stops")
            }
            if login.tsih != 0 {
                let joined = state.sessions.values.first {
                    $0.isLive && $0.session.tsih == login.tsih && $0.session.login.isSameInitiatorPort(as: login)
                }
                guard let joined else {
                    return .refused(.sessionDoesNotExist, reason: "there is no session \(login.tsih)")
                }
                guard joined.session.login.isSamePort(as: login) else {
                    return .refused(
                        .cannotIncludeInSession,
                        reason: "session \(login.tsih) is one of portal group \(joined.session.login.portalGroupTag)")
                }
                return .admit(to: joined.live)
            }
            if let old = state.sessions.values.first(where: { $0.session.login.isSamePort(as: login) }) {
                return .afterEnd(of: old)
            }
            guard state.sessions.count < self.maxSessions else {
                return .refused(.outOfResources, reason: "there are \(state.sessions.count) sessions")
            }
            // The target may have gone since the login began.
            if let name = login.identity.targetName, state.targets[name]?.group(login.portalGroupTag) == nil {
                return .refused(.targetRemoved, reason: "target \(name) was removed")
            }
            let session = Session(id: state.nextSession, tsih: state.freeTSIH(), login: login, channel: channel)
            state.nextSession += 1
            let live = NIOLoopBound(LiveSession(server: self, session: session), eventLoop: channel.eventLoop)
            if !login.isDiscovery { state.sessionsOfLoops[ObjectIdentifier(channel.eventLoop), default: 0] += 1 }
            state.sessions[session.id] = Entry(
                session: session, live: live, finished: channel.eventLoop.makePromise(of: Void.self))
            return .admit(to: live)
        }
        switch step {
        case .afterEnd(let old):
            old.cutOff()
            return old.finished.futureResult.hop(to: channel.eventLoop).flatMap {
                self.enter(login, channel: channel, statSN: statSN)
            }
        case .admit(let live):
            return live.eventLoop.flatSubmit {
                live.value.admit(login, channel: channel, statSN: statSN)
            }.hop(to: channel.eventLoop)
        case .refused(let status, let reason):
            return channel.eventLoop.makeSucceededFuture(.refused(status, reason: reason))
        }
    }

    /// The session begins: it gets its units, and they learn of the new nexus.
    func attach(_ live: LiveSession) {
        let session = live.session
        if !session.login.isDiscovery { self.giveUnits(to: live) }
        self.observer(.loggedIn(session.snapshot()))
    }

    /// The session is over, but for what its stores still work on.
    ///
    /// - Parameter reason: nil where nobody was told that it had begun.
    func leave(_ session: Session, reason: String?) {
        self.state.withLock { $0.sessions[session.id]?.isLive = false }
        guard let reason else { return }
        self.observer(.loggedOut(session.snapshot(), reason: reason))
    }

    /// Nothing is under way for the session any longer.
    func forget(_ session: Session) {
        let entry = self.state.withLock { state in
            let entry = state.sessions.removeValue(forKey: session.id)
            if entry != nil, !session.login.isDiscovery {
                state.sessionsOfLoops[ObjectIdentifier(session.loop), default: 0] -= 1
            }
            return entry
        }
        entry?.finished.succeed()
    }

    /// Aborts the tasks at `unit` of every session but one, and waits for those that sessions have left there; each
    /// future tells when that is done.
    func abortTasks(
        of unit: ServedUnit, except id: UInt64, by cause: AbortCause.OfOthers
    ) -> [EventLoopFuture<Void>] {
        self.abortTasks(of: unit, by: cause) { $0.id != id }
    }

    /// Aborts the tasks at `unit` of the nexuses; tells when that is done.
    func abortTasks(of unit: ServedUnit, ofNexuses ids: Set<UInt64>) -> [EventLoopFuture<Void>] {
        self.abortTasks(of: unit, by: .preempting) { ids.contains($0.nexus.id) }
    }

    private func abortTasks(
        of unit: ServedUnit, by cause: AbortCause.OfOthers, where matches: (Session) -> Bool
    ) -> [EventLoopFuture<Void>] {
        self.lives(where: matches).map { live in
            live.eventLoop.flatSubmit { live.value.abortTasks(of: unit, by: .other(cause)) }
        }
    }

    /// The sessions that match, each for its event loop.
    func lives(where matches: (Session) -> Bool) -> [NIOLoopBound<LiveSession>] {
        self.state.withLock { state in
            state.sessions.values.filter { matches($0.session) }.map(\.live)
        }
    }
}

extension ISCSIServer.Entry {
    /// Ends the session for good; the future tells when no store works for it any longer.
    func dismiss(_ dismissal: Dismissal) -> EventLoopFuture<Void> {
        let live = self.live
        live.eventLoop.execute { live.value.dismiss(dismissal) }
        return self.finished.futureResult
    }

    /// Closes all connections of the session.
    func cutOff() {
        let live = self.live
        live.eventLoop.execute { live.value.cutOff() }
    }
}

extension EstablishedLogin {
    /// Whether both are of one initiator port with one target.
    fileprivate func isSameInitiatorPort(as other: EstablishedLogin) -> Bool {
        self.identity.initiatorName == other.identity.initiatorName && self.identity.isid == other.identity.isid
            && self.identity.targetName == other.identity.targetName
    }

    /// Whether both are of one initiator port with one target portal group.
    fileprivate func isSamePort(as other: EstablishedLogin) -> Bool {
        self.isSameInitiatorPort(as: other) && self.portalGroupTag == other.portalGroupTag
    }
}

extension ISCSIServer.State {
    /// A target session identifying handle that no session has; never 0.
    fileprivate mutating func freeTSIH() -> UInt16 {
        let taken = Set(self.sessions.values.map(\.session.tsih))
        repeat {
            defer { self.nextTSIH = self.nextTSIH == .max ? 1 : self.nextTSIH + 1 }
            guard taken.contains(self.nextTSIH) else { return self.nextTSIH }
        } while true
    }
}

// MARK: - The end

extension ISCSIServer {
    /// Takes no more connections, asks initiators to log out, answers what is in flight, and ends every session; those that
    /// are not done after `grace` are cut off. When it returns, no store is used any longer.
    package func shutdown(grace: Duration) async {
        let (portals, entries) = self.state.withLock { state in
            state.isStopping = true
            defer { state.portals.removeAll() }
            return (Array(state.portals.values), Array(state.sessions.values))
        }
        for portal in portals {
            try? await portal.close()
        }
        let patience = min(self.times.logout, TimeAmount(grace / 2))
        let dismissal = Dismissal(reason: "the server stops", patience: patience, drains: true)
        let channels = entries.map { entry in
            let live = entry.live
            return live.eventLoop.submit {
                defer { live.value.dismiss(dismissal) }
                return live.value.connections.map(\.channel)
            }
        }
        let cutOff = Task {
            try await Task.sleep(for: grace)
            for entry in entries { entry.cutOff() }
        }
        for entry in entries {
            try? await entry.finished.futureResult.get()
        }
        // The last answers may still be on their way.
        for future in channels {
            for channel in (try? await future.get()) ?? [] {
                try? await channel.closeFuture.get()
            }
        }
        cutOff.cancel()
        let pollers = self.state.withLock { state in
            defer { state.pollers.removeAll() }
            return Array(state.pollers.values)
        }
        for poller in pollers {
            try? await poller.eventLoop.submit { poller.value.close() }.get()
        }
    }
}
