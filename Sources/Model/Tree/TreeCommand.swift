// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A verb of the shell that changes the configuration: sent to whoever owns it, and done there.
package struct TreeCommand: Hashable, Sendable, Codable {
    package var path: String
    package var verb: String
    package var positional: [String]
    package var named: [String: String]

    package init(path: TreePath, verb: String, positional: [String] = [], named: [String: String] = [:]) {
        self.path = path.description
        self.verb = verb
        self.positional = positional
        self.named = named
    }

    /// The file or device that the verb needs to know something about.
    package var medium: String? {
        guard self.verb == "create", self.path.hasPrefix("/backstores/") else { return nil }
        return self.named["dev"] ?? self.named["file_or_dev"]
            ?? (self.positional.count > 1 ? self.positional[1] : nil)
    }
}

/// What the owner of the configuration finds out for a verb, as the configuration itself looks at nothing.
package struct TreeContext: Hashable, Sendable {
    /// A new UUID, for a serial number or a name.
    package var uuid: String
    /// The bytes of the command's medium; nil where there is no such file or device.
    package var mediumBytes: UInt64?

    package init(uuid: String, mediumBytes: UInt64? = nil) {
        self.uuid = uuid
        self.mediumBytes = mediumBytes
    }
}

/// Why a verb does nothing: a line for the user.
package struct TreeRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Configuration {
    /// Verbs that change the configuration; others only look at it.
    package static let changingVerbs = [
        "create", "delete", "set", "set_alua", "resize", "enable", "disable", "clearconfig",
    ]

    /// The configuration after `command`, and what the user is told.
    package func performing(
        _ command: TreeCommand, in context: TreeContext
    ) throws(TreeRefusal) -> (configuration: Configuration, messages: [String]) {
        guard let location = self.location(of: TreePath(command.path)) else {
            throw TreeRefusal("No such path \(command.path)")
        }
        var editor = TreeEditor(configuration: self, context: context)
        var arguments = TreeArguments(command)
        switch command.verb {
        case "create": try editor.create(at: location, &arguments)
        case "delete": try editor.delete(at: location, &arguments)
        case "set": try editor.set(at: location, &arguments)
        case "resize": try editor.resize(at: location, &arguments)
        case "set_alua": try editor.setALUAGroup(at: location, &arguments)
        case "enable", "disable": try editor.enable(command.verb == "enable", at: location)
        case "clearconfig": try editor.clear(&arguments)
        default: throw TreeRefusal("Command not found \(command.verb)")
        }
        try arguments.finish()
        return (editor.configuration, editor.messages)
    }
}

/// The arguments of a verb, taken by name or else by position.
struct TreeArguments {
    private let verb: String
    private var positional: ArraySlice<String>
    private var named: [String: String]

    init(_ command: TreeCommand) {
        self.verb = command.verb
        self.positional = command.positional[...]
        self.named = command.named
    }

    mutating func optional(_ names: String...) -> String? {
        for name in names {
            if let value = self.named.removeValue(forKey: name) { return value }
        }
        return self.positional.popFirst()
    }

    mutating func required(_ names: String...) throws(TreeRefusal) -> String {
        for name in names {
            if let value = self.named.removeValue(forKey: name) { return value }
        }
        guard let value = self.positional.popFirst() else {
            throw TreeRefusal("Missing required parameter \(names[0]): \(self.verb) \(names[0])=…")
        }
        return value
    }

    mutating func flag(_ name: String) throws(TreeRefusal) -> Bool? {
        guard let text = self.optional(name) else { return nil }
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw TreeRefusal("\(name)=\(text): write true or false")
        }
    }

    /// All `key=value` that are left.
    mutating func assignments() -> [(key: String, value: String)] {
        defer { self.named = [:] }
        return self.named.sorted { $0.key < $1.key }
    }

    func finish() throws(TreeRefusal) {
        if let key = self.named.keys.min() { throw TreeRefusal("Unexpected keyword parameter '\(key)'.") }
        if let word = self.positional.first { throw TreeRefusal("Unexpected parameter '\(word)' for \(self.verb)") }
    }
}
