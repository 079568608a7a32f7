// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension TreeEditor {
    mutating func delete(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        switch location {
        case .plugin(let plugin): try self.deleteObject(plugin, &arguments)
        case .aluaGroups(let index): try self.deleteALUAGroup(of: index, &arguments)
        case .iscsi:
            let name = try arguments.required("wwn")
            guard let index = self.configuration.targets.firstIndex(where: { $0.wwn == name }) else {
                throw TreeRefusal("No such Target in configfs: \(name)")
            }
            self.configuration.targets.remove(at: index)
            self.messages.append("Deleted Target \(name).")
        case .target(let target):
            let tag = try Self.number(arguments.required("tag"), after: "tpg")
            let groups = self.configuration.targets[target].portalGroups
            guard let index = groups.firstIndex(where: { $0.tag == tag }) else {
                throw TreeRefusal("No such TPG: \(tag)")
            }
            self.configuration.targets[target].portalGroups.remove(at: index)
            self.messages.append("Deleted TPG \(tag).")
        case .acls(let index):
            let name = try arguments.required("wwn")
            let doomed = self.configuration[index].nodeACLs.filter { $0.nodeWWN == name || $0.tag == name }
            guard !doomed.isEmpty else { throw TreeRefusal("No such NodeACL in configfs: \(name)") }
            self.configuration[index].nodeACLs.removeAll { $0.nodeWWN == name || $0.tag == name }
            self.messages += doomed.map { "Deleted Node ACL \($0.nodeWWN)." }
        case .luns(let index):
            let number = try Self.number(arguments.required("lun"), after: "lun")
            try self.deleteLUN(number, in: index)
            self.messages.append("Deleted LUN \(number).")
        case .portals(let index): try self.deletePortal(in: index, &arguments)
        case .acl(let index, let acl):
            let number = try Self.number(arguments.required("mapped_lun"), after: "mapped_lun")
            guard self.configuration[index].nodeACLs[acl].mappedLUNs.contains(where: { $0.index == number }) else {
                throw TreeRefusal("No such Mapped LUN: \(number)")
            }
            for member in self.configuration[index].members(with: acl) {
                self.configuration[index].nodeACLs[member].mappedLUNs.removeAll { $0.index == number }
            }
            self.messages.append("Deleted Mapped LUN \(number).")
        default: throw TreeRefusal.misplaced("delete")
        }
    }

    /// A backstore goes with the LUNs that it is.
    private mutating func deleteObject(_ plugin: String, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let name = try arguments.required("name")
        let objects = self.configuration.storageObjects
        guard let index = objects.firstIndex(where: { $0.plugin == plugin && $0.name == name }) else {
            throw TreeRefusal("No storage object named \(name); ls shows those that there are")
        }
        for target in self.configuration.targets.indices {
            for group in self.configuration.targets[target].portalGroups.indices {
                let place = GroupIndex(target: target, group: group)
                for lun in self.configuration[place].luns where lun.storageObject == objects[index].path {
                    try self.deleteLUN(lun.index, in: place)
                }
            }
        }
        self.configuration.storageObjects.remove(at: index)
        self.messages.append("Deleted storage object \(name).")
    }

    private mutating func deleteLUN(_ number: Int, in index: GroupIndex) throws(TreeRefusal) {
        guard let position = self.configuration[index].luns.firstIndex(where: { $0.index == number }) else {
            throw TreeRefusal("No such LUN: \(number)")
        }
        self.configuration[index].luns.remove(at: position)
        for acl in self.configuration[index].nodeACLs.indices {
            self.configuration[index].nodeACLs[acl].mappedLUNs.removeAll { $0.tpgLUN == number }
        }
    }

    private mutating func deletePortal(in index: GroupIndex, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let address = try arguments.required("ip_address")
        var name = address
        // The tree's name for it says both.
        if !self.configuration[index].portals.contains(where: { $0.nodeName == address }) {
            let port = try Self.number(arguments.required("ip_port"), after: "")
            name = NetworkPortal(ipAddress: address, port: port).nodeName
        }
        guard let position = self.configuration[index].portals.firstIndex(where: { $0.nodeName == name }) else {
            throw TreeRefusal("No such NetworkPortal in configfs: \(name)")
        }
        self.configuration[index].portals.remove(at: position)
        self.messages.append("Deleted network portal \(name)")
    }

    mutating func enable(_ isEnabled: Bool, at location: TreeLocation) throws(TreeRefusal) {
        guard case .group(let index) = location else {
            throw TreeRefusal.misplaced(isEnabled ? "enable" : "disable")
        }
        let was = self.configuration[index].enable ?? true
        self.configuration[index].enable = isEnabled
        let state = isEnabled ? "enabled" : "disabled"
        self.messages.append(was == isEnabled ? "The TPGT is already \(state)." : "The TPGT has been \(state).")
    }

    /// Everything of the shell's tree goes; machines and boot services, which it does not show, stay.
    mutating func clear(_ arguments: inout TreeArguments) throws(TreeRefusal) {
        guard try arguments.flag("confirm") == true else {
            throw TreeRefusal("Please add confirm=true parameter to really clear the configuration.")
        }
        self.configuration.storageObjects = []
        self.configuration.targets = []
        self.configuration.remainder.broken = [:]
        self.messages.append("All configuration cleared")
    }
}
