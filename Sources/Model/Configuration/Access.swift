// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What of LIO's attributes and credentials says who may log in. Attributes that LIO does not have: `allowed_networks` of
/// portal groups and ACLs; `chap_algorithms`, `redirect_address`, `redirect_permanently` of portal groups.
extension PortalGroup {
    /// Whether initiators must prove who they are (CHAP): the attribute, or an AuthMethod that leaves no choice.
    package var wantsAuthentication: Bool {
        if self.attribute("authentication", default: 0) != 0 { return true }
        guard let methods = self.parameters?["AuthMethod"]?.plainText else { return false }
        return !methods.isEmpty && !methods.split(separator: ",").contains("None")
    }

    /// The group's own credentials, for demo mode.
    package var credentials: Credentials {
        Credentials(members: self.remainder.unknown, prefix: "chap_")
    }

    /// The value of an attribute that is text; nil where it is absent or empty.
    package func text(_ name: String) -> String? {
        self.attributes?[name]?.plainText.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whence initiators may come: empty for everywhere, nil where it cannot be read.
    package var allowedNetworks: [IPNetwork]? {
        self.text("allowed_networks").map(IPNetwork.list) ?? []
    }

    /// CHAP's algorithms in the order of preference; nil where they cannot be read.
    package var algorithms: [Int]? {
        guard let text = self.text("chap_algorithms") else { return ServedCHAP.allAlgorithms }
        let words = text.split { $0 == "," || $0 == " " }
        let numbers = words.compactMap { Int($0) }.filter(ServedCHAP.allAlgorithms.contains)
        return numbers.count == words.count && Set(numbers).count == numbers.count ? numbers : nil
    }

    /// What initiators without an ACL, or with this one, have to prove.
    func authentication(of acl: NodeACL?) -> ServedAuthentication {
        let isRequired =
            switch acl?.attribute("authentication") ?? -1 {
            case 0: false
            case 1...: true
            default: self.wantsAuthentication
            }
        let own = acl?.credentials
        // In demo mode the group's credentials hold for those that have none of their own.
        let isGroups = own == nil || (own?.user == nil && self.isDemoMode)
        return (isGroups ? self.credentials : own ?? self.credentials).authentication(
            isRequired: isRequired, algorithms: self.algorithms ?? [],
            place: isGroups ? "tpg\(self.tag)" : "acls/\(acl?.nodeWWN ?? "")")
    }
}

extension NodeACL {
    /// The initiator's own credentials.
    package var credentials: Credentials {
        var credentials = Credentials(members: self.remainder.unknown, prefix: "chap_")
        credentials.userID = self.chapUserID
        credentials.password = self.chapPassword
        return credentials
    }

    /// An attribute that LIO writes as an integer.
    package func attribute(_ name: String) -> Int? {
        guard case .object(let attributes)? = self.remainder.unknown["attributes"] else { return nil }
        return attributes[name]?.plainText.flatMap { Int($0) }
    }

    /// Whence this initiator may come: empty for everywhere, nil where it cannot be read.
    package var allowedNetworks: [IPNetwork]? {
        guard case .object(let attributes)? = self.remainder.unknown["attributes"],
            let text = attributes["allowed_networks"]?.plainText
        else { return [] }
        return IPNetwork.list(text)
    }
}

/// What LIO keeps of CHAP at one place: the initiator's name and secret, and the target's.
package struct Credentials: Hashable, Sendable {
    package var userID: String?
    package var password: String?
    package var mutualUserID: String?
    package var mutualPassword: String?

    init(members: [String: JSONValue], prefix: String) {
        func text(_ name: String) -> String? { members[prefix + name]?.plainText }
        self.userID = text("userid")
        self.password = text("password")
        self.mutualUserID = text("mutual_userid")
        self.mutualPassword = text("mutual_password")
    }

    package var user: CHAPAccount? { CHAPAccount(name: self.userID, secret: self.password) }
    package var target: CHAPAccount? { CHAPAccount(name: self.mutualUserID, secret: self.mutualPassword) }

    func authentication(isRequired: Bool, algorithms: [Int], place: String) -> ServedAuthentication {
        guard let user else {
            return isRequired
                ? .impossible(reason: "\(place) requires authentication and has no userid and password: set auth")
                : .none
        }
        let chap = ServedCHAP(user: user, target: self.target, algorithms: algorithms)
        return isRequired ? .required(chap) : .optional(chap)
    }
}

/// CHAP for discovery sessions, which rtslib keeps in `fabric_modules`.
extension Configuration {
    private static let fabricKey = "fabric_modules"

    /// The members of iSCSI's entry.
    var iscsiFabric: [String: JSONValue] {
        get {
            guard case .array(let entries)? = self.remainder.unknown[Self.fabricKey] else { return [:] }
            return entries.lazy.compactMap(Self.iscsiMembers).first ?? [:]
        }
        set {
            var entries: [JSONValue] = []
            if case .array(let present)? = self.remainder.unknown[Self.fabricKey] { entries = present }
            let entry = JSONValue.object(newValue.merging(["name": .string("iscsi")]) { _, name in name })
            if let index = entries.firstIndex(where: { Self.iscsiMembers($0) != nil }) {
                entries[index] = entry
            } else {
                entries.append(entry)
            }
            self.remainder.unknown[Self.fabricKey] = .array(entries)
        }
    }

    private static func iscsiMembers(_ entry: JSONValue) -> [String: JSONValue]? {
        guard case .object(let members) = entry, members["name"] == .string("iscsi") else { return nil }
        return members
    }

    package var wantsDiscoveryAuthentication: Bool {
        switch self.iscsiFabric["discovery_enable_auth"] {
        case .boolean(let isEnabled): isEnabled
        case .integer(let number): number != 0
        case .string(let text): ["1", "true", "yes"].contains(text.lowercased())
        default: false
        }
    }

    package var discoveryCredentials: Credentials {
        Credentials(members: self.iscsiFabric, prefix: "discovery_")
    }

    var discoveryAuthentication: ServedAuthentication {
        guard self.wantsDiscoveryAuthentication else { return .none }
        return self.discoveryCredentials.authentication(
            isRequired: true, algorithms: ServedCHAP.allAlgorithms, place: "discovery")
    }
}
