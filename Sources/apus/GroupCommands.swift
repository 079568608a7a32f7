// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import Model

/// `apus group`: what machines have in common.
struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group", abstract: "Say what machines have in common.",
        discussion: """
            What a machine does not say of itself its group says, each option as a whole: a machine's kernel arguments take \
            the place of the group's.

            Example:
              apus group add lab --image bookworm --method kernel --chap per-boot
              apus client add pc1 --mac 52:54:00:12:34:56 --group lab
            """,
        subcommands: [
            GroupAddCommand.self, GroupListCommand.self, GroupShowCommand.self, GroupSetCommand.self,
            GroupRemoveCommand.self,
        ])
}

struct GroupAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Add a group.")

    @Argument(help: "The group's name: small letters, digits, - and .")
    var name: String

    @OptionGroup var settings: SettingsOptions
    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let members = try self.settings.patch().merging(["name": .string(self.name)]) { _, name in name }
            .filter { $0.value != .null }
        let change = try Change.reading(.object(["op": .string("group.add"), "group": .object(members)]))
        let outcome = try await self.options.administration.change(ChangeRequest(change))
        print(outcome.words("added group \(self.name)"))
    }
}

struct GroupListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the groups.")

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let groups = try await self.options.administration.groups()
        if self.json {
            StandardOutput.write(try JSONText.pretty(groups.map(\.json.hidingSecrets)))
        } else if groups.isEmpty {
            print("no groups; add one: apus group add NAME --image IMAGE")
        } else {
            let clients = try await self.options.administration.clients()
            let rows = groups.map { group in
                [
                    group.name, String(clients.count { $0.group == group.name }),
                    group.settings.source?.words ?? "-", group.settings.method?.words ?? "-",
                ]
            }
            print(TextTable.format([["NAME", "MACHINES", "BOOT", "METHOD"]] + rows))
        }
    }
}

struct GroupShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show what a group says.")

    @Argument(help: "The group's name.")
    var name: String

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let group = try await self.options.administration.group(self.name)
        if self.json {
            StandardOutput.write(JSONText.pretty(group.json.hidingSecrets))
        } else {
            let members = try await self.options.administration.clients().filter { $0.group == self.name }.map(\.name)
            let rows = group.description + [["machines", members.isEmpty ? "none" : members.joined(separator: ", ")]]
            print(TextTable.format(rows))
        }
    }
}

struct GroupSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a group, and with it all its machines.",
        discussion: "What is not named stays as it is; an empty value takes an option back.")

    @Argument(help: "The group's name.")
    var name: String

    @OptionGroup var settings: SettingsOptions
    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let patch = try self.settings.patch()
        guard !patch.isEmpty else { throw Failure(.usage, "nothing to change: name what is to be different") }
        let change = Change.patchGroup(name: self.name, patch: .object(patch))
        print(try await self.options.administration.change(ChangeRequest(change)).words("changed group \(self.name)"))
    }
}

struct GroupRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a group that no machine is in.")

    @Argument(help: "The group's name.")
    var name: String

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let change = ChangeRequest(.removeGroup(name: self.name))
        print(try await self.options.administration.change(change).words("removed group \(self.name)"))
    }
}
