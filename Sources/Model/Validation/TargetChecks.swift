// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    mutating func checkTargets() {
        let backstores = Set(self.configuration.storageObjects.map(\.path))
        for (index, target) in self.configuration.targets.enumerated() {
            let place = Place.targetName(index)
            if self.unchanged.targets[index], target.fabric == "iscsi", target.usesOnly(backstores.contains) {
                self.claim(target: target.wwn, at: place, isKnown: true)
                continue
            }
            let path = "targets[\(index)]"
            guard target.fabric == "iscsi" else {
                self.warn("\(path).fabric", "\(target.fabric) targets are not served", "the entry is kept")
                continue
            }
            self.claim(target: target.wwn, at: place)
            self.check(target, hasBackstore: backstores.contains, at: path)
        }
    }

    /// What can be said of a target's portal groups without looking at other targets.
    mutating func check(_ target: Target, hasBackstore: (String) -> Bool, at path: String) {
        var portals: [PortalAddress: Int] = [:]
        var tags: Set<Int> = []
        for (index, group) in target.portalGroups.enumerated() {
            let path = "\(path).tpgs[\(index)]"
            if !(1...65_535).contains(group.tag) {
                self.error("\(path).tag", "\(group.tag) is not a portal group tag", "write 1 to 65535")
            } else if !tags.insert(group.tag).inserted {
                self.error("\(path).tag", "the target has another portal group \(group.tag)", "choose another tag")
            }
            self.checkAccess(to: group, at: path)
            self.checkParameters(of: group, at: path)
            self.checkLUNs(of: group, hasBackstore: hasBackstore, at: path)
            self.checkPortals(of: group, at: path, taken: &portals)
        }
    }

    private mutating func checkAccess(to group: PortalGroup, at path: String) {
        self.checkAttributes(of: group, at: path)
        var names: Set<String> = []
        for (index, acl) in group.nodeACLs.enumerated() {
            let path = "\(path).node_acls[\(index)]"
            if let flaw = Naming.flaw(inISCSIName: acl.nodeWWN) {
                self.error(
                    "\(path).node_wwn", "\(acl.nodeWWN) is not an iSCSI name: \(flaw)",
                    "write the initiator's name as its /etc/iscsi/initiatorname.iscsi has it")
            } else if !names.insert(acl.nodeWWN).inserted {
                self.error("\(path).node_wwn", "\(acl.nodeWWN) has an ACL already", "remove one of them")
            }
            self.checkAuthentication(of: acl, in: group, at: path)
            self.checkMappings(of: acl, in: group, at: path)
        }
    }

    private mutating func checkMappings(of acl: NodeACL, in group: PortalGroup, at path: String) {
        let luns = Set(group.luns.map(\.index))
        var numbers: Set<Int> = []
        for (index, mapped) in acl.mappedLUNs.enumerated() {
            let path = "\(path).mapped_luns[\(index)]"
            if !luns.contains(mapped.tpgLUN) {
                self.error("\(path).tpg_lun", "the portal group has no LUN \(mapped.tpgLUN)", "map one it has")
            }
            if !(0...Limits.highestLUN).contains(mapped.index) {
                self.error("\(path).index", "\(mapped.index) is not a LUN", "write 0 to \(Limits.highestLUN)")
            } else if !numbers.insert(mapped.index).inserted {
                self.error("\(path).index", "the ACL maps another LUN to \(mapped.index)", "choose another number")
            }
        }
    }

    private mutating func checkLUNs(of group: PortalGroup, hasBackstore: (String) -> Bool, at path: String) {
        var indices: Set<Int> = []
        for (index, lun) in group.luns.enumerated() {
            let path = "\(path).luns[\(index)]"
            if !(0...Limits.highestLUN).contains(lun.index) {
                self.error("\(path).index", "\(lun.index) is not a LUN", "write 0 to \(Limits.highestLUN)")
            } else if !indices.insert(lun.index).inserted {
                self.error("\(path).index", "the portal group has another LUN \(lun.index)", "choose another number")
            }
            if !hasBackstore(lun.storageObject) {
                self.error(
                    "\(path).storage_object", "there is no backstore \(lun.storageObject)",
                    "name one of storage_objects: /backstores/<plugin>/<name>")
            }
        }
    }

    private mutating func checkPortals(
        of group: PortalGroup, at path: String, taken: inout [PortalAddress: Int]
    ) {
        var seen: [PortalAddress] = []
        for (index, portal) in group.portals.enumerated() {
            let path = "\(path).portals[\(index)]"
            self.checkPort(portal.port, at: "\(path).port")
            if let address = IPAddress(portal.ipAddress), address.isLinkLocal, address.zone == nil {
                self.error(
                    "\(path).ip_address", "\(portal.ipAddress) is an address on each interface",
                    "name the one that is meant: \(address)%eth0")
                continue
            }
            guard let address = IPAddress(portal.ipAddress) else {
                self.error(
                    "\(path).ip_address", "\(portal.ipAddress) is not a numeric address",
                    "write 0.0.0.0 for all, or an address of this host")
                continue
            }
            guard let port = UInt16(exactly: portal.port) else { continue }
            let portal = PortalAddress(address: address, port: port)
            if let other = seen.first(where: { $0.covers(portal) || portal.covers($0) }) {
                self.error(path, "portal \(portal) overlaps with \(other)", "remove one of them")
            } else if let tag = taken.updateValue(group.tag, forKey: portal), tag != group.tag {
                self.error(
                    path, "portal \(portal) is one of the target's tpg\(tag) too",
                    "give each of a target's portal groups portals of its own")
            }
            seen.append(portal)
        }
    }
}

extension Target {
    /// Whether every LUN's backstore is one of those.
    func usesOnly(_ isOne: (String) -> Bool) -> Bool {
        self.portalGroups.allSatisfy { $0.luns.allSatisfy { isOne($0.storageObject) } }
    }
}
