// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The verbs below `/backstores/…/alua`, and the setting of a LUN that names its group.
extension TreeEditor {
    mutating func createALUAGroup(of index: Int, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let name = try arguments.required("name")
        let id = try Self.number(arguments.required("tag"), after: "")
        guard self.configuration.storageObjects[index].plugin != "pscsi" else {
            throw TreeRefusal("a device that is passed through has the target port groups that it has itself")
        }
        let groups = self.configuration.storageObjects[index].effectiveALUAGroups
        guard !groups.contains(where: { $0.name == name }) else { throw TreeRefusal("ALUA group \(name) exists") }
        guard Naming.flaw(inBackstoreName: name) == nil else { throw TreeRefusal("\(name) cannot be a group's name") }
        guard (1...65_535).contains(id) else { throw TreeRefusal("\(id) is not a group's tag: write 1 to 65535") }
        if let other = groups.first(where: { $0.id == id }) {
            throw TreeRefusal("tag \(id) is that of ALUA group \(other.name)")
        }
        self.configuration.storageObjects[index].aluaGroups.append(ALUAGroup(name: name, id: id))
        self.messages.append("Created ALUA group \(name).")
        self.created = name
    }

    mutating func deleteALUAGroup(of index: Int, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let name = try arguments.required("name")
        let object = self.configuration.storageObjects[index]
        guard object.effectiveALUAGroups.contains(where: { $0.name == name }) else {
            throw TreeRefusal("No such ALUA group: \(name)")
        }
        guard name != ALUAGroup.defaultName else { throw TreeRefusal("\(name) is there for LUNs that name no other") }
        self.configuration.storageObjects[index].aluaGroups.removeAll { $0.name == name }
        // Its LUNs are in the default group then.
        for target in self.configuration.targets.indices {
            for group in self.configuration.targets[target].portalGroups.indices {
                let place = GroupIndex(target: target, group: group)
                for lun in self.configuration[place].luns.indices
                where self.configuration[place].luns[lun].storageObject == object.path
                    && self.configuration[place].luns[lun].aluaGroup == name
                {
                    self.configuration[place].luns[lun].aluaGroup = nil
                }
            }
        }
        self.messages.append("Deleted ALUA group \(name).")
    }

    mutating func assignALUA(
        _ name: String, _ text: String, ofGroup group: String, of index: Int
    ) throws(TreeRefusal) {
        guard let value = Int(text) else { throw TreeRefusal("\(name)=\(text): write a number") }
        if let remedy = ALUAGroup.flaw(name, value) { throw TreeRefusal("\(name)=\(text): \(remedy)") }
        var groups = self.configuration.storageObjects[index].effectiveALUAGroups
        guard let place = groups.firstIndex(where: { $0.name == group }) else { return }
        if name == "alua_access_state", let support = ALUAGroup.supportSettings[value],
            groups[place].setting(support) == 0
        {
            throw TreeRefusal("\(group) cannot be in that state: set alua \(support)=1 first")
        }
        groups[place].settings[name] = .integer(value)
        self.configuration.storageObjects[index].aluaGroups = groups
    }

    /// Puts a portal group's LUN into one of its backstore's groups.
    mutating func assignALUAGroup(_ name: String, to lun: Int, in index: GroupIndex) throws(TreeRefusal) {
        let path = self.configuration[index].luns[lun].storageObject
        guard let object = self.configuration.storageObject(at: path),
            object.effectiveALUAGroups.contains(where: { $0.name == name })
        else { throw TreeRefusal("No such ALUA group: \(name); create it in \(path)/alua") }
        self.configuration[index].luns[lun].aluaGroup = name
    }
}

extension Configuration {
    /// What a setting of group `alua` can be, as far as that is a choice.
    package func aluaCandidates(for name: String, at path: TreePath) -> [String] {
        switch self.location(of: path) {
        case .lun(let index, let lun)?:
            let object = self.storageObject(at: self[index].luns[lun].storageObject)
            return name == TreeSettings.groupOfLUN ? object?.effectiveALUAGroups.map(\.name) ?? [] : []
        case .aluaGroup?:
            return (0...15).filter { ALUAGroup.flaw(name, $0) == nil }.map(String.init)
        default: return []
        }
    }
}
