// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// A name with wildcards: `*` for any characters, `?` for one.
struct Pattern {
    private let characters: [Character]

    /// Nil where the name has no wildcards.
    init?(_ text: some StringProtocol) {
        guard text.contains("*") || text.contains("?") else { return nil }
        self.characters = Array(text)
    }

    func matches(_ name: String) -> Bool {
        let name = Array(name)
        // Where the last star stands, and the first character that it has not swallowed.
        var star: Int?
        var swallowed = 0
        var (at, index) = (0, 0)
        while index < name.count {
            if at < self.characters.count, self.characters[at] == "*" {
                (star, swallowed) = (at, index)
                at += 1
            } else if at < self.characters.count, self.characters[at] == name[index] || self.characters[at] == "?" {
                at += 1
                index += 1
            } else if let last = star {
                swallowed += 1
                (at, index) = (last + 1, swallowed)
            } else {
                return false
            }
        }
        return self.characters[at...].allSatisfy { $0 == "*" }
    }
}

extension TreePath {
    var hasWildcards: Bool {
        self.components.contains { Pattern($0) != nil }
    }

    /// The nodes below `root` that this path with wildcards means, in the tree's order.
    func matches(in root: TreeNode) -> [TreePath] {
        var found: [(path: TreePath, node: TreeNode)] = [(TreePath(), root)]
        for component in self.components {
            let pattern = Pattern(component)
            found = found.flatMap { path, node in
                node.children.filter { pattern?.matches($0.name) ?? ($0.name == component) }
                    .map { (path.child($0.name), $0) }
            }
        }
        return found.map(\.path)
    }
}
