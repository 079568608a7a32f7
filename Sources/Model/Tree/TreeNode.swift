// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A node of the tree as `ls` shows it.
package struct TreeNode: Hashable, Sendable, Codable {
    package var name: String
    /// What stands in the brackets.
    package var summary: String
    /// Whether all is well with it; nil where that is no question.
    package var isHealthy: Bool?
    package var children: [TreeNode]

    package init(_ name: String, _ summary: String, isHealthy: Bool? = nil, _ children: [TreeNode] = []) {
        self.name = name
        self.summary = summary
        self.isHealthy = isHealthy
        self.children = children
    }

    /// As the tree has them: by name, and by number where names end with one.
    static func precedes(_ one: TreeNode, _ other: TreeNode) -> Bool {
        let (stem, number) = Self.parts(one.name)
        let (otherStem, otherNumber) = Self.parts(other.name)
        return (stem, number, one.name) < (otherStem, otherNumber, other.name)
    }

    /// It with no more levels of children than `depth`.
    package func cut(to depth: Int) -> TreeNode {
        TreeNode(
            self.name, self.summary, isHealthy: self.isHealthy,
            depth > 0 ? self.children.map { $0.cut(to: depth - 1) } : [])
    }

    /// Puts the children in order, and theirs.
    mutating func sort() {
        for index in self.children.indices { self.children[index].sort() }
        self.children.sort(by: Self.precedes)
    }

    private static func parts(_ name: String) -> (stem: Substring, number: Int) {
        let digits = name.utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        return (name.dropLast(digits), Int(name.suffix(digits)) ?? 0)
    }
}

extension Configuration {
    /// What to say of a path that is none: what there is instead.
    package func nothing(at path: TreePath) -> String {
        var above = path
        while self.location(of: above) == nil { above.components = above.components.dropLast() }
        let names = self.node(at: above)?.children.map(\.name) ?? []
        guard !names.isEmpty else { return "No such path \(path); there is nothing below \(above)" }
        let some = names.prefix(Limits.namesInAMessage).joined(separator: ", ")
        return "No such path \(path); \(above) has \(some)\(names.count > Limits.namesInAMessage ? ", …" : "")"
    }

