// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore

/// `get` and `set`.
extension ShellSession {
    func get(_ path: TreePath, _ line: ShellLine) async throws -> String {
        let group = line.positional.first ?? line.named["group"]
        if group == "global" {
            let shared = try await self.present().settings("global", at: TreePath()) ?? [:]
            let values = ShellPreferences.defaults.merging(self.preferences.global) { _, own in own }
                .merging(shared) { own, _ in own }
            return try self.shown(values, line.positional.dropFirst(), in: "global")
        }
        let configuration = try await self.present()
        guard let groups = configuration.settingGroups(at: path) else {
            throw ShellError(configuration.nothing(at: path))
        }
        guard let group else { return Self.words(of: groups) }
        guard let values = configuration.settings(group, at: path) else {
            throw ShellError("Unknown configuration group: \(group)\(Self.remedy(groups))")
        }
        return try self.shown(values, line.positional.dropFirst(), in: group)
    }

    private func shown(
        _ values: [String: String], _ names: ArraySlice<String>, in group: String
    ) throws -> String {
        if let unknown = names.first(where: { values[$0] == nil }) {
            throw ShellError("No parameter '\(unknown)' in group '\(group)'; get \(group) shows those that there are")
        }
        var chosen = values.filter { names.isEmpty || names.contains($0.key) }
        for (name, value) in chosen where name.hasSuffix("password") && !value.isEmpty {
            chosen[name] = JSONValue.hiddenSecret
        }
        if self.isJSON { return try Self.json(chosen) }
        return chosen.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    }

    static func json(_ values: [String: String]) throws -> String {
        String(buffer: try JSONText.pretty(values))
    }

    /// `set` without anything to set tells what there is.
    func settable(_ path: TreePath, _ line: ShellLine) async throws -> String {
        let configuration = try await self.present()
        guard let groups = configuration.settingGroups(at: path) else {
            throw ShellError(configuration.nothing(at: path))
        }
        guard let group = line.positional.first else { return Self.words(of: groups) }
        guard let values = configuration.settings(group, at: path) else {
            throw ShellError("Unknown configuration group: \(group)\(Self.remedy(groups))")
        }
        if let word = line.positional.dropFirst().first {
            throw ShellError("\(word) sets nothing: write set \(group) name=value")
        }
        return values.keys.sorted().map { name in
            "\(name)=\(SettingDomain(of: name, in: group)?.description ?? "text")\n"
        }.joined()
    }

    /// Preferences are the user's own; `max_backup_files` belongs to the configuration.
    mutating func setGlobal(_ line: ShellLine) async throws -> String {
        if let count = line.named["max_backup_files"] {
            guard line.named.count == 1 else {
                throw ShellError("max_backup_files is set by itself: it is everybody's")
            }
            let command = TreeCommand(
                path: TreePath(), verb: "set", positional: ["global"], named: ["max_backup_files": count])
            return self.words(of: try await self.backend.change(ChangeRequest(.tree(command))))
        }
        guard !line.named.isEmpty else {
            return ShellPreferences.defaults.keys.sorted().map { name in
                let words = ShellPreferences.candidates(for: name)
                let kind = name == "logfile" ? "a path" : "a number"
                return "\(name)=\(words.isEmpty ? kind : words.joined(separator: "|"))\n"
            }.joined() + "max_backup_files=a number, of all users\n"
        }
        let assignments = line.named.sorted { $0.key < $1.key }
        try self.keepPreferences { preferences in
            for (name, value) in assignments { try preferences.set(name, to: value) }
        }
        return assignments.map { "Parameter \($0.key) is now '\($0.value)'.\n" }.joined()
    }

    private static func words(of groups: [String]) -> String {
        "groups here: " + (groups + ["global"]).joined(separator: ", ") + "\n"
    }

    private static func remedy(_ groups: [String]) -> String {
        "; groups here: " + (groups + ["global"]).joined(separator: ", ")
    }
}
