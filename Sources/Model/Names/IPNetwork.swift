// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An IPv4 or IPv6 network: `10.0.0.0/8`, `fd00::/8`, or one address.
package struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    package let address: IPAddress
    package let prefixLength: Int

    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, let address = IPAddress(String(halves[0])), address.zone == nil else { return nil }
        let bits = address.bytes.count * 8
        guard halves.count == 2 else {
            self.address = address
            self.prefixLength = bits
            return
        }
        guard halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let prefix = Int(halves[1]), prefix <= bits
        else { return nil }
        self.address = address
        self.prefixLength = prefix
    }

    package var description: String {
        "\(self.address)/\(self.prefixLength)"
    }

    /// Reads networks between commas or blanks; nil where one of them is none.
    package static func list(_ text: String) -> [IPNetwork]? {
        let words = text.split { $0 == "," || $0 == " " }
        let networks = words.compactMap { IPNetwork(String($0)) }
        return networks.count == words.count ? networks : nil
    }
}
