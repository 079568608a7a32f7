// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    mutating func checkServices() {
        guard let services = self.configuration.boot.services else {
            if !self.configuration.boot.clients.isEmpty {
                self.warn(
                    "boot.services", "machines are configured but no boot services, so nobody answers them",
                    "run: apus services set --interface IF --address ADDRESS --dhcp proxy")
            }
            return
        }
        let path = "boot.services"
        if !(1...Limits.interfaceNameBytes).contains(services.interface.utf8.count)
            || services.interface.contains(where: { $0 == "/" || $0.isWhitespace })
        {
            self.error(
                "\(path).interface", "\(services.interface) is not an interface's name",
                "write one that `ip link` shows")
        }
        for (key, port) in [
            ("tftp_port", services.tftpPort), ("http_port", services.httpPort), ("iscsi_port", services.iscsiPort),
        ] {
            self.checkPort(port, at: "\(path).\(key)")
        }
        if let ports = services.tftpTransferPorts, PortRange(ports) == nil {
            self.error(
                "\(path).tftp_transfer_ports", "\(ports) is not a range of UDP ports above 1023",
                "write FIRST-LAST, such as 50000-50099: one port a transfer")
        }
        if services.httpPort == services.iscsiPort {
            self.error("\(path).http_port", "HTTP and iSCSI cannot share port \(services.httpPort)", "change one")
        }
        for (index, text) in services.iscsiAddresses.enumerated() where IPAddress(text) == nil {
            self.error(
                "\(path).iscsi_addresses[\(index)]", "\(text) is not an IP address",
                "write one of this host's, such as 10.0.1.1 or fd00::1")
        }
        if let group = services.enrolmentGroup, !self.configuration.boot.groups.contains(where: { $0.name == group }) {
            self.error(
                "\(path).enrolment_group", "there is no group \(group) to put new machines into",
                "add it: apus group add \(group)")
        }
        guard let address = IPAddress(services.address), let own = address.ipv4Value, !address.isUnspecified else {
            self.error(
                "\(path).address", "\(services.address) is not an IPv4 address that machines can reach",
                "write this host's address on \(services.interface)")
            return
        }
        if case .range(let range) = services.dhcp { self.check(range, around: own, at: "\(path).range") }
        self.checkRelayedRanges(of: services, own: own, at: path)
    }

    private mutating func checkRelayedRanges(of services: ServiceSettings, own: UInt32, at path: String) {
        guard !services.relayedRanges.isEmpty else { return }
        guard case .range = services.dhcp else {
            self.error(
                "\(path).relayed_ranges", "addresses for relay agents are given, but DHCP gives out none",
                "give addresses of this network too, or remove the relayed ranges")
            return
        }
        for (index, range) in services.relayedRanges.enumerated() {
            let path = "\(path).relayed_ranges[\(index)]"
            guard let first = IPAddress(range.first)?.ipv4Value else {
                self.error(
                    "\(path).first", "\(range.first) is not an IPv4 address", "write one of the machines' network")
                continue
            }
            self.check(range, around: first, own: own, at: path)
            if range.router == nil {
                self.warn(
                    "\(path).router",
                    "machines behind a relay agent are told no router, so they cannot reach this host",
                    "name the router of their network")
            }
        }
    }

    /// - Parameters:
    ///   - base: An address of the subnet that the range is to be on.
    ///   - own: This host's, where that is another one.
    private mutating func check(
        _ range: AddressRange, around base: UInt32, own: UInt32? = nil, at path: String
    ) {
        let own = own ?? base
        for (index, text) in range.options.enumerated() where DHCPOptionSetting(text) == nil {
            self.error(
                "\(path).options[\(index)]", "\(text) is not a DHCP option that can be set",
                "write CODE=VALUE, such as 6=10.0.0.53; those that booting needs are set already")
        }
        guard (1...30).contains(range.prefixLength) else {
            self.error(
                "\(path).prefix_length", "\(range.prefixLength) is not the prefix length of a network with room",
                "write 1 to 30, 24 for 255.255.255.0")
            return
        }
        if range.leaseSeconds < 60 || range.leaseSeconds > Int(UInt32.max) - 1 {
            self.error("\(path).lease_seconds", "a lease of \(range.leaseSeconds) s is of no use", "write 60 or more")
        }
        var ends: [UInt32] = []
        let mask = UInt32.max << (32 - UInt32(range.prefixLength))
        let named = [("first", range.first), ("last", range.last)] + (range.router.map { [("router", $0)] } ?? [])
        for (key, text) in named {
            guard let value = IPAddress(text)?.ipv4Value else {
                self.error("\(path).\(key)", "\(text) is not an IPv4 address", "write one of the machines' network")
                continue
            }
            if value & mask != base & mask {
                self.error(
                    "\(path).\(key)", "\(text) is not in the network of the services' address",
                    "write an address that shares its first \(range.prefixLength) bits")
            } else if key != "router" {
                ends.append(value)
            }
        }
        guard ends.count == 2 else { return }
        if ends[0] > ends[1] {
            self.error("\(path).last", "\(range.last) comes before \(range.first)", "swap them")
        } else if ends[0] <= own, own <= ends[1] {
            self.error(path, "the services' own address is in the range", "leave it out of the range")
        }
    }
}
