// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI
import NIOCore
import SCSI
import Synchronization

extension ISCSIServer {
    /// Adds a target, or puts `definition` in the place of the one of the same name; sessions see the units that they
    /// may reach now. When it returns, no store works any longer for a session that lost its unit.
    package func setTarget(_ definition: TargetDefinition) async {
        let name = definition.name.lowercased()
        let sessions = self.state.withLock { state in
            state.targets[name] = definition
            state.remembered[name] = state.remembered[name]?.filter { definition.group($0.key) != nil }
            return state.sessions.values.filter { $0.session.nexus.targetName == name }
        }
        let updated = sessions.map(self.update)
        for future in updated { try? await future.get() }
        // Those that came by a portal that leads elsewhere now.
        for entry in sessions {
            let tag = entry.session.login.portalGroupTag
            await self.dismissConnections(of: [entry.live], reason: "\(name) has this portal no longer") { local in
                definition.group(reachedAt: local)?.tag != tag
            }
        }
    }

    /// Gives a session what it may reach now, or ends it where it would no longer be let in.
    private func update(_ entry: Entry) -> EventLoopFuture<Void> {
        let live = entry.live
        switch self.admission(of: entry.session) {
        case .success(let admission):
            return live.eventLoop.flatSubmit { live.value.setUnits(admission.view) }
        case .failure(let refusal) where refusal.status == .targetNotFound:
            return entry.dismiss(Dismissal(reason: "its portal group was removed", patience: self.times.logout))
        case .failure(let refusal):
            // Who is not let in any longer has nothing more to do here.
            return entry.dismiss(Dismissal(reason: refusal.reason, patience: .zero))
        }
    }

    /// Changes what initiators have to prove before they discover targets.
    package func setDiscoveryAuthentication(_ authentication: Authentication) async {
        self.state.withLock { $0.discoveryAuthentication = authentication }
    }

    var discoveryAuthentication: Authentication {
        self.state.withLock { $0.discoveryAuthentication }
    }

    /// Removes a target and ends its sessions.
    package func removeTarget(_ name: String) async {
        self.state.withLock { state in
            state.targets[name.lowercased()] = nil
            state.remembered[name.lowercased()] = nil
        }
        let dismissal = Dismissal(reason: "target \(name) was removed", patience: self.times.logout)
        for finished in self.endSessions(of: name.lowercased(), dismissal) {
            try? await finished.get()
        }
    }

    /// Ends a target's sessions; each future tells when no store works for one any longer.
    private func endSessions(of target: String, _ dismissal: Dismissal) -> [EventLoopFuture<Void>] {
        let entries = self.state.withLock { state in
            state.sessions.values.filter { $0.session.nexus.targetName == target }
        }
        return entries.map { $0.dismiss(dismissal) }
    }

    /// Closes all connections with a target, as a power cycle would: without a word.
    func cutOffSessions(of target: String) {
        for entry in self.state.withLock({ Array($0.sessions.values) }) where entry.session.nexus.targetName == target {
            entry.cutOff()
        }
    }

    /// Every session, those of discovery and of demo mode too.
    package func sessions() -> [SessionSnapshot] {
        self.state.withLock { state in
            state.sessions.values.filter(\.isLive).map(\.session)
        }.sorted { $0.id < $1.id }.map { $0.snapshot() }
    }
}

extension ISCSIServer {
    /// Whether there is such a target; the portal group asked for or else reached, and what demo mode granted there.
    func registered(
        _ name: String, _ tag: UInt16?, _ route: Route, _ initiator: String
    ) -> (target: Bool, group: PortalGroupDefinition?, remembered: AccessGrant?) {
        self.state.withLock { state in
            guard let target = state.targets[name] else { return (false, nil, nil) }
            let group = tag.map(target.group) ?? route.local.flatMap(target.group(reachedAt:))
            return (true, group, group.flatMap { state.remembered[name]?[$0.tag]?[initiator] })
        }
    }

    /// The targets with the groups that an initiator may discover, and the portals that are listened on.
    func shown(
        to initiator: String, _ route: Route, named name: String?
    ) -> (targets: [TargetDefinition], listening: Set<Portal>) {
        self.state.withLock { state in
            let named = name.map { name in state.targets[name].map { [$0] } ?? [] } ?? Array(state.targets.values)
            let targets = named.map { target in
                let grants = state.remembered[target.name.lowercased()] ?? [:]
                let groups = target.groups.filter {
                    $0.access.shows(to: initiator, from: route.source, remembered: grants[$0.tag]?[initiator])
                }
                return TargetDefinition(name: target.name, groups: groups)
            }
            return (targets, Set(state.portals.keys))
        }
    }

    /// Gives a session that begins the units that it may reach.
    func giveUnits(to live: LiveSession) {
        switch self.admission(of: live.session) {
        case .success(let admission):
            self.remember(admission, for: live.session)
            live.patience = admission.grant.patience
            live.setUnits(admission.view)
        case .failure:
            // It lost its right between its login's answer and now.
            live.cutOff()
        }
    }

    /// What a session's initiator may do now.
    private func admission(of session: Session) -> Result<Admission, AdmissionRefusal> {
        self.admission(
            of: session.login.identity.initiatorName, to: session.nexus.targetName, group: session.login.portalGroupTag,
            session.route)
    }

    /// Remembers what demo mode grants a session that begins, where the group says so.
    private func remember(_ admission: Admission, for session: Session) {
        guard admission.grant.isDynamic, admission.group.access.remembersInitiators else { return }
        let (name, initiator) = (session.nexus.targetName, session.login.identity.initiatorName)
        self.state.withLock { state in
            let known = state.remembered[name]?[admission.group.tag]?.count ?? 0
            guard known < ServerLimits.rememberedInitiators else { return }
            state.remembered[name, default: [:]][admission.group.tag, default: [:]][initiator] = admission.grant
        }
    }
}
