// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a user has chosen for all runs of the shell: `set global`, and bookmarks.
package struct ShellPreferences: Sendable, Hashable, Codable {
    /// Paths by their names.
    package var bookmarks: [String: String] = [:]
    /// Settings that are not at their defaults.
    package var global: [String: String] = [:]

    package init() {}

    /// targetcli's names and defaults.
    static let defaults: [String: String] = [
        "auto_add_default_portal": "true", "auto_add_mapped_luns": "true", "auto_cd_after_create": "false",
        "auto_enable_tpgt": "true", "auto_save_on_exit": "true", "color_mode": "true",
        "export_backstore_name_as_model": "true", "logfile": "", "loglevel_console": "info",
        "loglevel_file": "debug", "prompt_length": "30", "tree_max_depth": "0",
        "tree_round_nodes": "true", "tree_show_root": "true", "tree_status_mode": "true",
    ]

    /// Those that cannot be otherwise here, and why.
    private static let fixed = [
        "auto_save_on_exit": "every change is in the file when the prompt is back"
    ]

    func value(_ name: String) -> String? {
        self.global[name] ?? Self.defaults[name]
    }

    func isOn(_ name: String) -> Bool {
        self.value(name) == "true"
    }

    /// A number; 0 where it is none.
    func number(_ name: String) -> Int {
        self.value(name).flatMap { Int($0) } ?? 0
    }

    /// What a preference can be; empty where that is no choice.
    static func candidates(for name: String) -> [String] {
        if Self.isNumber(name) || name == "logfile" { return [] }
        return name.hasPrefix("loglevel") ? ShellLogLevel.allCases.map(\.rawValue) : ["false", "true"]
    }

    var consoleLevel: ShellLogLevel {
        self.value("loglevel_console").flatMap(ShellLogLevel.init(rawValue:)) ?? .info
    }

    var log: ShellLog {
        ShellLog(
            path: self.value("logfile") ?? "",
            level: self.value("loglevel_file").flatMap(ShellLogLevel.init(rawValue:)) ?? .debug)
    }

    private static func isNumber(_ name: String) -> Bool {
        name == "prompt_length" || name == "tree_max_depth"
    }

    mutating func set(_ name: String, to value: String) throws(ShellError) {
        guard let usual = Self.defaults[name] else {
            throw ShellError("Unknown parameter \(name) in group 'global'; set global lists those that there are")
        }
        if Self.isNumber(name) {
            guard let number = Int(value), number >= 0 else {
                throw ShellError("Not setting \(name)! '\(value)' is not a number")
            }
        } else if name == "logfile" {
            guard value.isEmpty || value.hasPrefix("/") else {
                throw ShellError("Not setting \(name)! '\(value)' is no absolute path; logfile= alone writes none")
            }
        } else if case let words = Self.candidates(for: name), !words.contains(value) {
            throw ShellError("Not setting \(name)! '\(value)' is not \(words.joined(separator: "|"))")
        }
        if let reason = Self.fixed[name], value != usual { throw ShellError("Not setting \(name)! \(reason)") }
        self.global[name] = value == usual ? nil : value
    }
}
