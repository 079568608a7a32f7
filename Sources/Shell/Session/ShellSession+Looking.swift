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
        case "sessions": return try await self.sessions(line)
        case "saveconfig": return try await self.save(line)
        case "refresh": return ""
        case "restoreconfig": return try await self.restore(line)
        case "bookmarks":
            let text = try self.bookmark(line)
            if line.positional.first == "go", let name = line.positional.dropFirst().first {
                try await self.go(to: self.resolved("@" + name))
            }
            return text
        case "version": return "\(self.version)\n"
        case "help": return try self.help(line)
        default: throw ShellError("Command not found \(verb); help lists the verbs")
        }
    }

    private func node(at path: TreePath) async throws -> TreeNode {
        let configuration = try await self.present()
        guard configuration.node(at: path) != nil else { throw ShellError(configuration.nothing(at: path)) }
        var sizes: [String: UInt64] = [:]
        for object in configuration.storageObjects where object.size == nil && object.plugin != "pscsi" {
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
        let wanted = try (line.named["depth"] ?? words.popFirst()).map { text throws(ShellError) in
            guard let depth = Int(text), depth >= 0 else { throw ShellError("\(text) is not a depth: write a number") }
            return depth
        }
        let depth = wanted ?? self.preferences.number("tree_max_depth")
        var documents: [String: String] = [:]
        var text = ""
        for one in place.hasWildcards ? try await self.matches(place) : [place] {
            let node = try await self.node(at: one)
            if self.isJSON {
                text = String(buffer: try JSONText.pretty(node.cut(to: depth > 0 ? depth : .max)))
                documents[one.description] = text
            } else {
                text += self.drawing(depth: depth).text(of: node, level: one.components.count)
            }
        }
        return self.isJSON && place.hasWildcards ? try Self.json(of: documents) : text
    }

    /// One document of those at several nodes, by their paths.
    static func json(of documents: [String: String]) throws -> String {
        let values = try documents.mapValues { try JSONText.read(JSONValue.self, from: ByteBuffer(string: $0)) }
        return String(buffer: JSONText.pretty(.object(values)))
    }

    private func drawing(depth: Int) -> TreeDrawing {
        TreeDrawing(
            columns: self.columns, depth: depth > 0 ? depth : nil,
            hasColours: self.hasColours && self.preferences.isOn("color_mode"),
            hasRoot: self.preferences.isOn("tree_show_root"), hasSummaries: self.preferences.isOn("tree_status_mode"),
            hasRoundNodes: self.preferences.isOn("tree_round_nodes"))
    }

    private func info(_ path: TreePath) async throws -> String {
        let configuration = try await self.present()
        guard let location = configuration.facts(at: path) else { throw ShellError(configuration.nothing(at: path)) }
        if self.isJSON {
            // Nodes that only hold others have no entry.
            let entry = configuration.savedEntry(at: path) ?? .object([:])
            return String(buffer: JSONText.pretty(entry.hidingSecrets))
        }
        return location.map { $0 + "\n" }.joined()
    }

    private func help(_ line: ShellLine) throws(ShellError) -> String {
        guard let topic = line.positional.first ?? line.named["topic"] else {
            let width = ShellVerb.all.map(\.usage.count).filter { $0 < 36 }.max() ?? 0
            return ShellVerb.introduction
                + ShellVerb.all.map { verb in
                    let gap = max(2, width + 2 - verb.usage.count)
                    return "  \(verb.usage)\(String(repeating: " ", count: gap))\(verb.words)\n"
                }.joined()
        }
        guard let verb = ShellVerb.all.first(where: { $0.name == topic }) else {
            throw ShellError("Cannot find help topic \(topic); help lists the verbs")
        }
        return "\(verb.usage)\n\n\(verb.lesson)\n"
    }
}
