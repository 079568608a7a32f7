// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ControlAPI
import Initiator
import Model
import NIOPosix

/// `apus initiator`: looks at any iSCSI target from the other side.
struct InitiatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "initiator",
        abstract: "Look at any iSCSI target from the initiator's side: targets, LUNs, speed.",
        subcommands: [InitiatorDiscoverCommand.self, InitiatorInquiryCommand.self, InitiatorPerfCommand.self])
}

extension TargetURL: ExpressibleByArgument {
    public init?(argument: String) {
        guard let url = try? TargetURL(argument) else { return nil }
        self = url
    }
}

/// What every session takes.
struct InitiatorArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The name to log in with.", valueName: "iqn"))
    var initiator = InitiatorOptions().initiatorName

    @Flag(help: "Protect headers by CRC32C.")
    var headerDigest = false

    @Flag(help: "Protect data by CRC32C.")
    var dataDigest = false

    var options: InitiatorOptions {
        var options = InitiatorOptions()
        options.initiatorName = self.initiator
        options.headerDigest = self.headerDigest
        options.dataDigest = self.dataDigest
        return options
    }

    /// A session with `url` while `body` runs.
    func withSession<Result>(
        _ url: TargetURL, _ body: (InitiatorSession) async throws -> Result
    ) async throws -> Result {
        let session = try await InitiatorSession.open(
            url, options: self.options, group: MultiThreadedEventLoopGroup.singleton)
        do {
            let result = try await body(session)
            await session.close()
            return result
        } catch {
            await session.close()
            throw error
        }
    }
}

struct InitiatorDiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover", abstract: "List the targets behind a portal, with their addresses and LUNs.",
        discussion: "Example: apus initiator discover iscsi://192.168.1.1")

    @Argument(help: "iscsi://[user[%secret]@]host[:port]")
    var url: TargetURL
    @Flag(help: "Log in to every target and list its LUNs too.")
    var luns = false
    @OptionGroup var arguments: InitiatorArguments

    func run() async throws {
        var portal = self.url
        portal.target = nil
        for target in try await self.arguments.withSession(portal, { try await $0.discover() }) {
            print("\(target.name)  \(target.addresses.joined(separator: " "))")
            guard self.luns else { continue }
            var url = portal
            url.target = target.name
            for lun in try await self.arguments.withSession(url, { try await $0.luns() }) {
                url.lun = lun
                print("  \(url.shown)")
            }
        }
    }
}

struct InitiatorInquiryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inquiry", abstract: "Show what a LUN says it is.")

    @Argument(help: "iscsi://[user[%secret]@]host[:port]/target/lun")
    var url: TargetURL
    @OptionGroup var arguments: InitiatorArguments

    func validate() throws {
        guard self.url.target != nil else { throw ValidationError("\(self.url.shown): the URL names no target") }
    }

    func run() async throws {
        try await self.arguments.withSession(self.url) { session in
            let inquiry = try await session.inquiry()
            var rows = [
                ["vendor", inquiry.vendor], ["product", inquiry.product], ["revision", inquiry.revision],
            ]
            if let serial = try await session.serialNumber() { rows.append(["serial", serial]) }
            rows.append(["type", inquiry.deviceType == 0 ? "disk" : "device type \(inquiry.deviceType)"])
            if inquiry.deviceType == 0 {
                let capacity = try await session.capacity()
                rows.append([
                    "size",
                    "\(ByteSize(bytes: capacity.bytes)), \(capacity.blockCount) blocks of \(capacity.blockSize)",
                ])
            }
            if inquiry.isRemovable { rows.append(["medium", "removable"]) }
            print(TextTable.format(rows))
        }
    }
}