    /// The node at `path` with everything beneath it; nil where there is nothing.
    ///
    /// - Parameter sizes: bytes of backstores whose configuration does not name them, by `StorageObject.path`.
    package func node(at path: TreePath, sizes: [String: UInt64] = [:]) -> TreeNode? {
        guard let location = self.location(of: path) else { return nil }
        var node = TreeDrawer(configuration: self, sizes: sizes).node(location)
        node.sort()
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
            return TreeNode(plugin, "Storage Objects: \(objects.count)", objects.map { self.node(.object($0)) })
        case .object(let index):
            let object = self.configuration.storageObjects[index]
            return TreeNode(
                object.name, self.summary(of: object), isHealthy: true, [self.node(.aluaGroups(index))])
        case .aluaGroups(let index):
            let groups = self.configuration.storageObjects[index].effectiveALUAGroups
            return TreeNode(
                "alua", "ALUA Groups: \(groups.count)", groups.map { self.node(.aluaGroup(index, $0.name)) })
        case .aluaGroup(let index, let name):
            let group = self.configuration.storageObjects[index].effectiveALUAGroups.first { $0.name == name }
            let state = ALUAGroup.stateNames[group?.setting("alua_access_state") ?? 0] ?? "?"
            return TreeNode(name, "ALUA state: \(state)", isHealthy: true)
        case .iscsi:
            let targets = self.configuration.targets.indices
                .filter { self.configuration.targets[$0].fabric == "iscsi" }
            let isHealthy =
                self.configuration.wantsDiscoveryAuthentication
                ? self.configuration.discoveryCredentials.user != nil : nil
            return TreeNode(
                "iscsi", self.discoverySummary + "Targets: \(targets.count)", isHealthy: isHealthy,
                targets.map { self.node(.target($0)) })
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
                "tpg\(group.tag)", self.summary(of: group), isHealthy: self.isHealthy(group),
                [self.node(.acls(index)), self.node(.luns(index)), self.node(.portals(index))])
        case .acls(let index):
            let group = self.configuration[index]
            let shown = group.nodeACLs.indices.filter { group.members(with: $0).first == $0 }
            return TreeNode("acls", "ACLs: \(shown.count)", shown.map { self.node(.acl(index, $0)) })
        case .acl(let index, let number):
            let group = self.configuration[index]
            let acl = group.nodeACLs[number]
            let summary = [
                Self.tagSummary(of: number, in: group), self.authenticationSummary(of: acl, in: group),
                "Mapped LUNs: \(acl.mappedLUNs.count)",
            ]
            return TreeNode(
                acl.nodeName, summary.compactMap(\.self).joined(separator: ", "),
                isHealthy: self.isHealthy(acl, in: group),
                acl.mappedLUNs.indices.map { self.node(.mappedLUN(index, number, $0)) })
        case .mappedLUN(let index, let acl, let number):
            let group = self.configuration[index]
            let mapped = group.nodeACLs[acl].mappedLUNs[number]
            guard let lun = group.luns.first(where: { $0.index == mapped.tpgLUN }) else {
                return TreeNode("mapped_lun\(mapped.index)", "BROKEN LUN LINK", isHealthy: false)
            }
            let mode = mapped.writeProtect == true ? "ro" : "rw"
            return TreeNode(
                "mapped_lun\(mapped.index)",
                "lun\(mapped.tpgLUN) \(TreePath.shortName(ofBackstore: lun.storageObject)) (\(mode))",
                isHealthy: true)
        case .luns(let index):
            let luns = self.configuration[index].luns
            return TreeNode("luns", "LUNs: \(luns.count)", luns.indices.map { self.node(.lun(index, $0)) })
        case .lun(let index, let number):
            let lun = self.configuration[index].luns[number]
            guard let object = self.configuration.storageObject(at: lun.storageObject) else {
                return TreeNode("lun\(lun.index)", "BROKEN STORAGE LINK", isHealthy: false)
            }
            let medium = object.dev.map { " (\($0))" } ?? ""
            let group = object.plugin == "pscsi" ? "" : " (\(lun.aluaGroup ?? ALUAGroup.defaultName))"
            return TreeNode(
                "lun\(lun.index)", TreePath.shortName(ofBackstore: lun.storageObject) + medium + group,
                isHealthy: true)
        case .portals(let index):
            let portals = self.configuration[index].portals
            return TreeNode(
                "portals", "Portals: \(portals.count)", portals.indices.map { self.node(.portal(index, $0)) })
        case .portal(let index, let number):
            return TreeNode(self.configuration[index].portals[number].nodeName, "OK", isHealthy: true)
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
        let isUsual = object.plugin == "block" || object.plugin == "fileio"
        let cache: String? = isUsual ? object.writeBack == true ? "write-back" : "write-thru" : nil
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

    private func isHealthy(_ group: PortalGroup) -> Bool? {
        guard group.enable ?? true else { return false }
        guard group.isDemoMode else { return nil }
        return !group.wantsAuthentication || group.credentials.user != nil
    }

    private func isHealthy(_ acl: NodeACL, in group: PortalGroup) -> Bool? {
        switch group.authentication(of: acl) {
        case .none, .optional: nil
        case .required: true
        case .impossible: false
        }
    }

    private static func tagSummary(of acl: Int, in group: PortalGroup) -> String? {
        guard group.nodeACLs[acl].tag != nil else { return nil }
        let count = group.members(with: acl).count
        return count > 1 ? "(group of \(count))" : "(\(group.nodeACLs[acl].nodeWWN))"
    }

    private func authenticationSummary(of acl: NodeACL, in group: PortalGroup) -> String? {
        switch group.authentication(of: acl) {
        case .none: return nil
        case .optional where acl.credentials.user == nil: return nil
        case .required where acl.credentials.user == nil: return "auth via tpg"
        case .optional, .required, .impossible: return "\(Self.ways(acl.credentials)) auth"
        }
    }

    private var discoverySummary: String {
        guard self.configuration.wantsDiscoveryAuthentication else { return "" }
        return "\(Self.ways(self.configuration.discoveryCredentials)) disc auth, "
    }

    private static func ways(_ credentials: Credentials) -> String {
        credentials.target == nil ? "1-way" : "mutual"
    }
}
