// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import NIOCore

/// Why the boot services cannot start: one line with cause and remedy.
package struct BootServerError: Error, Sendable, CustomStringConvertible {
    package var kind: Kind
    package var description: String

    package enum Kind: Sendable, Equatable {
        case alreadyRunning
        case interfaceMissing
        case addressInvalid
        case addressMissing
        case rangeInvalid
        case programsMissing
        case portTaken(Int)
        case notPermitted
        case other
    }

    static let alreadyRunning = BootServerError(
        kind: .alreadyRunning, description: "the boot services are running already; stop them before starting anew")

    static func interfaceMissing(_ name: String, present: [String]) -> BootServerError {
        BootServerError(
            kind: .interfaceMissing,
            description: "there is no network interface \"\(name)\" on this host (there are: "
                + "\(present.joined(separator: ", "))); name one of these: apus services set --interface")
    }

    static func addressInvalid(_ text: String, setting: String) -> BootServerError {
        BootServerError(
            kind: .addressInvalid, description: "\"\(text)\" (\(setting)) is not an IPv4 address such as 192.168.7.1")
    }

    static func addressMissing(_ address: String, interface: String, present: [String]) -> BootServerError {
        let have = present.isEmpty ? "no IPv4 address" : present.joined(separator: ", ")
        return BootServerError(
            kind: .addressMissing,
            description: "interface \(interface) has not the boot services' address \(address) (it has \(have)); "
                + "name the right one (apus services set --address), or give it this: ip addr add \(address)/24 dev \(interface)"
        )
    }

    static func programsMissing(_ folder: String) -> BootServerError {
        BootServerError(
            kind: .programsMissing,
            description: "there is neither snponly.efi nor undionly.kpxe in \(folder), so no firmware could be given "
                + "iPXE; install Debian's package ipxe")
    }

    init(_ error: DHCPServer.ConfigurationError, range: String, address: String) {
        let cause =
            switch error {
            case .prefixLength(let length): "/\(length) is no subnet for machines: use a prefix length from 8 to 30"
            case .range: "its first address must not be above its last, and it may hold 65536 addresses"
            case .foreignAddress(let other):
                "\(other) is not on the range's subnet, or that not on the one of the boot services' address \(address)"
            case .networkAddress(let other): "\(other) is the subnet's network or broadcast address"
            case .sharedSubnet(let first): "another range is on the subnet of \(first) already"
            case .leaseSeconds(let seconds): "a lease of \(seconds) s is too short: use 60 s or more"
            }
        self.init(kind: .rangeInvalid, description: "the DHCP range \(range) cannot be used: \(cause)")
    }

    /// What came of opening a socket.
    init(_ error: any Error, service: Service, address: String, port: Int) {
        let where_ = "\(service.transport) port \(port) on \(address)"
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(
                kind: .portTaken(port),
                description:
                    "\(service.rawValue) cannot listen: another program has \(where_) (\(service.usualHolder(port))); "
                    + "stop it (`\(service.lookup(port))` names it) or \(service.wayOut)")
        case EACCES, EPERM:
            self.init(
                kind: .notPermitted,
                description: "\(service.rawValue) may not open \(where_): ports below 1024 and DHCP need root, or the "
                    + "capabilities CAP_NET_BIND_SERVICE and CAP_NET_RAW")
        case EADDRNOTAVAIL:
            self.init(
                kind: .addressMissing,
                description: "\(service.rawValue) cannot listen: this host has not the address \(address)")
        default:
            self.init(kind: .other, description: "\(service.rawValue) cannot open \(where_): \(error)")
        }
    }

    init(kind: Kind, description: String) {
        self.kind = kind
        self.description = description
    }

    enum Service: String {
        case dhcp = "DHCP"
        case proxyDHCP = "proxyDHCP"
        case tftp = "TFTP"
        case http = "HTTP"
        case routerAdvertisement = "the router advertisement answerer"

        var transport: String {
            switch self {
            case .http: "TCP"
            case .dhcp, .proxyDHCP, .tftp: "UDP"
            case .routerAdvertisement: "ICMPv6"
            }
        }

        func usualHolder(_ port: Int) -> String {
            switch self {
            case .proxyDHCP where port == 4011: "usually dnsmasq as a PXE server"
            case .dhcp, .proxyDHCP: "usually dnsmasq, isc-dhcp-server, kea or libvirt's dnsmasq"
            case .tftp: "usually tftpd-hpa, atftpd or dnsmasq"
            case .http, .routerAdvertisement: "often a web server or another Apus"
            }
        }

        var wayOut: String {
            switch self {
            case .dhcp, .proxyDHCP:
                "choose another --interface, or set --dhcp off and let that server name the boot file"
            case .tftp: "choose another --address; firmware always asks port 69"
            case .http: "choose another port with --http-port"
            case .routerAdvertisement: "leave out --advertise-no-router"
            }
        }

        func lookup(_ port: Int) -> String {
            "ss -l\(self.transport == "TCP" ? "t" : "u")np 'sport = :\(port)'"
        }
    }
}
