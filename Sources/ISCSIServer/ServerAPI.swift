// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI

/// An address that accepts iSCSI connections.
package struct Portal: Hashable, Sendable, CustomStringConvertible {
    /// A numeric IPv4 or IPv6 address; `0.0.0.0` and `::` stand for all.
    package var host: String
    package var port: Int

    package init(host: String, port: Int = 3260) {
        self.host = host
        self.port = port
    }

    /// As RFC 7143 writes a TargetAddress: IPv6 in brackets.
    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// A target with one portal group.
package struct TargetDefinition: Sendable {
    /// An iqn., eui. or naa. name.
    package var name: String
    package var alias: String?
    package var portalGroupTag: UInt16
    /// The units by LUN.
    package var units: [UInt16: ServedUnit]
    package var access: Access
    /// What its sessions may agree on.
    package var offer: SessionOffer

    /// Who may log in.
    package enum Access: Sendable {
        /// Every initiator (LIO's demo mode).
        case anyone
        /// The initiators named.
        case initiators(Set<String>)
    }

    package init(
        name: String, alias: String? = nil, portalGroupTag: UInt16 = 1,
        units: [UInt16: ServedUnit], access: Access, offer: SessionOffer = SessionOffer()
    ) {
        self.name = name
        self.alias = alias
        self.portalGroupTag = portalGroupTag
        self.units = units
        self.access = access
        self.offer = offer
    }
}

/// What happens to sessions, for logs and for the boot's story. Called on event loops: return at once.
package enum SessionEvent: Sendable {
    case loggedIn(SessionSnapshot)
    /// A login that was refused: by whom, to what, and the reason in words.
    case loginRefused(initiator: String, target: String, remote: String, reason: String)
    /// A session's first READ of a medium.
    case firstRead(SessionSnapshot)
    case loggedOut(SessionSnapshot, reason: String)
}

/// A session as it stands.
package struct SessionSnapshot: Sendable {
    package var id: UInt64
    package var initiatorName: String
    package var initiatorAlias: String?
    /// The initiator session ID, as 12 hexadecimal digits.
    package var isid: String
    package var tsih: UInt16
    package var targetName: String
    package var isDiscovery: Bool
    /// The initiator's address and port.
    package var remoteAddress: String
    package var localAddress: String
    /// The operational keys in force, in their wire spelling.
    package var parameters: [String: String]
    package var commands: UInt64
    package var bytesRead: UInt64
    package var bytesWritten: UInt64
    /// Nanoseconds since the last SCSI command, nil when there was none.
    package var idleNanoseconds: UInt64?
}
