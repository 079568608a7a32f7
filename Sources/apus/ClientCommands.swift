// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import Model

/// `apus client`: which machine boots what.
struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client", abstract: "Say which machine boots what, and how.",
        discussion: """
            A machine is known by the Ethernet address of the card that it boots from, or by its UUID, its serial number or the \
            switch port that it hangs on. It gets a disk of its own (a copy of an image, made when it is first needed), a \
            target of its own, and may log in to no other. What it does not say its group says: apus group.

            Example:
              apus client add pc1 --mac 52:54:00:12:34:56 --image lab
            """,
        subcommands: [
            ClientAddCommand.self, ClientListCommand.self, ClientShowCommand.self, ClientSetCommand.self,
            ClientResetCommand.self, ClientRemoveCommand.self,
        ])
}

struct ClientAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a machine.",
        discussion: """
            Examples:
              apus client add pc1 --mac 52:54:00:12:34:56 --image lab
              apus client add pc2 --mac 52:54:00:12:34:57 --image lab --method kernel --transport tftp
              apus client add pc3 --mac 52:54:00:12:34:58 --disk /srv/pc3.img
              apus client add pc4 --mac 52:54:00:12:34:59 --image lab --method kernel --secure-boot
              apus client add pc5 --uuid 4c4c4544-0042-3510-8052-b4c04f4d3232 --group lab
              apus client add pc6 --circuit-id ge-0/0/7 --group lab

            A machine that is known by several things is found by its MAC before its UUID, that before its serial number, and
            that before the port that it hangs on.

            Methods:
              sanboot   iPXE attaches the disk and starts the boot loader on it
              kernel    iPXE (GRUB with Secure Boot) fetches kernel and initramfs
              firmware  the firmware is the iSCSI initiator: a UEFI with its iSCSI set up, or iPXE in the card's ROM
              http      UEFI HTTP Boot fetches kernel and initramfs as one program
            """)

    @Argument(help: "The machine's name: small letters, digits, - and .")
    var name: String

    @OptionGroup var machine: MachineOptions
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard self.machine.isKnown else {
            throw ValidationError("give --mac, --uuid, --serial or --circuit-id: what the machine is known by")
        }
        guard self.settings.image == nil || self.machine.disk == nil else {
            throw ValidationError("give either --image or --disk, not both")
        }
        guard self.settings.image != nil || self.machine.disk != nil || self.machine.group != nil else {
            throw ValidationError(
                "give either --image or --disk, or a --group that has one: what the machine boots from")
        }
        guard self.settings.transport == nil || self.settings.method != nil else {
            throw ValidationError("--transport is for --method kernel: with sanboot the disk brings the kernel")
        }
    }

    func run() async throws {
        let members = self.machine.patch.merging(try self.settings.patch()) { own, _ in own }
            .merging(["name": .string(self.name)]) { _, name in name }.filter { $0.value != .null }
        let change = try Change.reading(.object(["op": .string("client.add"), "client": .object(members)]))
        let outcome = try await self.options.administration.change(ChangeRequest(change))
        guard case .addClient(let client) = change else { return }
        let words = [client.source?.words, client.group.map { "group \($0)" }, client.settings.method?.words]
        print(outcome.words("added \(self.name): \(words.compactMap(\.self).joined(separator: ", "))"))
    }
}

extension Change {
    /// What the command line's words come to.
    static func reading(_ json: JSONValue) throws -> Change {
        do throws(ChangeRefusal) {
            return try Change.read(json)
        } catch {
            throw ChangeFailure.refused(error)
        }
    }
}

struct ClientListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the machines.")

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let clients = try await self.options.administration.clients()
        if self.json {
            StandardOutput.write(try JSONText.pretty(clients.map(\.json.hidingSecrets)))
        } else if clients.isEmpty {
            print("no machines; add one: apus client add NAME --mac MAC --image IMAGE")
        } else {
            let rows = clients.map {
                [$0.name, $0.identity.words, $0.group ?? "-", $0.source?.words ?? "-", $0.effectiveMethod.words]
            }
            print(TextTable.format([["NAME", "KNOWN BY", "GROUP", "BOOTS", "METHOD"]] + rows))
        }
    }
}

struct ClientShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a machine with all that follows from its configuration.")

    @Argument(help: "The machine's name.")
    var name: String

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let client = try await self.options.administration.client(self.name)
        if self.json {
            StandardOutput.write(JSONText.pretty(client.json.hidingSecrets))
        } else {
            let surroundings = Surroundings(stateFolder: self.options.state)
            print(TextTable.format(client.description(in: surroundings)))
        }
    }
}

struct ClientSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a machine.",
        discussion: """
            What is not named stays as it is; an empty value takes an option back to its default.

            Examples:
              apus client set pc1 --method kernel
              apus client set pc1 --mac 52:54:00:12:34:99 --kernel-arguments ""
            """)

    @Argument(help: "The machine's name.")
    var name: String

    @OptionGroup var machine: MachineOptions
    @OptionGroup var settings: SettingsOptions
    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard self.settings.image == nil || self.machine.disk == nil else {
            throw ValidationError("give --image or --disk, not both")
        }
    }

    func run() async throws {
        var patch = self.machine.patch.merging(try self.settings.patch()) { own, _ in own }
        guard !patch.isEmpty else { throw Failure(.usage, "nothing to change: name what is to be different") }
        if self.settings.image?.isEmpty == false { patch["disk"] = .null }
        if self.machine.disk?.isEmpty == false { patch["image"] = .null }
        let change = Change.patchClient(name: self.name, patch: .object(patch))
        let outcome = try await self.options.administration.change(ChangeRequest(change))
        print(outcome.words("changed \(self.name)"))
    }
}

struct ClientResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Make a machine's disk a fresh copy of its image; what was on it is lost.",
        discussion: "The machine must be off.")

    @Argument(help: "The machine's name.")
    var name: String

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        try await self.options.administration.resetDisk(ofClient: self.name)
        print("\(self.name) starts from its image again")
    }
}

struct ClientRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a machine; its disk stays.")

    @Argument(help: "The machine's name.")
    var name: String

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let disk = try await self.options.administration.client(self.name).diskPath(
            in: Surroundings(stateFolder: self.options.state))
        let outcome = try await self.options.administration.change(ChangeRequest(.removeClient(name: self.name)))
        print(outcome.words("removed \(self.name); its disk stays: \(disk)"))
    }
}
