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
            A machine is known by the Ethernet address of the card that it boots from. It gets a disk of its own (a copy \
            of an image, made when it is first needed), a target of its own, and may log in to no other.

            Example:
              apus client add pc1 --mac 52:54:00:12:34:56 --image lab
            """,
        subcommands: [
            ClientAddCommand.self, ClientListCommand.self, ClientShowCommand.self, ClientSetCommand.self,
            ClientResetCommand.self, ClientRemoveCommand.self,
        ])
}

/// How a machine gets from its firmware to its kernel, as the command line names it.
enum MethodArgument: String, ExpressibleByArgument, CaseIterable {
    case sanboot, kernel, firmware, http

    func method(_ transport: BootClient.Transport?) -> BootClient.Method {
        switch self {
        case .sanboot: .sanboot
        case .kernel: .kernel(transport ?? .http)
        case .firmware: .firmware
        case .http: .http
        }
    }
}

extension BootClient.Transport: ExpressibleByArgument {}

struct ClientAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add a machine.",
        discussion: """
            Examples:
              apus client add pc1 --mac 52:54:00:12:34:56 --image lab
              apus client add pc2 --mac 52:54:00:12:34:57 --image lab --method kernel --transport tftp
              apus client add pc3 --mac 52:54:00:12:34:58 --disk /srv/pc3.img
              apus client add pc4 --mac 52:54:00:12:34:59 --image lab --method kernel --secure-boot

            Methods:
              sanboot   iPXE attaches the disk and starts the boot loader on it
              kernel    iPXE (GRUB with Secure Boot) fetches kernel and initramfs
              firmware  the firmware is the iSCSI initiator: a UEFI with its iSCSI set up, or iPXE in the card's ROM
              http      UEFI HTTP Boot fetches kernel and initramfs as one program
            """)

    @Argument(help: "The machine's name: small letters, digits, - and .")
    var name: String

    @Option(help: "The Ethernet address that it boots from: 52:54:00:12:34:56.")
    var mac: String

    @Option(help: "The image that its disk is a copy of.")
    var image: String?

    @Option(help: ArgumentHelp("A disk file of its own instead of an image.", valueName: "file"), completion: .file())
    var disk: String?

    @Option(help: "sanboot, kernel, firmware or http.")
    var method = MethodArgument.sanboot

    @Flag(help: "Its firmware has Secure Boot on: give it signed programs only.")
    var secureBoot = false

    @Option(help: "How iPXE fetches the kernel: http or tftp. (default: http)")
    var transport: BootClient.Transport?

    @Option(help: "The address that DHCP keeps for it.")
    var address: String?

    @Option(help: "The name that it logs in with. (default: made from its name)")
    var initiatorName: String?

    @Option(help: "The name of its target. (default: made from its name)")
    var targetName: String?

    @Option(
        help: ArgumentHelp(
            "What it logs in with, USER:SECRET or @FILE with such a line; 12 to 16 characters of secret.",
            valueName: "chap"))
    var chap: String?

    @Option(help: "Kernel arguments to add to the image's.")
    var kernelArguments: String?

    @Option(help: "The size of its disk, for example 20G. (default: the image's)")
    var size: ByteSize?

    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard (self.image == nil) != (self.disk == nil) else {
            throw ValidationError("give either --image or --disk: what the machine boots from")
        }
        guard self.transport == nil || self.method == .kernel else {
            throw ValidationError("--transport is for --method kernel: with sanboot the disk brings the kernel")
        }
    }

    func run() async throws {
        let source = self.image.map(BootClient.Source.image) ?? .disk(self.disk ?? "")
        let client = BootClient(
            name: self.name, mac: self.mac, source: source,
            method: self.method.method(self.transport), secureBoot: self.secureBoot ? true : nil,
            address: self.address, initiatorName: self.initiatorName, targetName: self.targetName,
            chap: try self.chap.flatMap { try CHAPText.account($0, option: "--chap") },
            kernelArguments: self.kernelArguments,
            size: self.size.map { Int(clamping: $0.bytes) })
        let outcome = try await self.options.administration.change(ChangeRequest(.addClient(client)))
        print(outcome.words("added \(self.name): \(source.words), \(client.method.words)"))
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
            let rows = clients.map { [$0.name, $0.mac, $0.source.words, $0.method.words] }
            print(TextTable.format([["NAME", "MAC", "BOOTS", "METHOD"]] + rows))
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

    @Option(help: "The Ethernet address that it boots from.")
    var mac: String?

    @Option(help: "The image that its disk is a copy of.")
    var image: String?

    @Option(help: ArgumentHelp("A disk file of its own instead of an image.", valueName: "file"), completion: .file())
    var disk: String?

    @Option(help: "sanboot, kernel, firmware or http.")
    var method: MethodArgument?

    @Flag(inversion: .prefixedNo, help: "Its firmware has Secure Boot on: give it signed programs only.")
    var secureBoot: Bool?

    @Option(help: "How iPXE fetches the kernel: http or tftp.")
    var transport: BootClient.Transport?

    @Option(help: "The address that DHCP keeps for it.")
    var address: String?

    @Option(help: "The name that it logs in with.")
    var initiatorName: String?

    @Option(help: "The name of its target.")
    var targetName: String?

    @Option(
        help: ArgumentHelp(
            "What it logs in with, USER:SECRET or @FILE with such a line; 12 to 16 characters of secret.",
            valueName: "chap"))
    var chap: String?

    @Option(help: "Kernel arguments to add to the image's.")
    var kernelArguments: String?

    @Option(help: "The size of its disk, for example 20G; it never shrinks.")
    var size: ByteSize?

    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard self.image == nil || self.disk == nil else {
            throw ValidationError("give --image or --disk, not both")
        }
        if self.patch.isEmpty, self.chap == nil {
            throw ValidationError("nothing to change: name what is to be different")
        }
    }

    private var patch: [String: JSONValue] {
        var patch: [String: JSONValue] = [:]
        for (key, value) in [
            ("mac", self.mac), ("image", self.image), ("disk", self.disk), ("method", self.method?.rawValue),
            ("transport", self.transport?.rawValue), ("address", self.address), ("initiator_name", self.initiatorName),
            ("target_name", self.targetName), ("kernel_arguments", self.kernelArguments),
        ] {
            if let value { patch[key] = value.isEmpty ? .null : .string(value) }
        }
        // Another method than kernel has no transport.
        if let method, method != .kernel { patch["transport"] = .null }
        if let secureBoot { patch["secure_boot"] = secureBoot ? .boolean(true) : .null }
        if self.image != nil { patch["disk"] = .null }
        if self.disk != nil { patch["image"] = .null }
        if let size { patch["size"] = .integer(Int(clamping: size.bytes)) }
        return patch
    }

    func run() async throws {
        var patch = self.patch
        if let chap {
            let account = chap.isEmpty ? nil : try CHAPText.account(chap, option: "--chap")
            patch["chap_userid"] = account.map { .string($0.name) } ?? .null
            patch["chap_password"] = account.map { .string($0.secret) } ?? .null
        }
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
