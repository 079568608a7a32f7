// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Tags: one name for several initiators' ACLs, which are then shown and set as one.
extension TreeEditor {
    /// Gives the ACLs of an initiator or of a tag another tag. Those that join a tag become as its members are.
    mutating func tag(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        guard case .acls(let index) = location else { throw TreeRefusal.misplaced("tag") }
        let name = try arguments.required("wwn_or_tag")
        let tag = try arguments.required("new_tag")
        guard name != tag else { return }
        // Initiators' names have dots and colons, and so no tag is taken for one.
        guard !tag.isEmpty, !tag.contains(where: { ".:/@*?[]".contains($0) || $0.isWhitespace }) else {
            throw TreeRefusal("\(tag) is no tag: '.' and other characters of names and paths are not permitted in it")
        }
        let joining = try self.acls(named: name, in: index)
        let model = self.configuration[index].nodeACLs.indices
            .first { !joining.contains($0) && self.configuration[index].nodeACLs[$0].tag == tag }
            .map { self.configuration[index].nodeACLs[$0] }
        for acl in joining {
            if var twin = model {
                twin.nodeWWN = self.configuration[index].nodeACLs[acl].nodeWWN
                self.configuration[index].nodeACLs[acl] = twin
            } else {
                self.configuration[index].nodeACLs[acl].tag = tag
            }
        }
    }

    /// Takes the tag away; the ACLs stay as they were set under it.
    mutating func untag(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        guard case .acls(let index) = location else { throw TreeRefusal.misplaced("untag") }
        let name = try arguments.required("wwn_or_tag")
        for acl in try self.acls(named: name, in: index) {
            self.configuration[index].nodeACLs[acl].tag = nil
        }
    }

    private func acls(named name: String, in index: GroupIndex) throws(TreeRefusal) -> [Int] {
        let found = self.configuration[index].nodeACLs.indices.filter {
            self.configuration[index].nodeACLs[$0].nodeWWN == name || self.configuration[index].nodeACLs[$0].tag == name
        }
        guard !found.isEmpty else { throw TreeRefusal("wwn_or_tag \(name) not found; ls shows those that there are") }
        return found
    }
}
