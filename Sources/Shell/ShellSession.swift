// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model

/// A user's session with the shell: where they stand in the tree, and what each line does.
///
/// Looking is done here, on the configuration as it is now; changing is asked of its owner, verb by verb, so that
/// several users' changes meet.
package struct ShellSession: Sendable {
    let backend: any ShellBackend
    /// How wide listings are.
    package var columns: Int
    package var isJSON = false
    var here = TreePath()
    var before = TreePath()
    var bookmarks: [String: TreePath] = [:]
    let version: String

    package init(backend: any ShellBackend, version: String, columns: Int = 80) {
        self.backend = backend
        self.version = version
        self.columns = columns
    }

    /// What a line came to.
    package struct Outcome: Sendable {
        /// Lines for the user, each with its end.
        package var text: String
        /// Whether the shell is to end.
        package var isLast = false
    }

    /// Every verb, with what `help` says of it.
    package static let verbs: [(name: String, usage: String, words: String)] = [
        ("bookmarks", "bookmarks [add|del|go|show] [NAME]", "remembers paths"),
        ("cd", "cd [PATH | - | @BOOKMARK]", "goes to a path"),
        ("clearconfig", "clearconfig confirm=true", "removes every backstore and target"),
        ("create", "create …", "makes a child of this node; its parameters depend on the node"),
        ("delete", "delete NAME", "removes a child of this node"),
        ("disable", "disable", "takes a portal group out of service"),
        ("enable", "enable", "puts a portal group into service"),
        ("exit", "exit", "leaves the shell"),
        ("get", "get GROUP [NAME …]", "shows settings: attribute, parameter, auth"),
        ("help", "help [VERB]", "shows this"),
        ("info", "info", "shows what is saved of this node"),
        ("ls", "ls [PATH] [DEPTH]", "draws the tree"),
        ("pwd", "pwd", "shows where you are"),
        ("refresh", "refresh", "does nothing: the tree is always the present one"),
        ("resize", "resize SIZE", "makes a file or RAM disk larger while it is served"),
        ("restoreconfig", "restoreconfig FILE", "applies a saved file as far as it goes"),
        ("saveconfig", "saveconfig", "says where every change has been saved already"),
        ("sessions", "sessions [list|detail]", "shows who is logged in"),
        ("set", "set GROUP NAME=VALUE …", "changes settings"),
        ("status", "status", "shows the summary of this node"),
        ("version", "version", "shows the version"),
    ]

    static func isVerb(_ word: String) -> Bool {
        Self.verbs.contains { $0.name == word }
    }

    /// `/iscsi/iqn.20...ver/tpg1/acls> `: the path cut in its middle to 30 characters, as configshell does it.
    package var prompt: String {
        let path = self.here.description
        guard path.count > Self.promptLength else { return path + "> " }
        let half = (Self.promptLength - 3) / 2
        return "\(path.prefix(half))...\(path.suffix(half))> "
    }

    private static let promptLength = 30

    /// Does what a line says.
    package mutating func run(_ text: String) async throws -> Outcome {
        guard let line = try ShellLine(text, isVerb: Self.isVerb) else { return Outcome(text: "") }
        return try await self.perform(line)
    }

    /// Does what the words of a command line say.
    package mutating func run(words: [String]) async throws -> Outcome {
        guard let line = try ShellLine(words: words, isVerb: Self.isVerb) else { return Outcome(text: "") }
        return try await self.perform(line)
    }

    private mutating func perform(_ line: ShellLine) async throws -> Outcome {
        let path = try self.resolved(line.path)
        guard let verb = line.verb else {
            if let word = line.path, !word.contains("/"), !word.hasPrefix("."), !word.hasPrefix("@"),
                try await self.present().node(at: path) == nil
            {
                throw ShellError("Command not found \(word)")
            }
            // A path alone goes there.
            try await self.go(to: path)
            return Outcome(text: "")
        }
        if verb == "exit" { return Outcome(text: try await self.farewell(), isLast: true) }
        if Configuration.changingVerbs.contains(verb) {
            return Outcome(text: try await self.change(verb, at: path, line))
        }
        return Outcome(text: try await self.look(verb, at: path, line))
    }

    func resolved(_ text: String?) throws(ShellError) -> TreePath {
        guard let text else { return self.here }
        guard text.hasPrefix("@") else { return TreePath(text, from: self.here) }
        guard let path = self.bookmarks[String(text.dropFirst())] else {
            throw ShellError("No such bookmark \(text.dropFirst())")
        }
        return path
    }

    mutating func go(to path: TreePath) async throws {
        guard try await self.present().node(at: path) != nil else { throw ShellError("No such path \(path)") }
        self.before = self.here
        self.here = path
    }

    /// The configuration as it is now.
    func present() async throws -> Configuration {
        Configuration.read(try await self.backend.configuration().configuration).configuration
    }

    private func change(_ verb: String, at path: TreePath, _ line: ShellLine) async throws -> String {
        var command = TreeCommand(path: path, verb: verb, positional: line.positional, named: line.named)
        // A LUN's backstore may be named from where one stands.
        if verb == "create", path.components.last == "luns",
            let named = command.named["storage_object"] ?? command.positional.first
        {
            let absolute = TreePath(named, from: self.here).description
            if command.named["storage_object"] != nil {
                command.named["storage_object"] = absolute
            } else {
                command.positional[0] = absolute
            }
        }
        let report = try await self.backend.change(ChangeRequest(.tree(command)))
        let concerns = report.problems.filter { $0.severity == .warning && $0.path.hasPrefix("targets") }
        return (report.messages + concerns.map { "Warning: \($0)" }).map { $0 + "\n" }.joined()
    }

    private func farewell() async throws -> String {
        "Global pref auto_save_on_exit=true\n" + (try await self.savedWords())
    }

    func savedWords() async throws -> String {
        let path = try await self.backend.status()?.configurationPath ?? self.backend.configurationPath
        return "Configuration saved to \(path)\n"
    }
}
