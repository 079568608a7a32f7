// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import NIOCore

/// Why nobody can listen at an address, in words for the operator.
package struct PortalError: Error, CustomStringConvertible {
    package let portal: Portal
    package let cause: String
    package let remedy: String

    package init(_ portal: Portal, _ error: any Error) {
        self.portal = portal
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.cause = "another program listens there"
            self.remedy = "stop it (ss -ltnp 'sport = :\(portal.port)' names it) or use another port"
        case EADDRNOTAVAIL:
            self.cause = "no interface of this host has that address"
            self.remedy = "addresses here: \(Self.addresses.joined(separator: ", "))"
        case EACCES:
            self.cause = "not permitted to this user"
            self.remedy = "use a port above 1023, or run as root or with CAP_NET_BIND_SERVICE"
        default:
            self.cause = "\(error)"
            self.remedy = "`ip address` lists what this host has"
        }
    }

    private static var addresses: [String] {
        Set(((try? System.enumerateDevices()) ?? []).compactMap { $0.address?.ipAddress }).sorted()
    }

    package var description: String {
        "portal \(self.portal): \(self.cause); \(self.remedy)"
    }
}
