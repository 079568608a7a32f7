// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// Between which addresses a connection runs.
struct Route: Sendable {
    let local: Endpoint?
    let remote: Endpoint?
    let localHost: String?
    let remoteHost: String?

    init(_ channel: any Channel) {
        self.local = Endpoint(channel.localAddress)
        self.remote = Endpoint(channel.remoteAddress)
        self.localHost = channel.localAddress?.ipAddress
        self.remoteHost = channel.remoteAddress?.ipAddress
    }

    var source: [UInt8] { self.remote?.bytes ?? [] }
}

/// Decides for one connection who may log in, to what.
struct ConnectionAuthority: LoginAuthority {
    let server: ISCSIServer
    let route: Route
    /// Told of the portal group that the login leads to.
    let reached: (PortalGroupDefinition) -> Void

    func decide(_ identity: LoginIdentity) -> LoginDecision {
        guard let name = identity.targetName else {
            return .admitted(portalGroupTag: 1, alias: nil, authentication: self.server.discoveryAuthentication)
        }
        switch self.server.admission(of: identity.initiatorName, to: name, self.route) {
        case .failure(let refusal):
            return .refused(refusal.status, reason: refusal.reason)
        case .success(let admission):
            self.reached(admission.group)
            if let redirection = admission.group.redirection {
                return .redirected(to: redirection.address, isPermanent: redirection.isPermanent)
            }
            return .admitted(
                portalGroupTag: admission.group.tag, alias: admission.group.alias,
                authentication: admission.grant.holder.map { self.server.credentials($0, self.route.remoteHost) }
                    ?? admission.grant.authentication,
                offer: admission.group.offer)
        }
    }
}

/// A portal group, and what it grants an initiator.
struct Admission: Sendable {
    let group: PortalGroupDefinition
    let grant: AccessGrant

    var view: UnitView { self.group.view(self.grant.luns) }
}

struct AdmissionRefusal: Error {
    let status: LoginStatus
    let reason: String
}

extension ISCSIServer {
    /// Whether an initiator may log in to a target.
    ///
    /// - Parameter tag: the portal group; nil for the one that the connection's local address leads to.
    func admission(
        of initiator: String, to name: String, group tag: UInt16? = nil, _ route: Route
    ) -> Result<Admission, AdmissionRefusal> {
        let (target, group, remembered) = self.registered(name, tag, route, initiator)
        guard target else {
            return .failure(AdmissionRefusal(status: .targetNotFound, reason: "there is no target \(name)"))
        }
        guard let group else {
            return .failure(
                AdmissionRefusal(status: .targetNotFound, reason: "no portal of \(name) has the address that was used"))
        }
        switch group.access.grant(to: initiator, from: route.source, remembered: remembered) {
        case .success(let grant):
            return .success(Admission(group: group, grant: grant))
        case .failure(.notListed):
            return .failure(
                AdmissionRefusal(
                    status: .authorizationFailure, reason: "initiator \(initiator) is not in acls of \(name)"))
        case .failure(.foreignNetwork):
            return .failure(
                AdmissionRefusal(
                    status: .authorizationFailure,
                    reason: "initiator \(initiator) comes from a network that \(name) does not allow"))
        }
    }

    /// What this initiator may discover of all targets, or of the one named: by the portals of the address family that
    /// it came by, and by others only where there are none of that.
    func discover(by session: Session, named name: String?) -> [DiscoveredTarget] {
        let initiator = session.login.identity.initiatorName
        let route = session.route
        let (targets, listening) = self.shown(to: initiator, route, named: name)
        return targets.sorted { $0.name < $1.name }.compactMap { target in
            let portals = target.groups.flatMap { group in
                (group.portals ?? listening).compactMap { portal in
                    portal.told(route, listening).map { (isNear: $0.isNear, text: "\($0.portal),\(group.tag)") }
                }.sorted { $0.text < $1.text }
            }
            let near = portals.filter(\.isNear)
            let addresses = (near.isEmpty ? portals : near).map(\.text)
            guard !addresses.isEmpty else { return nil }
            return DiscoveredTarget(name: target.name, addresses: addresses)
        }
    }
}

extension Portal {
    /// The portal as an initiator is told of it, and whether it is of the family that the initiator came by; nil where
    /// nobody listens there. For one on all addresses it is the address that the initiator reached us by.
    fileprivate func told(_ route: Route, _ listening: Set<Portal>) -> (portal: Portal, isNear: Bool)? {
        guard let endpoint = self.endpoint,
            listening.contains(where: { $0.endpoint == endpoint || $0.endpoint?.isWildcard(for: endpoint) ?? false })
        else { return nil }
        // A link-local address is good on its link alone; by which interface, each host says for itself (RFC 4007 §6).
        guard !endpoint.isLinkLocal || endpoint.scope == route.local?.scope else { return nil }
        let isNear = endpoint.isIPv4 == route.local?.isIPv4
        let host = endpoint.isUnspecified ? route.localHost : self.host
        guard let host, isNear || !endpoint.isUnspecified else { return nil }
        return (Portal(host: String(host.prefix { $0 != "%" }), port: self.port), isNear)
    }
}
