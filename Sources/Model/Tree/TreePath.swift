// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A place in the tree that the shell shows: `/iscsi/iqn.2026-11.org.apus:a/tpg1/luns`.
package struct TreePath: Hashable, Sendable, CustomStringConvertible {
    package var components: [String]

    package init(_ components: [String] = []) {
        self.components = components
    }

    /// Reads a path, from `base` where it does not begin with a slash; `.` and `..` mean what they do in a file system.
    package init(_ text: String, from base: TreePath = TreePath()) {
        self.components = text.hasPrefix("/") ? [] : base.components
        for part in text.split(separator: "/") {
            switch part {
            case ".": break
            case "..": self.components = self.components.dropLast()
            default: self.components.append(String(part))
            }
        }
    }

    package var description: String {
        "/" + self.components.joined(separator: "/")
    }

    package func child(_ name: String) -> TreePath {
        TreePath(self.components + [name])
    }
}

/// What stands at a path: indices into the configuration's arrays.
enum TreeLocation: Hashable {
    case root, backstores, iscsi
    case plugin(String)
    case object(Int)
    case aluaGroups(Int)
    case aluaGroup(Int, String)
    case target(Int)
    case group(GroupIndex)
    case acls(GroupIndex), luns(GroupIndex), portals(GroupIndex)
    /// An ACL, or the first of those that share a tag.
    case acl(GroupIndex, Int), lun(GroupIndex, Int), portal(GroupIndex, Int)
    case mappedLUN(GroupIndex, Int, Int)
}

/// A target's portal group.
struct GroupIndex: Hashable {
    var target: Int
    var group: Int
}

extension Configuration {
    /// The kinds of backstores that can be served.
    package static let plugins = ["block", "fileio", "pscsi", "ramdisk"]

    func location(of path: TreePath) -> TreeLocation? {
        let parts = path.components
        switch parts.first {
        case nil: return .root
        case "backstores": return self.backstore(parts.dropFirst())
        case "iscsi": return self.iscsi(parts.dropFirst())
        default: return nil
        }
    }

    private func backstore(_ parts: ArraySlice<String>) -> TreeLocation? {
        let parts = Array(parts)
        guard let plugin = parts.first else { return .backstores }
        guard Self.plugins.contains(plugin) else { return nil }
        guard parts.count > 1 else { return .plugin(plugin) }
        guard
            let index = self.storageObjects.firstIndex(where: { $0.plugin == plugin && $0.name == parts[1] })
        else { return nil }
        switch parts.dropFirst(2) {
        case []: return .object(index)
        case ["alua"]: return .aluaGroups(index)
        default:
            guard parts.count == 4, parts[2] == "alua",
                self.storageObjects[index].effectiveALUAGroups.contains(where: { $0.name == parts[3] })
            else { return nil }
            return .aluaGroup(index, parts[3])
        }
    }

    private func iscsi(_ parts: ArraySlice<String>) -> TreeLocation? {
        let parts = Array(parts)
        guard let name = parts.first else { return .iscsi }
        guard let target = self.targets.firstIndex(where: { $0.fabric == "iscsi" && $0.wwn == name }) else {
            return nil
        }
        guard parts.count > 1 else { return .target(target) }
        guard
            let group = self.targets[target].portalGroups.firstIndex(where: { "tpg\($0.tag)" == parts[1] })
        else { return nil }
        let index = GroupIndex(target: target, group: group)
        let content = self.targets[target].portalGroups[group]
        guard parts.count > 2 else { return .group(index) }
        switch (parts[2], parts.count) {
        case ("acls", 3): return .acls(index)
        case ("luns", 3): return .luns(index)
        case ("portals", 3): return .portals(index)
        case ("luns", 4): return content.luns.firstIndex { "lun\($0.index)" == parts[3] }.map { .lun(index, $0) }
        case ("portals", 4):
            return content.portals.firstIndex { $0.nodeName == parts[3] }.map { .portal(index, $0) }
        case ("acls", 4...5):
            guard let acl = content.nodeACLs.firstIndex(where: { $0.nodeName == parts[3] }) else { return nil }
            guard parts.count == 5 else { return .acl(index, acl) }
            return content.nodeACLs[acl].mappedLUNs.firstIndex { "mapped_lun\($0.index)" == parts[4] }
                .map { .mappedLUN(index, acl, $0) }
        default: return nil
        }
    }

    subscript(index: GroupIndex) -> PortalGroup {
        get { self.targets[index.target].portalGroups[index.group] }
        set { self.targets[index.target].portalGroups[index.group] = newValue }
    }

    func storageObject(at path: String) -> StorageObject? {
        let parts = TreePath(path).components
        guard parts.count == 3, parts[0] == "backstores" else { return nil }
        return self.storageObjects.first { $0.name == parts[2] && $0.plugin == parts[1] }
    }
}

extension NodeACL {
    /// Its name in the tree: the tag, or the initiator's.
    package var nodeName: String {
        self.tag ?? self.nodeWWN
    }
}

extension PortalGroup {
    /// The ACL at `index` and the others that the tree shows with it.
    func members(with index: Int) -> [Int] {
        guard let tag = self.nodeACLs[index].tag else { return [index] }
        return self.nodeACLs.indices.filter { self.nodeACLs[$0].tag == tag }
    }
}

extension NetworkPortal {
    /// `0.0.0.0:3260`, `[::1]:3260`.
    package var nodeName: String {
        let bare = self.ipAddress.filter { $0 != "[" && $0 != "]" }
        return bare.contains(":") ? "[\(bare)]:\(self.port)" : "\(bare):\(self.port)"
    }
}
