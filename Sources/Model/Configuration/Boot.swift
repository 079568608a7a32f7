// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What Apus adds to LIO's schema: the boot services and the machines that boot by them.
package struct Boot: Hashable, Sendable {
    package var services: ServiceSettings?
    package var clients: [BootClient]
    package var groups: [ClientGroup]
    package var remainder: Remainder

    package init(
        services: ServiceSettings? = nil, clients: [BootClient] = [], groups: [ClientGroup] = [],
        remainder: Remainder = Remainder()
    ) {
        self.services = services
        self.clients = clients
        self.groups = groups
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            services: reader.nested("services") { ServiceSettings(&$0) },
            clients: reader.elements("clients") { BootClient(&$0) },
            groups: reader.elements("groups") { ClientGroup(&$0) })
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "services": self.services?.json,
            "clients": .array(self.clients.map(\.json)),
            "groups": self.groups.isEmpty ? nil : .array(self.groups.map(\.json)),
        ])
    }
}

/// Where the boot services answer, and what part of DHCP is theirs.
package struct ServiceSettings: Hashable, Sendable {
    /// The address of this host that machines are told.
    package var address: String
    package var interface: String
    package var dhcp: DHCP
    package var tftpPort: Int
    package var httpPort: Int
    package var iscsiPort: Int
    /// Addresses of this host, beside `address`, that the machines' targets are served at too: for a network of the disks'
    /// own, several paths to a disk, or IPv6.
    package var iscsiAddresses: [String]
    /// Addresses for networks whose relay agents send their machines' messages here.
    package var relayedRanges: [AddressRange]
    /// The UDP ports that TFTP's transfers come from, as `50000-50099`; the kernel's choice without.
    package var tftpTransferPorts: String?
    /// Answers IPv6 router solicitations with "no router", which spares iPXE a wait of 13 seconds; for networks without
    /// IPv6 routers only.
    package var advertisesNoRouter: Bool?
    /// Whether machines that are not known may make themselves known, by a menu on their screens.
    package var enrolment: Bool?
    /// The group that they are put into.
    package var enrolmentGroup: String?
    /// The folder of iPXE's programs where it is not that of Debian's package.
    package var firmwareFolder: String?
    package var remainder: Remainder

    package enum DHCP: Hashable, Sendable {
        /// Another server points machines here.
        case off
        /// Boot information only, beside an existing DHCP server.
        case proxy
        /// Addresses too, for an isolated network; those behind relay agents are in `relayedRanges`.
        case range(AddressRange)
    }

    package init(
        address: String, interface: String, dhcp: DHCP, tftpPort: Int = 69, httpPort: Int = 8080,
        iscsiPort: Int = 3260, iscsiAddresses: [String] = [], relayedRanges: [AddressRange] = [],
        tftpTransferPorts: String? = nil,
        advertisesNoRouter: Bool? = nil, firmwareFolder: String? = nil,
        remainder: Remainder = Remainder()
    ) {
        self.address = address
        self.interface = interface
        self.dhcp = dhcp
        self.tftpPort = tftpPort
        self.httpPort = httpPort
        self.iscsiPort = iscsiPort
        self.iscsiAddresses = iscsiAddresses
        self.relayedRanges = relayedRanges
        self.tftpTransferPorts = tftpTransferPorts
        self.advertisesNoRouter = advertisesNoRouter
        self.firmwareFolder = firmwareFolder
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            address: reader.required("address"), interface: reader.required("interface"),
            dhcp: Self.readDHCP(&reader), tftpPort: reader.integer("tftp_port") ?? 69,
            httpPort: reader.integer("http_port") ?? 8080, iscsiPort: reader.integer("iscsi_port") ?? 3260,
            iscsiAddresses: reader.strings("iscsi_addresses"),
            relayedRanges: reader.elements("relayed_ranges") { AddressRange(&$0) },
            tftpTransferPorts: reader.string("tftp_transfer_ports"),
            advertisesNoRouter: reader.boolean("advertise_no_router"),
            firmwareFolder: reader.string("firmware_folder"))
        self.enrolment = reader.boolean("enrolment")
        self.enrolmentGroup = reader.string("enrolment_group")
        self.remainder = reader.remainder
    }

    private static func readDHCP(_ reader: inout ObjectReader) -> DHCP {
        let range = reader.nested("range") { AddressRange(&$0) }
        switch (reader.required("dhcp"), range) {
        case ("off", _): return .off
        case ("proxy", _): return .proxy
        case ("range", let range?): return .range(range)
        case ("range", nil):
            reader.fail("range", "dhcp is range but no range is given", "add range {first, last, prefix_length}")
        case ("", _): break
        case (let other, _):
            reader.fail("dhcp", "\(other) is not a way to answer DHCP", "write off, proxy or range")
        }
        return .off
    }

    package var json: JSONValue {
        let mode: String
        var range: JSONValue?
        switch self.dhcp {
        case .off: mode = "off"
        case .proxy: mode = "proxy"
        case .range(let addresses):
            mode = "range"
            range = addresses.json
        }
        return self.remainder.object([
            "address": .string(self.address),
            "interface": .string(self.interface),
            "dhcp": .string(mode),
            "range": range,
            "tftp_port": .integer(self.tftpPort),
            "http_port": .integer(self.httpPort),
            "iscsi_port": .integer(self.iscsiPort),
            "iscsi_addresses": self.iscsiAddresses.isEmpty ? nil : .array(self.iscsiAddresses.map(JSONValue.string)),
            "relayed_ranges": self.relayedRanges.isEmpty ? nil : .array(self.relayedRanges.map(\.json)),
            "tftp_transfer_ports": self.tftpTransferPorts.map(JSONValue.string),
            "advertise_no_router": self.advertisesNoRouter.map(JSONValue.boolean),
            "enrolment": self.enrolment.map(JSONValue.boolean),
            "enrolment_group": self.enrolmentGroup.map(JSONValue.string),
            "firmware_folder": self.firmwareFolder.map(JSONValue.string),
        ])
    }
}

