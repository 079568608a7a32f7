// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

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
    /// Whether the initiator has proved by CHAP who it is.
    package var isProven = false
    /// The initiator's address and port.
    package var remoteAddress: String
    package var localAddress: String
    /// The operational keys in force, in their wire spelling.
    package var parameters: [String: String]
    package var commands: UInt64
    package var bytesRead: UInt64
    package var bytesWritten: UInt64
    package var latency = LatencySnapshot()
    /// Nanoseconds since the last SCSI command, nil when there was none.
    package var idleNanoseconds: UInt64?
}
