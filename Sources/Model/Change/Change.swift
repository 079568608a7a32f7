// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One change of a configuration, as the command line, the API and the shell ask for it.
///
/// A change is sent to whoever owns the configuration and applied there to what it then is, so that two people's
/// changes at the same time both take effect.
package enum Change: Hashable, Sendable {
    case addClient(BootClient)
    /// Changes the members that `patch` (RFC 7396) names; null takes one back to its default.
    case patchClient(name: String, patch: JSONValue)
    case removeClient(name: String)
    case addGroup(ClientGroup)
    /// As `patchClient`.
    case patchGroup(name: String, patch: JSONValue)
    case removeGroup(name: String)
    /// Sets the boot services, or with nil does away with them.
    case setServices(ServiceSettings?)
    /// Puts another configuration in the place of this one. `unreadable` is what could not be read of it.
    /// Does a verb of the shell.
    case tree(TreeCommand)
    case replace(Configuration, unreadable: [Problem] = [])
}

/// Why a change makes no sense for the configuration it met.
package enum ChangeRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case clientExists(String)
    case noSuchClient(String, known: [String])
    case groupExists(String)
    case noSuchGroup(String, known: [String])
    case unreadable([Problem])
    case verb(TreeRefusal)

    package var description: String {
        switch self {
        case .clientExists(let name):
            "there is a machine \(name) already; change it with: apus client set \(name) …"
        case .noSuchClient(let name, let known):
            known.isEmpty
                ? "there is no machine \(name), nor any other; add it with: apus client add \(name) --mac … --image …"
                : "there is no machine \(name); machines here: \(known.joined(separator: ", "))"
        case .groupExists(let name):
            "there is a group \(name) already; change it with: apus group set \(name) …"
        case .noSuchGroup(let name, let known):
            known.isEmpty
                ? "there is no group \(name), nor any other; add it with: apus group add \(name) --image …"
                : "there is no group \(name); groups here: \(known.joined(separator: ", "))"
        case .unreadable(let problems):
            problems.map(\.description).joined(separator: "; ")
        case .verb(let refusal): refusal.description
        }
    }
}

extension ChangeRefusal {
    package var isUnknownName: Bool {
        switch self {
        case .noSuchClient, .noSuchGroup: true
        case .clientExists, .groupExists, .unreadable, .verb: false
        }
    }
}

extension Configuration {
    /// The configuration after `change`, not validated yet, and what whoever asked for it is told.
    package func applying(
        _ change: Change, in context: TreeContext
    ) throws(ChangeRefusal) -> ChangedConfiguration {
        guard case .tree(let command) = change else {
            return ChangedConfiguration(configuration: try self.applying(change))
        }
        do throws(TreeRefusal) {
            return try self.performing(command, in: context)
        } catch {
            throw .verb(error)
        }
    }

    /// The configuration after a change that needs to know nothing of the host.
    package func applying(_ change: Change) throws(ChangeRefusal) -> Configuration {
        var result = self
        switch change {
        case .addClient(let client):
            guard !self.boot.clients.contains(where: { $0.name == client.name }) else {
                throw .clientExists(client.name)
            }
            result.boot.clients.append(client)
        case .patchClient(let name, let patch):
            let index = try self.index(ofClient: name)
            result.boot.clients[index] = try Self.patched(
                self.boot.clients[index].json, patch, at: "boot.clients[\(index)]"
            ) { BootClient(&$0) }
        case .removeClient(let name):
            result.boot.clients.remove(at: try self.index(ofClient: name))
        case .addGroup(let group):
            guard !self.boot.groups.contains(where: { $0.name == group.name }) else { throw .groupExists(group.name) }
            result.boot.groups.append(group)
        case .patchGroup(let name, let patch):
            let index = try self.index(ofGroup: name)
            result.boot.groups[index] = try Self.patched(
                self.boot.groups[index].json, patch, at: "boot.groups[\(index)]"
            ) { ClientGroup(&$0) }
        case .removeGroup(let name):
            result.boot.groups.remove(at: try self.index(ofGroup: name))
        case .setServices(let services):
            result.boot.services = services
        case .replace(let configuration, _):
            result = configuration
        case .tree:
            preconditionFailure("a verb is performed in a context")
        }
        return result
    }

    private func index(ofClient name: String) throws(ChangeRefusal) -> Int {
        guard let index = self.boot.clients.firstIndex(where: { $0.name == name }) else {
            throw .noSuchClient(name, known: self.boot.clients.map(\.name).sorted())
        }
        return index
    }

    private func index(ofGroup name: String) throws(ChangeRefusal) -> Int {
        guard let index = self.boot.groups.firstIndex(where: { $0.name == name }) else {
            throw .noSuchGroup(name, known: self.boot.groups.map(\.name).sorted())
        }
        return index
    }

    private static func patched<Entry>(
        _ entry: JSONValue, _ patch: JSONValue, at path: String, _ read: (inout ObjectReader) -> Entry
    ) throws(ChangeRefusal) -> Entry {
        guard case .object(let members) = entry.merging(patch) else {
            throw .unreadable([.error(path, "\(patch.kindName) stands where an object belongs", "send an object")])
        }
        var reader = ObjectReader(members, path: path)
        let entry = read(&reader)
        guard reader.isSound else { throw .unreadable(reader.problems) }
        return entry
    }
}
