// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

extension ShellSession {
    /// What the word being typed can become, each a whole word.
    ///
    /// - Parameter line: everything before the cursor.
    package func completions(of line: String, in configuration: Configuration) -> [String] {
        let words = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        let isNewWord = line.isEmpty || line.last == " "
        let word = isNewWord ? "" : words.last ?? ""
        let before = isNewWord ? words : Array(words.dropLast())
        let verb = before.first(where: Self.isVerb)
        let place = before.first.flatMap { Self.isVerb($0) ? nil : try? self.resolved($0) } ?? self.here
        // Of several nodes the first tells what is possible.
        let path =
            place.hasWildcards
            ? configuration.node(at: TreePath()).flatMap { place.matches(in: $0).first } ?? place : place
        var candidates: [String] = []
        switch verb {
        case nil:
            if before.isEmpty { candidates += self.paths(word, in: configuration) }
            candidates += ShellVerb.all.map(\.name)
        case "help": candidates += ShellVerb.all.map(\.name)
        case "ls", "cd": candidates += self.paths(word, in: configuration)
        case "bookmarks":
            candidates +=
                ["go", "del"].contains(before.last)
                ? Array(self.preferences.bookmarks.keys)
                : before.last == "bookmarks" ? ["add", "del", "go", "show"] : []
        case "sessions": candidates += before.last == "sessions" ? ["list", "detail"] : []
        case "clearconfig": candidates += ["confirm=true"]
        case "delete": candidates += configuration.node(at: path)?.children.map(\.name) ?? []
        case "tag", "untag":
            if before.last == verb { candidates += configuration.node(at: path)?.children.map(\.name) ?? [] }
        case "create": candidates += self.creatable(at: path, before, in: configuration)
        case "get", "set":
            candidates += self.settings(verb ?? "", word, after: before, at: path, in: configuration)
        default: break
        }
        return Array(Set(candidates)).filter { $0.hasPrefix(word) }.sorted()
    }

    /// Paths that begin with `word`, one level deeper than it, and bookmarks.
    private func paths(_ word: String, in configuration: Configuration) -> [String] {
        let slash = word.lastIndex(of: "/")
        let folder = slash.map { String(word[...$0]) } ?? ""
        guard let path = try? self.resolved(folder.isEmpty ? nil : folder) else { return [] }
        let names = configuration.node(at: path)?.children.map { folder + $0.name + ($0.children.isEmpty ? "" : "/") }
        return (names ?? []) + self.preferences.bookmarks.keys.map { "@" + $0 }
    }

    /// Parameters of `create`, and the values of those that name something that is there.
    private func creatable(at path: TreePath, _ before: [String], in configuration: Configuration) -> [String] {
        let backstores = configuration.storageObjects.map(\.path)
        let parts = path.components
        let parameters: [String]
        switch (parts.first, parts.last, parts.count) {
        case ("backstores", "fileio", 2):
            parameters = ["name", "file_or_dev", "size", "write_back", "sparse", "wwn"]
        case ("backstores", "block", 2): parameters = ["name", "dev", "readonly", "wwn"]
        case ("backstores", "pscsi", 2): parameters = ["name", "dev"]
        case ("backstores", "ramdisk", 2): parameters = ["name", "size", "nullio", "wwn"]
        case ("backstores", "alua", 4): parameters = ["name", "tag"]
        case ("iscsi", _, 1): parameters = ["wwn"]
        case ("iscsi", _, 2): parameters = ["tag"]
        case ("iscsi", "acls", 4): parameters = ["wwn", "add_mapped_luns"]
        case ("iscsi", "portals", 4): parameters = ["ip_address", "ip_port"]
        case ("iscsi", "luns", 4):
            return (before.last == "create" ? backstores : []) + ["lun=", "add_mapped_luns="]
        case ("iscsi", _, 5):
            let luns = configuration.node(at: TreePath(Array(parts.prefix(3)) + ["luns"]))?.children.map(\.name) ?? []
            return (before.last == "create" ? [] : luns + backstores) + ["write_protect="]
        default: return []
        }
        return parameters.map { $0 + "=" }
    }

    private func settings(
        _ verb: String, _ word: String, after before: [String], at path: TreePath, in configuration: Configuration
    ) -> [String] {
        let groups = (configuration.settingGroups(at: path) ?? []) + ["global"]
        let verbIndex = before.firstIndex(of: verb) ?? 0
        guard before.indices.contains(verbIndex + 1), groups.contains(before[verbIndex + 1]) else {
            return before.count == verbIndex + 1 ? groups : []
        }
        let group = before[verbIndex + 1]
        let values = group == "global" ? ShellPreferences.defaults : configuration.settings(group, at: path) ?? [:]
        if verb == "set", let equals = word.firstIndex(of: "=") {
            let name = String(word[..<equals])
            return self.values(of: name, in: group, at: path, configuration).map { "\(name)=\($0)" }
        }
        let given = Set(before.dropFirst(verbIndex + 2).map { $0.prefix { $0 != "=" } }.map(String.init))
        return values.keys.filter { !given.contains($0) }.map { verb == "set" ? "\($0)=" : $0 }
    }

    private func values(
        of name: String, in group: String, at path: TreePath, _ configuration: Configuration
    ) -> [String] {
        if group == "global" { return ShellPreferences.candidates(for: name) }
        if group == "alua" { return configuration.aluaCandidates(for: name, at: path) }
        return SettingDomain(of: name, in: group)?.candidates ?? []
    }
}
