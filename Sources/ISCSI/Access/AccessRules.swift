// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Who may log in to a portal group, what they have to prove, and which of its LUNs they see: LIO's rules.
///
///     initiator ──► has an ACL? ──yes──► its networks, its authentication, its mapped LUNs
///                        │ no
///                        ▼
///                   demo mode? ──yes──► the group's authentication, the group's own LUNs
///                        │ no
///                        ▼
///              let in by demo mode before, and remembered? ──yes──► as it was then
///                        │ no
///                        ▼
///                     refused
package struct AccessRules: Sendable, Hashable {
    /// By initiator name, in lower case.
    package var lists: [String: AccessList]
    /// nil where only initiators with an ACL are let in.
    package var demoMode: DemoMode?
    /// Whence initiators may come; empty for everywhere.
    package var networks: [SourceNetwork]
    /// Whether those that demo mode has let in stay admitted when it is switched off (LIO's cache_dynamic_acls).
    package var remembersInitiators: Bool

    package init(
        lists: [String: AccessList] = [:], demoMode: DemoMode? = nil, networks: [SourceNetwork] = [],
        remembersInitiators: Bool = false
    ) {
        self.lists = Dictionary(lists.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        self.demoMode = demoMode
        self.networks = networks
        self.remembersInitiators = remembersInitiators
    }
}

/// What one initiator may do (a node ACL).
package struct AccessList: Sendable, Hashable {
    package var authentication: Authentication
    package var luns: VisibleLUNs
    /// Whence it may come; empty for everywhere.
    package var networks: [SourceNetwork]
    package var patience: Patience
    /// Whose credentials, which are made anew from time to time, it has to have, in the place of `authentication`.
    package var holder: String?

    package init(
        authentication: Authentication = .none, luns: VisibleLUNs = .own(isWriteProtected: false),
        networks: [SourceNetwork] = [], patience: Patience = Patience(), holder: String? = nil
    ) {
        self.holder = holder
        self.authentication = authentication
        self.luns = luns
        self.networks = networks
        self.patience = patience
    }
}

/// How long one initiator is waited for; nil is as long as any other.
package struct Patience: Sendable, Hashable {
    /// Milliseconds of silence after which it is pinged, if it knows pings; 0 for never (LIO's nopin_timeout).
    package var pingMilliseconds: UInt32?
    /// Milliseconds that it has to answer a ping (nopin_response_timeout).
    package var pingAnswerMilliseconds: UInt32?
    /// Milliseconds that it has to send data which it was asked for (dataout_timeout), and how often it is asked again
    /// (dataout_timeout_retries).
    package var dataOutMilliseconds: UInt32?
    package var dataOutRetries: UInt32?

    package init() {}
}

/// What initiators without an ACL may do (LIO's demo mode, `generate_node_acls`).
package struct DemoMode: Sendable, Hashable {
    package var authentication: Authentication
    package var isWriteProtected: Bool
    /// Whether discovery shows them the target.
    package var isDiscoverable: Bool

    package init(authentication: Authentication = .none, isWriteProtected: Bool = false, isDiscoverable: Bool = true) {
        self.authentication = authentication
        self.isWriteProtected = isWriteProtected
        self.isDiscoverable = isDiscoverable
    }
}

/// The LUNs that one initiator sees.
package enum VisibleLUNs: Sendable, Hashable {
    /// Those of the portal group, by its numbers.
    case own(isWriteProtected: Bool)
    /// By the initiator's number: what it stands for.
    case mapped([UInt16: LUNMapping])
}

/// A LUN of the portal group under a number of the initiator's own.
package struct LUNMapping: Sendable, Hashable {
    package var groupLUN: UInt16
    package var isWriteProtected: Bool

    package init(groupLUN: UInt16, isWriteProtected: Bool = false) {
        self.groupLUN = groupLUN
        self.isWriteProtected = isWriteProtected
    }
}

/// What an initiator that is let in gets.
package struct AccessGrant: Sendable, Hashable {
    package var authentication: Authentication
    package var luns: VisibleLUNs
    /// Whether demo mode lets it in.
    package var isDynamic = false
    package var patience = Patience()
    /// As its access list has it.
    package var holder: String?
}

extension AccessRules {
    /// Why an initiator is not let in, in words for the operator.
    package enum Denial: Error, Sendable, Hashable {
        case notListed
        case foreignNetwork
    }

    /// - Parameters:
    ///   - address: where the initiator comes from, 4 or 16 bytes.
    ///   - remembered: what demo mode granted it before, if it did.
    package func grant(
        to initiator: String, from address: [UInt8], remembered: AccessGrant? = nil
    ) -> Result<AccessGrant, Denial> {
        let list = self.lists[initiator]
        guard Self.allows(self.networks, address), Self.allows(list?.networks ?? [], address) else {
            return .failure(.foreignNetwork)
        }
        if let list {
            return .success(
                AccessGrant(
                    authentication: list.authentication, luns: list.luns, patience: list.patience,
                    holder: list.holder))
        }
        if let demoMode {
            return .success(
                AccessGrant(
                    authentication: demoMode.authentication, luns: .own(isWriteProtected: demoMode.isWriteProtected),
                    isDynamic: true))
        }
        guard self.remembersInitiators, let remembered else { return .failure(.notListed) }
        return .success(remembered)
    }

    /// Whether discovery tells this initiator of the target.
    package func shows(to initiator: String, from address: [UInt8], remembered: AccessGrant? = nil) -> Bool {
        guard case .success(let grant) = self.grant(to: initiator, from: address, remembered: remembered) else {
            return false
        }
        return !grant.isDynamic || self.demoMode?.isDiscoverable ?? true
    }

    private static func allows(_ networks: [SourceNetwork], _ address: [UInt8]) -> Bool {
        networks.isEmpty || networks.contains { $0.contains(address) }
    }
}