/// The addresses that Apus hands out.
package struct AddressRange: Hashable, Sendable {
    package var first: String
    package var last: String
    package var prefixLength: Int
    package var router: String?
    package var leaseSeconds: Int
    /// Told besides, as `CODE=VALUE`: addresses with commas between, `0x` and bytes, or text.
    package var options: [String]
    package var remainder: Remainder

    package init(
        first: String, last: String, prefixLength: Int = 24, router: String? = nil, leaseSeconds: Int = 3600,
        options: [String] = [], remainder: Remainder = Remainder()
    ) {
        self.first = first
        self.last = last
        self.prefixLength = prefixLength
        self.router = router
        self.leaseSeconds = leaseSeconds
        self.options = options
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            first: reader.required("first"), last: reader.required("last"),
            prefixLength: reader.integer("prefix_length") ?? 24, router: reader.string("router"),
            leaseSeconds: reader.integer("lease_seconds") ?? 3600, options: reader.strings("options"))
        self.remainder = reader.remainder
    }

    /// Whether `address` shares the range's network part.
    func isOnSubnet(_ address: UInt32) -> Bool {
        guard (1...30).contains(self.prefixLength), let first = IPAddress(self.first)?.ipv4Value else { return false }
        return (first ^ address) >> (32 - UInt32(self.prefixLength)) == 0
    }

    package var json: JSONValue {
        self.remainder.object([
            "first": .string(self.first), "last": .string(self.last),
            "prefix_length": .integer(self.prefixLength), "router": self.router.map(JSONValue.string),
            "lease_seconds": .integer(self.leaseSeconds),
            "options": self.options.isEmpty ? nil : .array(self.options.map(JSONValue.string)),
        ])
    }
}
