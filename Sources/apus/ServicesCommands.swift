// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import Model

/// `apus services`: where the boot services answer.
struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "Say where DHCP, TFTP and HTTP answer booting machines.",
        subcommands: [ServicesSetCommand.self, ServicesShowCommand.self, ServicesOffCommand.self])
}

extension ServiceSettings.DHCP: ExpressibleByArgument {
    init?(argument: String) {
        self.init(words: argument)
    }
}

struct ServicesSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set up the boot services; they start at once where the daemon runs.",
        discussion: """
            Examples:
              apus services set --interface eth1 --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.99/24
              apus services set --interface eth0 --address 192.168.1.2 --dhcp proxy     beside another DHCP server
            """)

    @Option(help: "The network interface of the machines.")
    var interface: String

    @Option(help: "This host's IPv4 address there.")
    var address: String

    @Option(help: "off, proxy (beside another DHCP server), or the addresses to give out: FIRST-LAST/PREFIX.")
    var dhcp: ServiceSettings.DHCP

    @Option(help: "The router to tell machines, for DHCP with addresses.")
    var router: String?

    @Option(help: "Seconds that an address is given for. (default: 3600)")
    var leaseSeconds: Int?

    @Option(help: "TFTP's UDP port; firmware always asks 69.")
    var tftpPort = 69

    @Option(help: "HTTP's TCP port.")
    var httpPort = 8080

    @Option(help: "The port of the machines' targets.")
    var iscsiPort = 3260

    @Option(
        help: ArgumentHelp(
            "An address of this host that the machines' targets are served at too; machines are told by kernel arguments. "
                + "May be repeated.", valueName: "address"))
    var iscsiAddress: [String] = []

    @Option(
        help: ArgumentHelp(
            "A DHCP option to tell besides, such as 6=10.0.0.53; more than one can be given.", valueName: "code=value"))
    var dhcpOption: [String] = []

    @Option(
        help: ArgumentHelp(
            "Addresses for a network behind a relay agent, and its router; more than one can be given.",
            valueName: "first-last/prefix,router"))
    var relayed: [String] = []

    @Option(help: "The UDP ports that TFTP's transfers come from, for firewalls: FIRST-LAST.")
    var tftpTransferPorts: String?

    @Flag(help: "Tell machines that there is no IPv6 router, which spares iPXE 13 seconds; only where there is none.")
    var advertiseNoRouter = false

    @Flag(help: "Let machines that are not known make themselves known, by a menu on their screens.")
    var enrol = false

    @Option(help: "The group that such machines are put into.")
    var enrolGroup: String?

    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard self.enrolGroup == nil || self.enrol else { throw ValidationError("--enrol-group is for --enrol") }
        if case .range = self.dhcp { return }
        guard self.router == nil, self.leaseSeconds == nil, self.dhcpOption.isEmpty, self.relayed.isEmpty else {
            throw ValidationError(
                "--router, --lease-seconds, --dhcp-option and --relayed are for --dhcp with addresses: FIRST-LAST/PREFIX"
            )
        }
    }

    func run() async throws {
        var dhcp = self.dhcp
        if case .range(var range) = dhcp {
            range.router = self.router
            if let leaseSeconds { range.leaseSeconds = leaseSeconds }
            range.options = self.dhcpOption
            dhcp = .range(range)
        }
        var settings = ServiceSettings(
            address: self.address, interface: self.interface, dhcp: dhcp, tftpPort: self.tftpPort,
            httpPort: self.httpPort, iscsiPort: self.iscsiPort,
            iscsiAddresses: self.iscsiAddress, relayedRanges: try self.relayed.map(self.range),
            tftpTransferPorts: self.tftpTransferPorts,
            advertisesNoRouter: self.advertiseNoRouter ? true : nil)
        settings.enrolment = self.enrol ? true : nil
        settings.enrolmentGroup = self.enrolGroup
        let outcome = try await self.options.administration.change(ChangeRequest(.setServices(settings)))
        print(outcome.words("boot services on \(self.interface), \(self.address), DHCP \(dhcp.words)"))
    }
}

extension ServicesSetCommand {
    /// Reads `10.9.0.50-10.9.0.99/24,10.9.0.1`.
    private func range(_ text: String) throws -> AddressRange {
        let halves = text.split(separator: ",", maxSplits: 1).map(String.init)
        guard let addresses = halves.first, case .range(var range)? = ServiceSettings.DHCP(words: addresses) else {
            throw ValidationError("--relayed \(text): give FIRST-LAST/PREFIX,ROUTER")
        }
        range.router = halves.count > 1 ? halves[1] : nil
        if let leaseSeconds { range.leaseSeconds = leaseSeconds }
        range.options = self.dhcpOption
        return range
    }
}

struct ServicesShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show how they are set up.")

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let report = try await self.options.administration.configuration()
        guard let settings = Configuration.read(report.configuration).configuration.boot.services else {
            print("no boot services; set them up: apus services set --interface IF --address ADDRESS --dhcp proxy")
            return
        }
        StandardOutput.write(JSONText.pretty(settings.json))
    }
}

struct ServicesOffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "off", abstract: "Do away with the boot services.")

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let outcome = try await self.options.administration.change(ChangeRequest(.setServices(nil)))
        print(outcome.words("no boot services"))
    }
}
