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
        guard self.verb == "create" else { return nil }
        let parts = TreePath(self.path).components
        if parts.first == "backstores" {
            return self.named["dev"] ?? self.named["file_or_dev"] ?? self.positional.dropFirst().first
        }
        guard let name = self.backstoreName, name.hasPrefix("/"), !name.hasPrefix("/backstores/") else { return nil }
        return name
    }

    /// Whether the verb needs to know the addresses of the host.
    package var wantsAddresses: Bool {
        self.verb == "create" && TreePath(self.path).components.last == "portals"
    }

    /// What a LUN or a mapping is to be made of: a backstore's path, or that of a file or device.
    private var backstoreName: String? {
        let parts = TreePath(self.path).components
        if parts.last == "luns" { return self.named["storage_object"] ?? self.positional.first }
        guard parts.count == 5, parts[3] == "acls" else { return nil }
        return self.named["tpg_lun_or_backstore"] ?? self.positional.dropFirst().first
    }
}

/// What the owner of the configuration finds out for a verb, as the configuration itself looks at nothing.
package struct TreeContext: Hashable, Sendable {
    /// A new UUID, for a serial number or a name.
    package var uuid: String
    /// The bytes of the command's medium; nil where there is no such file or device.
    package var mediumBytes: UInt64?
    /// Whether it is a block device.
    package var isDevice: Bool
    /// The numeric addresses of the host, for a portal; nil where they are not asked for.
    package var addresses: [String]?

    package init(uuid: String, mediumBytes: UInt64? = nil, isDevice: Bool = false, addresses: [String]? = nil) {
        self.uuid = uuid
        self.mediumBytes = mediumBytes
        self.isDevice = isDevice
        self.addresses = addresses
    }
}

/// Why a verb does nothing: a line for the user.
package struct TreeRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }

    /// A node that has not this verb.
    static func misplaced(_ verb: String) -> TreeRefusal {
        TreeRefusal("Command not found \(verb) here; help \(verb) tells where it is")
    }
}

extension Configuration {
    /// Verbs that change the configuration; others only look at it.
    package static let changingVerbs = [
        "create", "delete", "set", "resize", "enable", "disable", "tag", "untag", "clearconfig",
    ]

    /// The configuration after `command`, and what the user is told.
    package func performing(_ command: TreeCommand, in context: TreeContext) throws(TreeRefusal) -> ChangedConfiguration
    {
        guard let location = self.location(of: TreePath(command.path)) else {
            throw TreeRefusal(self.nothing(at: TreePath(command.path)))
        }
        var editor = TreeEditor(configuration: self, context: context)
        var arguments = TreeArguments(command)
        switch command.verb {
        case "create": try editor.create(at: location, &arguments)
        case "delete": try editor.delete(at: location, &arguments)
        case "set": try editor.set(at: location, &arguments)
        case "resize": try editor.resize(at: location, &arguments)
        case "enable", "disable": try editor.enable(command.verb == "enable", at: location)
        case "tag": try editor.tag(at: location, &arguments)
        case "untag": try editor.untag(at: location, &arguments)
        case "clearconfig": try editor.clear(&arguments)
        default: throw TreeRefusal("Command not found \(command.verb); help lists the verbs")
        }
        try arguments.finish()
        return ChangedConfiguration(
            configuration: editor.configuration, messages: editor.messages,
            created: editor.created.map { TreePath(command.path).child($0).description })
    }
}

/// What a change makes of a configuration.
package struct ChangedConfiguration: Sendable {
    package var configuration: Configuration
    /// What whoever asked for it is told.
    package var messages: [String] = []
    /// The path of the node that there is now.
    package var created: String?
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
        try self.optional(name).map { text throws(TreeRefusal) in try Self.truth(text, of: name) }
    }

    /// A flag that is not to be had by position.
    mutating func namedFlag(_ name: String) throws(TreeRefusal) -> Bool? {
        try self.named.removeValue(forKey: name).map { text throws(TreeRefusal) in try Self.truth(text, of: name) }
    }

    private static func truth(_ text: String, of name: String) throws(TreeRefusal) -> Bool {
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
        if let key = self.named.keys.min() {
            throw TreeRefusal("Unexpected keyword parameter '\(key)'; help \(self.verb) tells which there are")
        }
        if let word = self.positional.first { throw TreeRefusal("Unexpected parameter '\(word)' for \(self.verb)") }
    }
}
