// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A target as it is served.
package struct ServedTarget: Hashable, Sendable {
    package var name: String
    /// By tag.
    package var groups: [ServedGroup]

    package init(name: String, groups: [ServedGroup]) {
        self.name = name
        self.groups = groups
    }

    /// A target with one portal group, reached by every portal, whose LUNs all initiators that may log in see alike.
    ///
    /// - Parameter initiators: who may log in; nil for everybody.
    package init(
        name: String, portalGroupTag: UInt16 = 1, luns: [UInt16: String], initiators: Set<String>?,
        authentication: ServedAuthentication = .none, holder: String? = nil
    ) {
        var access = ServedAccess()
        if let initiators {
            var list = ServedAccess.List()
            list.authentication = authentication
            list.holder = holder
            for name in initiators { access.lists[name] = list }
        } else {
            access.demoMode = ServedAccess.DemoMode(isWriteProtected: false)
        }
        self.init(name: name, groups: [ServedGroup(tag: portalGroupTag, luns: luns, access: access)])
    }

    /// The backstores behind its LUNs.
    package var backstores: Set<String> {
        self.groups.reduce(into: []) { $0.formUnion($1.luns.values) }
    }

    /// The initiators that may log in to some group of it; nil where one of them lets everybody in.
    package var initiators: Set<String>? {
        guard self.groups.allSatisfy({ $0.access.demoMode == nil }) else { return nil }
        return self.groups.reduce(into: []) { $0.formUnion($1.access.lists.keys) }
    }
}

/// A portal group as it is served.
package struct ServedGroup: Hashable, Sendable {
    package var tag: UInt16
    package var alias: String?
    /// The addresses that lead to it; nil for all that are listened on.
    package var portals: Set<PortalAddress>?
    /// Backstores by LUN.
    package var luns: [UInt16: String]
    package var access: ServedAccess
    /// Where its initiators are sent instead.
    package var redirection: Redirection?
    /// What its sessions may agree on; nil for all that the target can.
    package var parameters: ServedParameters?
    /// Seconds that a login may take; nil where nothing is set.
    package var loginSeconds: UInt32?

    package struct Redirection: Hashable, Sendable {
        /// As RFC 7143 §13.8 spells a TargetAddress.
        package var address: String
        package var isPermanent: Bool

        package init(address: String, isPermanent: Bool) {
            self.address = address
            self.isPermanent = isPermanent
        }
    }

    package init(
        tag: UInt16, alias: String? = nil, portals: Set<PortalAddress>? = nil, luns: [UInt16: String] = [:],
        access: ServedAccess = ServedAccess(), redirection: Redirection? = nil,
        parameters: ServedParameters? = nil
    ) {
        self.tag = tag
        self.alias = alias
        self.portals = portals
        self.luns = luns
        self.access = access
        self.redirection = redirection
        self.parameters = parameters
    }
}

/// Who may log in to a portal group.
package struct ServedAccess: Hashable, Sendable {
    /// By initiator name.
    package var lists: [String: List] = [:]
    /// nil where only initiators with an ACL may log in.
    package var demoMode: DemoMode?
    /// Empty for everywhere.
    package var networks: [IPNetwork] = []
    package var remembersInitiators = false

    package init() {}

    /// A node ACL.
    package struct List: Hashable, Sendable {
        package var authentication = ServedAuthentication.none
        /// The initiator's LUNs; nil where it sees those of the group.
        package var mappings: [UInt16: Mapping]?
        /// The client whose credentials, made for each of its boots, are to be proved instead.
        package var holder: String?
        /// Empty for everywhere.
        package var networks: [IPNetwork] = []
        package var patience = Patience()

        package init() {}
    }

    /// How long the initiator is waited for, in seconds; nil where nothing is set.
    package struct Patience: Hashable, Sendable {
        package var ping: UInt32?
        package var pingAnswer: UInt32?
        package var dataOut: UInt32?
        package var dataOutRetries: UInt32?
    }

    package struct Mapping: Hashable, Sendable {
        package var groupLUN: UInt16
        package var isWriteProtected: Bool
    }

    package struct DemoMode: Hashable, Sendable {
        package var authentication = ServedAuthentication.none
        package var isWriteProtected: Bool
        package var isDiscoverable = true
    }
}

/// What an initiator has to prove.
package enum ServedAuthentication: Hashable, Sendable {
    case none
    /// Nothing, but who wants to prove themselves is asked for this.
    case optional(ServedCHAP)
    case required(ServedCHAP)
    /// Something, but nothing is set to prove it by; the reason says what.
    case impossible(reason: String)
}

/// The CHAP credentials in force for a login.
package struct ServedCHAP: Hashable, Sendable {
    package var user: CHAPAccount
    /// What the target proves itself with.
    package var target: CHAPAccount?
    /// Numbers of IANA's registry, the best first.
    package var algorithms: [Int]

    package init(user: CHAPAccount, target: CHAPAccount? = nil, algorithms: [Int] = ServedCHAP.allAlgorithms) {
        self.user = user
        self.target = target
        self.algorithms = algorithms
    }

    /// SHA3-256, SHA-256, SHA1, MD5.
    package static let allAlgorithms = [8, 7, 6, 5]
}

/// A name with its secret, which no description, dump or log shows.
package struct CHAPAccount: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    package let name: String
    package let secret: String

    /// Nil where either is missing.
    package init?(name: String?, secret: String?) {
        guard let name, let secret, !name.isEmpty, !secret.isEmpty else { return nil }
        self.name = name
        self.secret = secret
    }

    package var description: String { "\(self.name):(hidden)" }
    package var customMirror: Mirror { Mirror(self, children: ["name": self.name]) }
}
