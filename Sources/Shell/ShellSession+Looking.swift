// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore

extension ShellSession {
    /// The verbs that only look, and those that move the user.
    mutating func look(_ verb: String, at path: TreePath, _ line: ShellLine) async throws -> String {
        switch verb {
        case "ls": return try await self.list(path, line)
        case "cd": return try await self.changePlace(line)
        case "pwd": return "\(path)\n"
        case "get": return try await self.get(path, line)
        case "info": return try await self.info(path)
        case "status":
            let node = try await self.node(at: path)
            return "Status for \(path): \(node.summary)\n"
        case "sessions": return try await self.sessions()
        case "saveconfig": return try await self.savedWords()
        case "refresh": return ""
        case "restoreconfig": return try await self.restore(line)
        case "bookmarks": return try self.bookmark(line)
        case "version": return "\(self.version)\n"
        case "help": return try self.help(line)
        default: throw ShellError("Command not found \(verb)")
        }
    }

    private func node(at path: TreePath) async throws -> TreeNode {
        let configuration = try await self.present()
        guard configuration.node(at: path) != nil else { throw ShellError("No such path \(path)") }
        var sizes: [String: UInt64] = [:]
        for object in configuration.storageObjects where object.size == nil {
            guard let medium = object.dev else { continue }
            sizes[object.path] = await self.backend.bytes(of: medium)
        }
        return configuration.node(at: path, sizes: sizes) ?? TreeNode(path.description, "")
    }

    private func list(_ path: TreePath, _ line: ShellLine) async throws -> String {
        var words = line.positional[...]
        var place = path
        if let first = words.first, Int(first) == nil { place = try self.resolved(words.popFirst()) }
        if let named = line.named["path"] { place = try self.resolved(named) }
        let depth = try (line.named["depth"] ?? words.popFirst()).map { text throws(ShellError) in
            guard let depth = Int(text), depth >= 0 else { throw ShellError("\(text) is not a depth: write a number") }
            return depth
        }
        let node = try await self.node(at: place)
        if self.isJSON {
            let text = try JSONText.pretty(node)
            return String(decoding: text.readableBytesView, as: UTF8.self)
        }
        return node.drawing(columns: self.columns, depth: depth)
    }

    private mutating func changePlace(_ line: ShellLine) async throws -> String {
        switch line.positional.first ?? line.named["path"] {
        case nil: return ""
        case "-":
            let target = self.before
            try await self.go(to: target)
            return ""
        case let text:
            try await self.go(to: self.resolved(text))
            return ""
        }
    }

    private func get(_ path: TreePath, _ line: ShellLine) async throws -> String {
        let configuration = try await self.present()
        guard configuration.node(at: path) != nil else { throw ShellError("No such path \(path)") }
        let groups = ["attribute", "auth", "parameter"].filter { configuration.settings($0, at: path) != nil }
        guard let group = line.positional.first ?? line.named["group"] else {
            let words = groups.isEmpty ? "this node has no settings" : "groups here: " + groups.joined(separator: ", ")
            return words + "\n"
        }
        guard let values = configuration.settings(group, at: path) else {
            throw ShellError("Unknown configuration group: \(group)")
        }
        let names = line.positional.dropFirst()
        if let unknown = names.first(where: { values[$0] == nil }) {
            throw ShellError("Unknown parameter \(unknown) in group '\(group)'.")
        }
        return values.filter { names.isEmpty || names.contains($0.key) }.sorted { $0.key < $1.key }
            .map { name, value in
                let shown = name.hasSuffix("password") && !value.isEmpty ? "(hidden)" : value
                return "\(name)=\(shown)\n"
            }.joined()
    }

    private func info(_ path: TreePath) async throws -> String {
        let configuration = try await self.present()
        guard let entry = configuration.savedEntry(at: path) else {
            return "\(path): \(try await self.node(at: path).summary)\n"
        }
        let text = JSONText.pretty(entry.hidingSecrets)
        return String(decoding: text.readableBytesView, as: UTF8.self)
    }

    private func sessions() async throws -> String {
        let sessions = try await self.backend.status()?.sessions ?? []
        if self.isJSON {
            return String(decoding: try JSONText.pretty(sessions).readableBytesView, as: UTF8.self)
        }
        guard !sessions.isEmpty else { return "(no open sessions)\n" }
        return sessions.map { session in
            let alias = session.alias.map { " alias: \($0)" } ?? ""
            let kind = session.isDiscovery ? "Discovery" : "Normal"
            return "name: \(session.initiator)\(alias) sid: \(session.id) type: \(kind) session-state: LOGGED_IN "
                + "address: \(session.remoteAddress) target: \(session.target)\n"
        }.joined()
    }

    private func restore(_ line: ShellLine) async throws -> String {
        guard let path = line.positional.first ?? line.named["savefile"] else {
            throw ShellError("Missing required parameter savefile: restoreconfig savefile=…")
        }
        guard case .replace(var configuration, let unreadable) = try self.backend.change(from: path) else { return "" }
        let report = try await self.backend.configuration()
        // A file of LIO knows nothing of machines that boot: those that are here stay.
        if configuration.boot == Boot() {
            configuration.boot = Configuration.read(report.configuration).configuration.boot
        }
        let outcome = try await self.backend.change(
            ChangeRequest(
                .replace(configuration, unreadable: unreadable), expecting: report.generation, keepGoing: true))
        let words = (unreadable + outcome.problems.filter { !unreadable.contains($0) }).map {
            "\($0.severity.rawValue): \($0)"
        }
        return (words + ["Configuration restored from \(path)"]).map { $0 + "\n" }.joined()
    }

    private mutating func bookmark(_ line: ShellLine) throws(ShellError) -> String {
        let words = line.positional
        let name = words.count > 1 ? words[1] : "default"
        switch words.first ?? "show" {
        case "add":
            self.bookmarks[name] = self.here
            return "Bookmarked \(self.here) as \(name).\n"
        case "del":
            guard self.bookmarks.removeValue(forKey: name) != nil else { throw ShellError("No such bookmark \(name)") }
            return "Deleted bookmark \(name).\n"
        case "go":
            self.before = self.here
            self.here = try self.resolved("@" + name)
            return ""
        case "show":
            if self.bookmarks.isEmpty { return "No bookmarks yet.\n" }
            return self.bookmarks.sorted { $0.key < $1.key }.map { "\($0.key)  \($0.value)\n" }.joined()
        case let word:
            throw ShellError("bookmarks \(word): write add, del, go or show")
        }
    }

    private func help(_ line: ShellLine) throws(ShellError) -> String {
        guard let topic = line.positional.first else {
            let width = Self.verbs.map(\.usage.count).max() ?? 0
            return Self.verbs.map { verb in
                "\(verb.usage)\(String(repeating: " ", count: width - verb.usage.count))  \(verb.words)\n"
            }.joined()
        }
        guard let verb = Self.verbs.first(where: { $0.name == topic }) else {
            throw ShellError("Command not found \(topic)")
        }
        return "\(verb.usage)\n\n\(verb.name) \(verb.words).\n"
    }
}
