// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// The network on which a machine is tried out: a bridge in a network namespace of its own, where only we answer.
enum Laboratory {
    static let bridge = "apus0"
    static let tap = "apus0tap"
    static let address = "10.77.0.1"
    static let prefixLength = 24
    private static let firstAddress = "10.77.0.50"
    private static let lastAddress = "10.77.0.99"

    /// The commands of ip(8) that make it.
    static var commands: [[String]] {
        [
            ["link", "set", "lo", "up"],
            ["link", "add", self.bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0"],
            ["address", "add", "\(self.address)/\(self.prefixLength)", "dev", self.bridge],
            ["tuntap", "add", self.tap, "mode", "tap"],
            ["link", "set", self.tap, "master", self.bridge],
            ["link", "set", self.tap, "up"],
            ["link", "set", self.bridge, "up"],
        ]
    }

    /// What the daemon there is to do: serve this client, and nothing else of the configuration.
    ///
    static func configuration(for client: BootClient) -> Configuration {
        Configuration(
            boot: Boot(
                services: ServiceSettings(
                    address: self.address, interface: self.bridge,
                    dhcp: .range(
                        AddressRange(
                            first: self.firstAddress, last: self.lastAddress, prefixLength: self.prefixLength)),
                    advertisesNoRouter: true),
                clients: [client]))
    }
}
