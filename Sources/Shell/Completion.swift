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
        var candidates: [String] = []
        let path = before.first.flatMap { Self.isVerb($0) ? nil : TreePath($0, from: self.here) } ?? self.here
        let verb = before.first(where: Self.isVerb)
        switch verb {
        case nil:
            if before.isEmpty { candidates += self.paths(word, in: configuration) }
            candidates += Self.verbs.map(\.name)
        case "help": candidates += Self.verbs.map(\.name)
        case "ls", "cd": candidates += self.paths(word, in: configuration)
        case "delete":
            candidates += configuration.node(at: path)?.children.map { Self.deletable($0.name, at: path) } ?? []
        case "create" where path.components.last == "luns":
            candidates += configuration.storageObjects.map(\.path)
        case "get", "set":
            let groups = ["attribute", "auth", "parameter"]
            if let group = before.last, groups.contains(group), let values = configuration.settings(group, at: path) {
                candidates += values.keys.map { verb == "set" ? "\($0)=" : $0 }
            } else {
                candidates += groups.filter { configuration.settings($0, at: path) != nil }
            }
        default: break
        }
        return candidates.filter { $0.hasPrefix(word) }.sorted()
    }

    /// Paths that begin with `word`, one level deeper than it.
    private func paths(_ word: String, in configuration: Configuration) -> [String] {
        let slash = word.lastIndex(of: "/")
        let folder = slash.map { String(word[...$0]) } ?? ""
        let node = configuration.node(at: TreePath(folder, from: self.here))
        return node?.children.map { folder + $0.name + ($0.children.isEmpty ? "" : "/") } ?? []
    }

    /// How `delete` names a child: LUNs and portal groups by number.
    private static func deletable(_ name: String, at path: TreePath) -> String {
        path.components.last == "luns" && name.hasPrefix("lun") ? String(name.dropFirst(3)) : name
    }
}
