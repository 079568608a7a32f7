// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import NIOCore
import Synchronization

/// Which machine has which address, so that an event about a transfer can name the machine.
///
/// Known from our own DHCP answers; beside another DHCP server, from the kernel's neighbour table.
final class MachineAddresses: Sendable {
    private let known = Mutex<[String: MACAddress]>([:])

    func learn(_ address: IPv4Address, _ mac: MACAddress) {
        self.known.withLock { known in
            if known.count >= Limits.knownAddressesMax { known.removeAll() }
            known[address.description] = mac
        }
    }

    func asker(at remote: SocketAddress?) -> Catalogue.Asker {
        Catalogue.Asker(mac: self.machine(at: remote), address: remote?.ipAddress)
    }

    func machine(at remote: SocketAddress?) -> MACAddress? {
        guard let address = remote?.ipAddress else { return nil }
        return self.known.withLock { $0[address] } ?? Self.neighbour(address)
    }

    /// A line of /proc/net/arp: address, hardware type, flags, hardware address, mask, device.
    private static func neighbour(_ address: String) -> MACAddress? {
        guard let file = unsafe fopen("/proc/net/arp", "re") else { return nil }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while unsafe fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let fields = text.split(whereSeparator: \.isWhitespace)
            if fields.count >= 4, fields[0] == address[...] { return MACAddress(String(fields[3])) }
        }
        return nil
    }
}
