// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Change {
    /// `{"op": "client.add", …}`, as the API carries it.
    package var json: JSONValue {
        switch self {
        case .addClient(let client):
            .object(["op": .string("client.add"), "client": client.json])
        case .patchClient(let name, let patch):
            .object(["op": .string("client.set"), "name": .string(name), "patch": patch])
        case .removeClient(let name):
            .object(["op": .string("client.remove"), "name": .string(name)])
        case .addGroup(let group):
            .object(["op": .string("group.add"), "group": group.json])
        case .patchGroup(let name, let patch):
            .object(["op": .string("group.set"), "name": .string(name), "patch": patch])
        case .removeGroup(let name):
            .object(["op": .string("group.remove"), "name": .string(name)])
        case .setServices(let services):
            .object(["op": .string("services.set"), "services": services?.json ?? .null])
        case .tree(let command):
            .object([
                "op": .string("tree"), "path": .string(command.path), "verb": .string(command.verb),
                "positional": .array(command.positional.map(JSONValue.string)),
                "named": .object(command.named.mapValues(JSONValue.string)),
            ])
        case .replace(let configuration, _):
            .object(["op": .string("replace"), "configuration": configuration.json])
        }
    }

    /// Reads what `json` wrote.
    package static func read(_ json: JSONValue) throws(ChangeRefusal) -> Change {
        guard case .object(let members) = json else {
            throw .unreadable([.error("", "a change is an object, not \(json.kindName)", "send {\"op\": …}")])
        }
        var reader = ObjectReader(members, path: "")
        let change: Change?
        switch reader.required("op") {
        case "client.add":
            change = reader.nested("client") { BootClient(&$0) }.map(Change.addClient)
        case "client.set":
            change = .patchClient(name: reader.required("name"), patch: Self.patch(&reader))
        case "client.remove":
            change = .removeClient(name: reader.required("name"))
        case "group.add":
            change = reader.nested("group") { ClientGroup(&$0) }.map(Change.addGroup)
        case "group.set":
            change = .patchGroup(name: reader.required("name"), patch: Self.patch(&reader))
        case "group.remove":
            change = .removeGroup(name: reader.required("name"))
        case "services.set":
            change =
                members["services"] == .null
                ? .setServices(nil)
                : reader.nested("services") { ServiceSettings(&$0) }.map(Change.setServices)
        case "tree":
            change = .tree(Self.treeCommand(&reader, members))
        case "replace":
            let (configuration, problems) = Configuration.read(members["configuration"] ?? .null)
            return .replace(configuration, unreadable: problems)
        case let op:
            throw .unreadable([.error("op", "\(op) is not a change", "send one of the API's changes")])
        }
        guard let change, reader.isSound, reader.problems.isEmpty else {
            let missing = Problem.error("", "the change's content is missing", "send it with the op")
            throw .unreadable(reader.problems.isEmpty ? [missing] : reader.problems)
        }
        return change
    }

    private static func patch(_ reader: inout ObjectReader) -> JSONValue {
        .object(reader.object("patch") ?? [:])
    }

    private static func treeCommand(_ reader: inout ObjectReader, _ members: [String: JSONValue]) -> TreeCommand {
        var command = TreeCommand(path: TreePath(reader.required("path")), verb: reader.required("verb"))
        if case .array(let words)? = members["positional"] {
            command.positional = words.compactMap { if case .string(let word) = $0 { word } else { nil } }
        }
        if case .object(let values)? = members["named"] {
            command.named = values.compactMapValues { if case .string(let value) = $0 { value } else { nil } }
        }
        return command
    }
}
