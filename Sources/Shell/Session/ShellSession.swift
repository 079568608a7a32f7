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
    /// Whether the terminal shows colours.
    package var hasColours = false
    /// Lets the user choose a line; nil where there is nobody to choose.
    var picker: Picker?
    var here = TreePath()
    var places = Places()
    var preferences: ShellPreferences
    private let preferencesFile: PreferencesFile?
    let version: String

    typealias Picker = @Sendable (_ lines: [String], _ start: Int) -> Int?

    /// - Parameter preferencesFile: where the user's preferences are kept; nil to keep them for this session.
    package init(
        backend: any ShellBackend, version: String, columns: Int = 80, preferencesFile: PreferencesFile? = nil
    ) {
        self.backend = backend
        self.version = version
        self.columns = columns
        self.preferencesFile = preferencesFile
        self.preferences = preferencesFile?.load() ?? ShellPreferences()
    }

    /// What a line came to.
    package struct Outcome: Sendable {
        /// Lines for the user, each with its end.
        package var text: String
        /// Whether the shell is to end.
        package var isLast = false
        /// What kept a line that is done at several nodes from its end.
        package var failure: (any Error)?
    }

    /// What ended a line after some of it had been done.
    private struct Interruption: Error {
        var text: String
        var cause: any Error
    }

    static func isVerb(_ word: String) -> Bool {
        ShellVerb.all.contains { $0.name == word }
    }

    /// `/iscsi/iqn.20...ver/tpg1/acls> `: the path cut in its middle, as configshell does it.
    package var prompt: String {
        let path = self.here.description
        let length = self.preferences.number("prompt_length")
        guard length > 0, path.count > length else { return path + "> " }
        let half = max(1, (length - 3) / 2)
        return "\(path.prefix(half))...\(path.suffix(half))> "
    }

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
        self.preferences.log.write(.debug, line.loggedText)
        do {
            return try await self.performWhole(line)
        } catch let interruption as Interruption {
            self.preferences.log.write(.error, "\(interruption.cause)")
            return Outcome(text: interruption.text, failure: interruption.cause)
        } catch {
            self.preferences.log.write(.error, "\(error)")
            throw error
        }
    }

    private mutating func performWhole(_ line: ShellLine) async throws -> Outcome {
        let path = try self.resolved(line.path)
        if path.hasWildcards { return try await self.performAtEach(path, line) }
        guard let verb = line.verb else {
            if let word = line.path, !word.contains("/"), !word.hasPrefix("."), !word.hasPrefix("@"),
                try await self.present().node(at: path) == nil
            {
                throw ShellError("Command not found \(word); help lists the verbs")
            }
            // A path alone goes there.
            try await self.go(to: path)
            return Outcome(text: "")
        }
        if verb == "exit" { return Outcome(text: try await self.farewell(), isLast: true) }
        return Outcome(text: try await self.perform(verb, at: path, line))
    }

    private mutating func perform(_ verb: String, at path: TreePath, _ line: ShellLine) async throws -> String {
        guard Configuration.changingVerbs.contains(verb) else { return try await self.look(verb, at: path, line) }
        if verb == "set" {
            if line.positional.first == "global" { return try await self.setGlobal(line) }
            if line.named.isEmpty { return try await self.settable(path, line) }
        }
        if verb == "delete", let name = line.positional.first, let pattern = Pattern(name) {
            return try await self.deleteEach(pattern, name, at: path)
        }
        return try await self.change(verb, at: path, line)
    }

    /// A path with wildcards: the verb at each node that it means, `ls` where there is none.
    private mutating func performAtEach(_ path: TreePath, _ line: ShellLine) async throws -> Outcome {
        let verb = line.verb ?? "ls"
        guard verb != "cd", verb != "exit" else { throw ShellError("\(verb) is not for many nodes at once") }
        var text = ""
        let isDocument = self.isJSON && ShellVerb.listing.contains(verb)
        var documents: [String: String] = [:]
        for place in try await self.matches(path) {
            if isDocument {
                documents[place.description] = try await self.perform(verb, at: place, line)
                continue
            }
            text += "[\(place)]\n"
            do {
                text += try await self.perform(verb, at: place, line)
            } catch let interruption as Interruption {
                throw Interruption(text: text + interruption.text, cause: interruption.cause)
            } catch {
                throw Interruption(text: text, cause: error)
            }
        }
        return Outcome(text: isDocument ? try Self.json(of: documents) : text)
    }

    func matches(_ path: TreePath) async throws -> [TreePath] {
        let configuration = try await self.present()
        guard let root = configuration.node(at: TreePath()) else { return [] }
        let found = path.matches(in: root)
        guard !found.isEmpty else { throw ShellError(configuration.nothing(at: path)) }
        return found
    }

    private func deleteEach(_ pattern: Pattern, _ name: String, at path: TreePath) async throws -> String {
        let configuration = try await self.present()
        guard let node = configuration.node(at: path) else { throw ShellError(configuration.nothing(at: path)) }
        let found = node.children.map(\.name).filter(pattern.matches)
        guard !found.isEmpty else { throw ShellError("nothing here is called \(name); ls shows what is here") }
        var text = ""
        for child in found {
            let command = TreeCommand(path: path, verb: "delete", positional: [child])
            do {
                text += self.words(of: try await self.backend.change(ChangeRequest(.tree(command))))
            } catch {
                throw Interruption(text: text, cause: error)
            }
        }
        return text
    }

    /// The configuration as it is now.
    func present() async throws -> Configuration {
        Configuration.read(try await self.backend.configuration().configuration).configuration
    }

    private mutating func change(_ verb: String, at path: TreePath, _ line: ShellLine) async throws -> String {
        var command = TreeCommand(path: path, verb: verb, positional: line.positional, named: line.named)
        if verb == "create" { self.complete(&command, at: path) }
        let report = try await self.backend.change(ChangeRequest(.tree(command)))
        let text = self.words(of: report)
        let enters = self.preferences.isOn("auto_cd_after_create")
        guard self.picker != nil || enters, let created = report.created else { return text }
        try self.keepPreferences { $0.bookmarks["last"] = created }
        guard enters else { return text }
        try await self.go(to: TreePath(created))
        return text + "Entering new node \(created)\n"
    }

    /// What the user's preferences and place add to `create`.
    private func complete(_ command: inout TreeCommand, at path: TreePath) {
        let parts = path.components
        let isGroup = parts.first == "iscsi" && parts.count < 3
        if isGroup, !self.preferences.isOn("auto_add_default_portal") { command.named["add_default_portal"] = "false" }
        if isGroup, !self.preferences.isOn("auto_enable_tpgt") { command.named["enable"] = "false" }
        if parts.first == "backstores", parts.count == 2, !self.preferences.isOn("export_backstore_name_as_model") {
            command.named["model_alias"] = "false"
        }
        let maps = parts.count == 4 && (parts.last == "luns" || parts.last == "acls")
        if maps, command.named["add_mapped_luns"] == nil, !self.preferences.isOn("auto_add_mapped_luns") {
            command.named["add_mapped_luns"] = "false"
        }
        // A LUN's backstore may be named from where one stands.
        guard parts.count == 4, parts.last == "luns",
            let named = command.named["storage_object"] ?? command.positional.first
        else { return }
        let absolute = TreePath(named, from: self.here).description
        if command.named["storage_object"] != nil {
            command.named["storage_object"] = absolute
        } else {
            command.positional[0] = absolute
        }
    }

    func words(of report: ChangeReport) -> String {
        let concerns = report.fresh.filter { $0.severity == .warning && $0.path.hasPrefix("targets") }
            .map { "Warning: \($0.cause); \($0.remedy)" }
        for message in report.messages { self.preferences.log.write(.info, message) }
        for concern in concerns { self.preferences.log.write(.warning, concern) }
        let level = self.preferences.consoleLevel
        return ((level <= .info ? report.messages : []) + (level <= .warning ? concerns : [])).map { $0 + "\n" }
            .joined()
    }

    /// Changes the user's preferences, those that another shell may have written meanwhile.
    mutating func keepPreferences(_ change: (inout ShellPreferences) throws -> Void) throws {
        var present = self.preferencesFile?.load() ?? self.preferences
        try change(&present)
        self.preferences = present
        try self.preferencesFile?.save(present)
    }
}
