// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// An IP address with a port, to be compared: an address has several spellings.
struct Endpoint: Hashable, Sendable {
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]
    let port: Int
    /// The interface's number as the system writes it, of a link-local address; else empty.
    private(set) var scope: [UInt8] = []

    /// Nil for what is no IP address.
    init?(_ address: SocketAddress?) {
        guard let address, let port = address.port else { return nil }
        // sockaddr_in has its address at byte 4, sockaddr_in6 at byte 8, both in network order; sin6_scope_id is at 24.
        switch address {
        case .v4: self.bytes = Self.bytes(4..<8, of: address)
        case .v6: self.bytes = Self.bytes(8..<24, of: address)
        case .unixDomainSocket: return nil
        }
        self.port = port
        if self.isLinkLocal { self.scope = Self.bytes(24..<28, of: address) }
    }

    /// `fe80::/10` (RFC 4291 §2.5.6).
    var isLinkLocal: Bool { !self.isIPv4 && self.bytes[0] == 0xFE && self.bytes[1] & 0xC0 == 0x80 }

    private static func bytes(_ range: Range<Int>, of address: SocketAddress) -> [UInt8] {
        unsafe address.withSockAddr { pointer, size in
            unsafe Array(UnsafeRawBufferPointer(start: pointer, count: size)[range])
        }
    }

    var isIPv4: Bool { self.bytes.count == 4 }

    var isUnspecified: Bool { self.bytes.allSatisfy { $0 == 0 } }

    /// Whether this stands for all addresses, `other` among them.
    func isWildcard(for other: Endpoint) -> Bool {
        self.isUnspecified && self.isIPv4 == other.isIPv4 && self.port == other.port
    }
}

extension Portal {
    /// Whether a connection to `local` is one to this portal.
    func leads(to local: Endpoint) -> Bool {
        guard let own = self.endpoint else { return false }
        return own == local || own.isWildcard(for: local)
    }

    var endpoint: Endpoint? {
        Endpoint(try? SocketAddress(ipAddress: self.host, port: self.port))
    }
}
