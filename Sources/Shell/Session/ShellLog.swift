// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Model

/// How much something matters, as configshell names it.
package enum ShellLogLevel: String, Sendable, CaseIterable, Comparable {
    case debug, info, warning, error, critical

    package static func < (left: ShellLogLevel, right: ShellLogLevel) -> Bool {
        let order = Self.allCases
        return (order.firstIndex(of: left) ?? 0) < (order.firstIndex(of: right) ?? 0)
    }
}

/// The file that a user wants the shell's lines and what came of them to be written to (`logfile`, `loglevel_file`).
struct ShellLog: Sendable {
    /// Empty for none.
    var path: String
    var level: ShellLogLevel

    /// Appends a line with the time in front. One that cannot be written is no reason not to do what the user says.
    func write(_ level: ShellLogLevel, _ text: String) {
        guard !self.path.isEmpty, level >= self.level else { return }
        let file = unsafe open(self.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        var stamp = [CChar](repeating: 0, count: 32)
        _ = unsafe strftime(&stamp, stamp.count, "%Y-%m-%d %H:%M:%S", &parts)
        let when = String(decoding: stamp.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let lines = text.split(separator: "\n").map { "\(when) \(level.rawValue.uppercased()) \($0)\n" }
        let bytes = Array(lines.joined().utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
    }
}

extension ShellLine {
    /// What was typed, without secrets.
    var loggedText: String {
        let named = self.named.sorted { $0.key < $1.key }.map { name, value in
            "\(name)=\(name.hasSuffix("password") ? JSONValue.hiddenSecret : value)"
        }
        return ([self.path, self.verb].compactMap(\.self) + self.positional + named).joined(separator: " ")
    }
}
