// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI
package import NIOCore

/// A target and the portal groups by which it is reached.
package struct TargetDefinition: Sendable {
    /// An iqn., eui. or naa. name.
    package var name: String
    package var groups: [PortalGroupDefinition]

    package init(name: String, groups: [PortalGroupDefinition]) {
        self.name = name
        self.groups = groups
    }

    /// A target with one portal group, which all portals lead to.
    package init(
        name: String, alias: String? = nil, portalGroupTag: UInt16 = 1, units: [UInt16: ServedUnit],
        access: AccessRules, offer: SessionOffer = SessionOffer()
    ) {
        self.init(
            name: name,
            groups: [
                PortalGroupDefinition(tag: portalGroupTag, alias: alias, units: units, access: access, offer: offer)
            ])
    }

    func group(_ tag: UInt16) -> PortalGroupDefinition? {
        self.groups.first { $0.tag == tag }
    }

    /// The group that a connection to a local address and port reaches: one that has this very address before one that
    /// has all addresses, and that before one that any portal leads to.
    func group(reachedAt local: Endpoint) -> PortalGroupDefinition? {
        self.groups.first { $0.portals?.contains { $0.endpoint == local } ?? false }
            ?? self.groups.first { $0.portals?.contains { $0.endpoint?.isWildcard(for: local) ?? false } ?? false }
            ?? self.groups.first { $0.portals == nil }
    }
}

/// A portal group of a target (TPG): its own LUNs, and its own rules of who may log in.
package struct PortalGroupDefinition: Sendable {
    package var tag: UInt16
    package var alias: String?
    /// The addresses that lead to it; nil for every portal that is listened on.
    package var portals: Set<Portal>?
    /// The units by LUN.
    package var units: [UInt16: ServedUnit]
    package var access: AccessRules
    /// Where initiators are sent instead of being let in.
    package var redirection: Redirection?
    /// What its sessions may agree on.
    package var offer: SessionOffer
    /// How long a login may take (LIO's login_timeout); nil for as long as any other.
    package var loginTime: TimeAmount?

    package struct Redirection: Sendable, Hashable {
        /// As RFC 7143 §13.8 spells a TargetAddress.
        package var address: String
        package var isPermanent: Bool

        package init(address: String, isPermanent: Bool) {
            self.address = address
            self.isPermanent = isPermanent
        }
    }

    package init(
        tag: UInt16, alias: String? = nil, portals: Set<Portal>? = nil, units: [UInt16: ServedUnit],
        access: AccessRules, redirection: Redirection? = nil, offer: SessionOffer = SessionOffer(),
        loginTime: TimeAmount? = nil
    ) {
        self.tag = tag
        self.alias = alias
        self.portals = portals
        self.units = units
        self.access = access
        self.redirection = redirection
        self.offer = offer
        self.loginTime = loginTime
    }

    /// What an initiator sees of the group's units.
    func view(_ luns: VisibleLUNs) -> UnitView {
        switch luns {
        case .own(let isWriteProtected):
            return UnitView(units: self.units, protected: isWriteProtected ? Set(self.units.keys) : [])
        case .mapped(let mappings):
            let present = mappings.filter { self.units[$0.value.groupLUN] != nil }
            return UnitView(
                units: present.compactMapValues { self.units[$0.groupLUN] },
                protected: Set(present.filter(\.value.isWriteProtected).keys))
        }
    }
}

/// The units that a session may reach, by its own LUNs.
struct UnitView: Sendable {
    var units: [UInt16: ServedUnit] = [:]
    /// LUNs that the session may not write to.
    var protected: Set<UInt16> = []
}

extension AccessRules {
    /// Lets everybody in, to all LUNs.
    package static let anyone = AccessRules(demoMode: DemoMode())

    /// Lets those named in, to all LUNs.
    package static func initiators(_ names: Set<String>) -> AccessRules {
        AccessRules(lists: Dictionary(names.map { ($0, AccessList()) }) { first, _ in first })
    }
}
