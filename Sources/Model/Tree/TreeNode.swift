// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A node of the tree as `ls` shows it.
package struct TreeNode: Hashable, Sendable, Codable {
    package var name: String
    /// What stands in the brackets.
    package var summary: String
    package var children: [TreeNode]

    package init(_ name: String, _ summary: String, _ children: [TreeNode] = []) {
        self.name = name
        self.summary = summary
        self.children = children
    }

    /// The tree drawn in `columns` columns, dots between names and summaries; `depth` levels of children, all if nil.
    package func drawing(columns: Int, depth: Int? = nil) -> String {
        var lines: [String] = []
        self.draw(lead: "", childLead: "  ", columns: columns, depth: depth, into: &lines)
        return lines.joined()
    }

    private func draw(lead: String, childLead: String, columns: Int, depth: Int?, into lines: inout [String]) {
        let head = "\(lead)o- \(self.name) "
        let tail = " [\(self.summary)]"
        let dots = max(2, columns - head.count - tail.count)
        lines.append(head + String(repeating: ".", count: dots) + tail + "\n")
        if let depth, depth <= 0 { return }
        for (index, child) in self.children.enumerated() {
            let isLast = index == self.children.count - 1
            child.draw(
                lead: childLead, childLead: childLead + (isLast ? "  " : "| "), columns: columns,
                depth: depth.map { $0 - 1 }, into: &lines)
        }
    }
}

extension Configuration {
    /// The node at `path` with everything beneath it; nil where there is nothing.
    ///
    /// - Parameter sizes: bytes of backstores whose configuration does not name them, by `StorageObject.path`.
    package func node(at path: TreePath, sizes: [String: UInt64] = [:]) -> TreeNode? {
        guard let location = self.location(of: path) else { return nil }
        var node = TreeDrawer(configuration: self, sizes: sizes).node(location)
        if path.components.isEmpty { node.name = "/" }
        return node
    }
}

/// Names and summaries in the words of targetcli.
private struct TreeDrawer {
    let configuration: Configuration
    let sizes: [String: UInt64]

    func node(_ location: TreeLocation) -> TreeNode {
        switch location {
        case .root: return TreeNode("/", "...", [self.node(.backstores), self.node(.iscsi)])
        case .backstores:
            return TreeNode("backstores", "...", Configuration.plugins.map { self.node(.plugin($0)) })
        case .plugin(let plugin):
            let objects = self.configuration.storageObjects.indices
                .filter { self.configuration.storageObjects[$0].plugin == plugin }
                .sorted { self.configuration.storageObjects[$0].name < self.configuration.storageObjects[$1].name }
            return TreeNode(plugin, "Storage Objects: \(objects.count)", objects.map { self.node(.object($0)) })
        case .object(let index):
            let object = self.configuration.storageObjects[index]
            return TreeNode(object.name, self.summary(of: object), [self.node(.aluaGroups(index))])
        case .aluaGroups(let index):
            let groups = self.configuration.storageObjects[index].effectiveALUAGroups
            return TreeNode(
                "alua", "ALUA Groups: \(groups.count)", groups.map { self.node(.aluaGroup(index, $0.name)) })
        case .aluaGroup(let index, let name):
            let group = self.configuration.storageObjects[index].effectiveALUAGroups.first { $0.name == name }
            let state = ALUAGroup.stateNames[group?.setting("alua_access_state") ?? 0] ?? "?"
            return TreeNode(name, "ALUA state: \(state)")
        case .iscsi:
            let targets = self.configuration.targets.indices
                .filter { self.configuration.targets[$0].fabric == "iscsi" }
                .sorted { self.configuration.targets[$0].wwn < self.configuration.targets[$1].wwn }
            return TreeNode(
                "iscsi", self.discoverySummary + "Targets: \(targets.count)", targets.map { self.node(.target($0)) })
        case .target(let index):
            let target = self.configuration.targets[index]
            return TreeNode(
                target.wwn, "TPGs: \(target.portalGroups.count)",
                target.portalGroups.indices.map { self.node(.group(GroupIndex(target: index, group: $0))) })
        default:
            return self.nodeOfGroup(location)
        }
    }

