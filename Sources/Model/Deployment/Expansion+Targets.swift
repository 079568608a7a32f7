// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

extension Target {
    /// The target without the entries that have errors; nil where it has one itself.
    ///
    /// A portal group whose attributes cannot be read is left out as a whole: what it allows is not known.
    func sound(at path: String, isUsable: (String) -> Bool) -> Target? {
        guard isUsable("\(path).wwn") else { return nil }
        var target = self
        target.portalGroups = self.portalGroups.enumerated().compactMap { index, group in
            group.sound(at: "\(path).tpgs[\(index)]", isUsable: isUsable)
        }
        return target
    }
}

extension PortalGroup {
    fileprivate func sound(at path: String, isUsable: (String) -> Bool) -> PortalGroup? {
        guard ["tag", "attributes", "chap_mutual_password"].allSatisfy({ isUsable("\(path).\($0)") }) else {
            return nil
        }
        func kept<Element>(_ elements: [Element], _ key: String) -> [Element] {
            elements.enumerated().filter { isUsable("\(path).\(key)[\($0.offset)]") }.map(\.element)
        }
        var group = self
        group.luns = kept(self.luns, "luns")
        group.portals = kept(self.portals, "portals")
        group.nodeACLs = self.nodeACLs.enumerated().compactMap { index, acl in
            let path = "\(path).node_acls[\(index)]"
            guard ["node_wwn", "attributes", "chap_mutual_password"].allSatisfy({ isUsable("\(path).\($0)") }) else {
                return nil
            }
            var acl = acl
            acl.mappedLUNs = acl.mappedLUNs.enumerated().filter { isUsable("\(path).mapped_luns[\($0.offset)]") }
                .map(\.element)
            return acl
        }
        return group
    }
}

extension ServedGroup {
    /// - Parameter backstores: those that there are; LUNs of others are left out.
    init?(_ group: PortalGroup, portals: Set<PortalAddress>, backstores: TreeDictionary<String, Backstore>) {
        guard let tag = UInt16(exactly: group.tag) else { return nil }
        var luns: [UInt16: String] = [:]
        for lun in group.luns where backstores[lun.storageObject] != nil {
            if let number = UInt16(exactly: lun.index) { luns[number] = lun.storageObject }
        }
        self.init(
            tag: tag, alias: group.parameters?["TargetAlias"]?.plainText.flatMap { $0.isEmpty ? nil : $0 },
            portals: portals, luns: luns, access: ServedAccess(group), parameters: ServedParameters(group))
        self.loginSeconds = group.attributes?["login_timeout"]?.plainText.flatMap { UInt32($0) }
        if let address = group.text("redirect_address").flatMap(Self.redirectionAddress) {
            self.redirection = Redirection(
                address: address, isPermanent: group.attribute("redirect_permanently", default: 0) != 0)
        }
    }

    /// A numeric address, with a port and a portal group tag or without, as RFC 7143 §13.8 spells it; nil for others.
    static func redirectionAddress(_ text: String) -> String? {
        let halves = text.split(separator: ",", omittingEmptySubsequences: false)
        if halves.count == 2, UInt16(halves[1]) == nil { return nil }
        guard halves.count <= 2, let place = halves.first else { return nil }
        let tag = halves.count == 2 ? ",\(halves[1])" : ""
        if let address = IPAddress(String(place)) {
            return (address.isIPv4 ? "\(address)" : "[\(address)]") + tag
        }
        return PortalAddress(String(place)).map { $0.description + tag }
    }
}

extension ServedAccess.Patience {
    fileprivate init(_ acl: NodeACL) {
        // rtslib writes every default out: it is nobody's wish.
        func seconds(_ name: String) -> UInt32? {
            guard let value = acl.attribute(name), "\(value)" != TreeSettings.aclAttributes[name] else { return nil }
            return UInt32(exactly: value)
        }
        self.init(
            ping: seconds("nopin_timeout"), pingAnswer: seconds("nopin_response_timeout"),
            dataOut: seconds("dataout_timeout"), dataOutRetries: seconds("dataout_timeout_retries"))
    }
}

extension ServedAccess {
    fileprivate init(_ group: PortalGroup) {
        self.init()
        self.networks = group.allowedNetworks ?? []
        self.remembersInitiators = group.attribute("cache_dynamic_acls", default: 0) != 0
        if group.isDemoMode {
            self.demoMode = DemoMode(
                authentication: group.authentication(of: nil),
                isWriteProtected: group.attribute("demo_mode_write_protect", default: 1) != 0,
                isDiscoverable: group.attribute("demo_mode_discovery", default: 1) != 0)
        }
        let isProtected = group.attribute("prod_mode_write_protect", default: 0) != 0
        for acl in group.nodeACLs {
            var list = List()
            list.authentication = group.authentication(of: acl)
            list.networks = acl.allowedNetworks ?? []
            list.patience = Patience(acl)
            var mappings: [UInt16: Mapping] = [:]
            for mapped in acl.mappedLUNs {
                guard let number = UInt16(exactly: mapped.index), let groupLUN = UInt16(exactly: mapped.tpgLUN) else {
                    continue
                }
                mappings[number] = Mapping(
                    groupLUN: groupLUN, isWriteProtected: mapped.writeProtect ?? isProtected)
            }
            list.mappings = mappings
            self.lists[acl.nodeWWN] = list
        }
    }
}
