// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model

/// What is kept in files: saving, taking over, and the way out.
extension ShellSession {
    func farewell() async throws -> String {
        "Global pref auto_save_on_exit=true\n" + (try await self.savedWords())
    }

    private func savedWords() async throws -> String {
        let path = try await self.backend.status()?.configurationPath ?? self.backend.configurationPath
        let report = try await self.backend.configuration()
        let kept = Configuration.read(report.configuration).configuration.versionsKept ?? Model.Limits.versionsKept
        let history = report.generation <= 1 ? "" : "Last \(kept) configs saved in \(path).history/.\n"
        return history + "Configuration saved to \(path)\n"
    }

    func save(_ line: ShellLine) async throws -> String {
        guard let path = line.positional.first ?? line.named["savefile"] else { return try await self.savedWords() }
        try await self.backend.save(self.present(), to: path)
        return "Configuration saved to \(path)\n"
    }

    func restore(_ line: ShellLine) async throws -> String {
        var words = line.positional[...]
        func word(_ name: String) -> String? { line.named[name] ?? words.popFirst() }
        guard let path = word("savefile") else {
            throw ShellError("Missing required parameter savefile: restoreconfig savefile=…")
        }
        let clears = word("clear_existing").map { $0.lowercased() }
        guard [nil, "true", "false"].contains(clears) else {
            throw ShellError("clear_existing=\(clears ?? ""): write true or false")
        }
        let choice = RestoreChoice(target: word("target"), storageObject: word("storage_object"))
        guard case .replace(let saved, let unreadable) = try self.backend.change(from: path) else { return "" }
        let report = try await self.backend.configuration()
        let present = Configuration.read(report.configuration).configuration
        let wanted = try present.restoring(saved, choice, clearing: clears == "true")
        let outcome = try await self.backend.change(
            ChangeRequest(.replace(wanted, unreadable: unreadable), expecting: report.generation, keepGoing: true))
        let problems = (unreadable + outcome.problems.filter { !unreadable.contains($0) }).map {
            "\($0.severity.rawValue): \($0)"
        }
        return (problems + ["Configuration restored from \(path)"]).map { $0 + "\n" }.joined()
    }
}
