// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore

/// `sessions`: who is logged in, in targetcli's lines.
extension ShellSession {
    func sessions(_ line: ShellLine) async throws -> String {
        var words = line.positional[...]
        // The number alone will do.
        let action = line.named["action"] ?? (words.first.map { Int($0) == nil } == true ? words.popFirst() : nil)
        guard ["list", "detail", nil].contains(action) else { throw ShellError("action must be one of: list, detail") }
        let wanted = try (line.named["sid"] ?? words.popFirst()).map { text throws(ShellError) in
            guard let number = UInt64(text) else { throw ShellError("sid must be a number, '\(text)' given") }
            return number
        }
        let all = try await self.backend.status()?.sessions ?? []
        let sessions = all.filter { wanted == nil || $0.id == wanted }
        if self.isJSON { return String(decoding: try JSONText.pretty(sessions).readableBytesView, as: UTF8.self) }
        if let wanted, sessions.isEmpty {
            throw ShellError("no session found with sid \(wanted); sessions lists those that there are")
        }
        guard !sessions.isEmpty else { return "(no open sessions)\n" }
        let configuration = try await self.present()
        return sessions.map { session in
            let lines =
                action == "detail"
                ? [Self.head(session)] + Self.details(of: session, in: configuration)
                : ["\(Self.head(session)) name: \(session.initiator)"]
            return lines.map { $0 + "\n" }.joined()
        }.joined()
    }

    private static func head(_ session: SessionStatus) -> String {
        let kind = session.isDiscovery ? "Discovery" : "Normal"
        return "alias: \(session.alias ?? "")\tsid: \(session.id) type: \(kind) session-state: LOGGED_IN"
    }

    private static func details(of session: SessionStatus, in configuration: Configuration) -> [String] {
        var lines = ["name: \(session.initiator)"]
        if !session.isDiscovery { lines.append("target: \(session.target)") }
        lines += configuration.mappings(of: session.initiator, at: session.target).map { mapping in
            "mapped-lun: \(mapping.lun) backstore: \(mapping.backstore) mode: \(mapping.isReadOnly ? "r" : "rw")"
        }
        lines.append("address: \(session.remoteAddress) (TCP)  connection-state: LOGGED_IN")
        let parameters = session.parameters.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
        if !parameters.isEmpty { lines.append("parameters: \(parameters.joined(separator: " "))") }
        return lines.map { "    " + $0 }
    }
}