    private func nodeOfGroup(_ location: TreeLocation) -> TreeNode {
        switch location {
        case .group(let index):
            let group = self.configuration[index]
            return TreeNode(
                "tpg\(group.tag)", self.summary(of: group),
                [self.node(.acls(index)), self.node(.luns(index)), self.node(.portals(index))])
        case .acls(let index):
            let acls = self.configuration[index].nodeACLs
            return TreeNode("acls", "ACLs: \(acls.count)", acls.indices.map { self.node(.acl(index, $0)) })
        case .acl(let index, let number):
            let acl = self.configuration[index].nodeACLs[number]
            let authentication = self.authenticationSummary(of: acl, in: self.configuration[index])
            return TreeNode(
                acl.nodeWWN, authentication + "Mapped LUNs: \(acl.mappedLUNs.count)",
                acl.mappedLUNs.indices.map { self.node(.mappedLUN(index, number, $0)) })
        case .mappedLUN(let index, let acl, let number):
            let group = self.configuration[index]
            let mapped = group.nodeACLs[acl].mappedLUNs[number]
            let object = group.luns.first { $0.index == mapped.tpgLUN }.map { self.shortName($0.storageObject) } ?? "?"
            let mode = mapped.writeProtect == true ? "ro" : "rw"
            return TreeNode("mapped_lun\(mapped.index)", "lun\(mapped.tpgLUN) \(object) (\(mode))")
        case .luns(let index):
            let luns = self.configuration[index].luns
            return TreeNode("luns", "LUNs: \(luns.count)", luns.indices.map { self.node(.lun(index, $0)) })
        case .lun(let index, let number):
            let lun = self.configuration[index].luns[number]
            let medium = self.configuration.storageObject(at: lun.storageObject)?.dev.map { " (\($0))" } ?? ""
            return TreeNode(
                "lun\(lun.index)",
                "\(self.shortName(lun.storageObject))\(medium) (\(lun.aluaGroup ?? ALUAGroup.defaultName))")
        case .portals(let index):
            let portals = self.configuration[index].portals
            return TreeNode(
                "portals", "Portals: \(portals.count)", portals.indices.map { self.node(.portal(index, $0)) })
        case .portal(let index, let number):
            return TreeNode(self.configuration[index].portals[number].nodeName, "OK")
        default:
            return self.node(location)
        }
    }

    private func summary(of object: StorageObject) -> String {
        let bytes = object.size.map { UInt64(max(0, $0)) } ?? self.sizes[object.path]
        let size = bytes.map { "(\(ByteSize(bytes: $0)))" }
        let isUsed = self.configuration.targets.contains { target in
            target.portalGroups.contains { $0.luns.contains { $0.storageObject == object.path } }
        }
        let cache: String? = object.plugin == "ramdisk" ? nil : object.writeBack == true ? "write-back" : "write-thru"
        let medium = object.plugin == "ramdisk" ? (object.nullIO == true ? "nullio" : nil) : object.dev
        return [medium, size, object.readOnly == true ? "ro" : nil, cache, isUsed ? "activated" : "deactivated"]
            .compactMap(\.self).joined(separator: " ")
    }

    private func summary(of group: PortalGroup) -> String {
        guard group.enable ?? true else { return "disabled" }
        let acls = group.isDemoMode ? "gen-acls" : "no-gen-acls"
        guard group.wantsAuthentication else { return "\(acls), no-auth" }
        guard group.isDemoMode else { return "\(acls), auth per-acl" }
        return "\(acls), tpg-auth, \(Self.ways(group.credentials)) auth"
    }

    private func authenticationSummary(of acl: NodeACL, in group: PortalGroup) -> String {
        switch group.authentication(of: acl) {
        case .none: return ""
        case .optional where acl.credentials.user == nil: return ""
        case .required where acl.credentials.user == nil: return "auth via tpg, "
        case .optional, .required, .impossible: return "\(Self.ways(acl.credentials)) auth, "
        }
    }

    private var discoverySummary: String {
        guard self.configuration.wantsDiscoveryAuthentication else { return "" }
        return "\(Self.ways(self.configuration.discoveryCredentials)) disc auth, "
    }

    private static func ways(_ credentials: Credentials) -> String {
        credentials.target == nil ? "1-way" : "mutual"
    }

    /// `block/sda` of `/backstores/block/sda`.
    private func shortName(_ path: String) -> String {
        path.hasPrefix("/backstores/") ? String(path.dropFirst("/backstores/".utf8.count)) : path
    }
}
