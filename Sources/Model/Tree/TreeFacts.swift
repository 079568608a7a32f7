// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Configuration {
    /// What `info` tells of the node at `path`, line by line; nil where there is none.
    package func facts(at path: TreePath) -> [String]? {
        guard let location = self.location(of: path) else { return nil }
        switch location {
        case .root:
            return ["storage objects: \(self.storageObjects.count)", "targets: \(self.targets.count)"]
        case .backstores: return ["plugins: \(Self.plugins.joined(separator: ", "))"]
        case .plugin(let plugin):
            let count = self.storageObjects.count { $0.plugin == plugin }
            return ["plugin: \(plugin)", "storage objects: \(count)"]
        case .iscsi:
            return [
                "Fabric module name: iscsi", "Allowed WWN types: iqn, naa, eui",
                "Fabric module features: acls, auth, discovery_auth, nps, tpgts",
                "discovery_enable_auth: \(self.wantsDiscoveryAuthentication)",
            ]
        case .aluaGroups(let index):
            return ["ALUA groups: \(self.storageObjects[index].effectiveALUAGroups.count)"]
        case .acls(let index): return ["ACLs: \(self[index].nodeACLs.count)"]
        case .luns(let index): return ["LUNs: \(self[index].luns.count)"]
        case .portals(let index): return ["portals: \(self[index].portals.count)"]
        case .acl(let index, let acl):
            let names = self[index].members(with: acl).map { self[index].nodeACLs[$0].nodeWWN }
            return self.scalars(at: path).filter { !$0.hasPrefix("node_wwn: ") } + ["wwns:"] + names
        default: return self.scalars(at: path)
        }
    }

    /// The members of the node's entry that are neither lists nor objects; secrets are not shown.
    private func scalars(at path: TreePath) -> [String] {
        guard case .object(let members)? = self.savedEntry(at: path)?.hidingSecrets else { return [] }
        return members.sorted { $0.key < $1.key }.compactMap { name, value in
            switch value {
            case .boolean(let isTrue): "\(name): \(isTrue)"
            default: value.plainText.map { "\(name): \($0)" }
            }
        }
    }

    /// A LUN as an initiator sees it.
    package struct Mapping: Hashable, Sendable {
        package var lun: Int
        /// `block/sda`.
        package var backstore: String
        package var isReadOnly: Bool
    }

    /// What an initiator reaches of a target: by its ACL, or else in demo mode.
    package func mappings(of initiator: String, at target: String) -> [Mapping] {
        let groups = self.targets.first { $0.wwn == target }?.portalGroups ?? []
        for group in groups {
            guard let acl = group.nodeACLs.first(where: { $0.nodeWWN == initiator }) else { continue }
            return acl.mappedLUNs.compactMap { mapped in
                group.luns.first { $0.index == mapped.tpgLUN }.map { lun in
                    Mapping(
                        lun: mapped.index, backstore: TreePath.shortName(ofBackstore: lun.storageObject),
                        isReadOnly: mapped.writeProtect ?? (group.attribute("prod_mode_write_protect", default: 0) != 0)
                    )
                }
            }
        }
        guard let group = groups.first(where: \.isDemoMode) else { return [] }
        let isReadOnly = group.attribute("demo_mode_write_protect", default: 1) != 0
        return group.luns.map {
            Mapping(
                lun: $0.index, backstore: TreePath.shortName(ofBackstore: $0.storageObject), isReadOnly: isReadOnly)
        }
    }
}

extension TreePath {
    /// `block/sda` of `/backstores/block/sda`.
    static func shortName(ofBackstore path: String) -> String {
        path.hasPrefix("/backstores/") ? String(path.dropFirst("/backstores/".utf8.count)) : path
    }
}
