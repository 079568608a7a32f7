// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import NIOCore

/// Why a portal could not be opened, in words for the operator.
package struct PortalError: Error, CustomStringConvertible {
    package let portal: Portal
    private let reason: String

    init(_ portal: Portal, _ error: any Error) {
        self.portal = portal
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.reason = "another program listens there; `ss -ltnp 'sport = :\(portal.port)'` names it"
        case EADDRNOTAVAIL:
            self.reason = "no interface of this host has that address; `ip address` lists those it has"
        case EACCES:
            self.reason = "ports below 1024 are the superuser's"
        default:
            self.reason = "\(error)"
        }
    }

    package var description: String {
        "portal \(self.portal): \(self.reason)"
    }
}
