// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// Where the user stands, and how they come elsewhere.
extension ShellSession {
    func resolved(_ text: String?) throws(ShellError) -> TreePath {
        guard let text else { return self.here }
        guard text.hasPrefix("@") else { return TreePath(text, from: self.here) }
        let name = text.dropFirst().prefix { $0 != "/" }
        guard let path = self.preferences.bookmarks[String(name)] else {
            throw ShellError("No such bookmark \(name); bookmarks lists those that there are")
        }
        return TreePath(String(text.dropFirst(name.count + 1).drop { $0 == "/" }), from: TreePath(path))
    }

    mutating func go(to path: TreePath) async throws {
        let configuration = try await self.present()
        guard configuration.node(at: path) != nil else { throw ShellError(configuration.nothing(at: path)) }
        self.here = path
        self.places.entered(path)
    }

    mutating func changePlace(_ line: ShellLine) async throws -> String {
        switch line.positional.first ?? line.named["path"] {
        case nil: return try await self.pickPlace()
        case "-": try await self.go(to: self.places.before)
        case "<"?, ">"?: return try await self.step(forth: line.positional.first == ">")
        case let text:
            let path = try self.resolved(text)
            guard path.hasWildcards else {
                try await self.go(to: path)
                return ""
            }
            let found = try await self.matches(path)
            guard found.count == 1 else {
                throw ShellError("\(path) is \(found.count) nodes: \(found.map(\.description).joined(separator: ", "))")
            }
            try await self.go(to: found[0])
        }
        return ""
    }

    private mutating func step(forth: Bool) async throws -> String {
        let configuration = try await self.present()
        guard let path = self.places.step(forth: forth, where: { configuration.node(at: $0) != nil }) else {
            return forth ? "Reached the end of path history.\n" : "Reached begining of path history.\n"
        }
        self.here = path
        return "Taking you back to \(path).\n"
    }

    /// Lets the user choose a place in the tree by arrow keys, where there is a user.
    private mutating func pickPlace() async throws -> String {
        guard let picker else { throw ShellError("cd needs a path here; on a terminal it lets you choose") }
        guard let root = try await self.present().node(at: TreePath()) else { return "" }
        let drawing = TreeDrawing(columns: self.columns - 1)
        let lines = drawing.text(of: root, level: 0).split(separator: "\n").map(String.init)
        let paths = root.paths
        let start = paths.firstIndex(of: self.here) ?? 0
        guard let chosen = picker(lines, start), paths.indices.contains(chosen) else { return "" }
        try await self.go(to: paths[chosen])
        return ""
    }

    mutating func bookmark(_ line: ShellLine) throws -> String {
        let action = line.positional.first ?? line.named["action"] ?? "show"
        let name = line.positional.dropFirst().first ?? line.named["bookmark"]
        switch (action, name) {
        case ("add", let name?):
            guard name.allSatisfy({ $0.isLetter || $0.isNumber || "_-.:".contains($0) }) else {
                throw ShellError("\(name) cannot be a bookmark: write letters, digits and -_.:")
            }
            guard self.preferences.bookmarks[name] == nil else { throw ShellError("Bookmark \(name) already exists.") }
            let here = self.here.description
            try self.keepPreferences { $0.bookmarks[name] = here }
            return "Bookmarked \(self.here) as \(name).\n"
        case ("del", let name?):
            guard self.preferences.bookmarks[name] != nil else {
                throw ShellError("No such bookmark \(name); bookmarks lists those that there are")
            }
            try self.keepPreferences { $0.bookmarks[name] = nil }
            return "Deleted bookmark \(name).\n"
        case ("go", _?): return ""
        case ("show", _):
            if self.isJSON { return try Self.json(self.preferences.bookmarks) }
            if self.preferences.bookmarks.isEmpty { return "No bookmarks yet.\n" }
            return self.preferences.bookmarks.sorted { $0.key < $1.key }.map { "\($0.key)  \($0.value)\n" }.joined()
        default: throw ShellError("bookmarks \(action): write add NAME, del NAME, go NAME or show")
        }
    }
}

extension TreeNode {
    /// The paths of this node, which is the root, and of all beneath it, in the order in which they are drawn.
    var paths: [TreePath] {
        var found: [TreePath] = []
        func add(_ node: TreeNode, at path: TreePath) {
            found.append(path)
            for child in node.children { add(child, at: path.child(child.name)) }
        }
        add(self, at: TreePath())
        return found
    }
}
