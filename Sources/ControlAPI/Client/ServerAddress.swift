// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// Where a daemon's API answers by TCP: `https://host:port`.
package struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or a numeric address, without brackets.
    package let host: String
    package let port: Int
    package let isEncrypted: Bool

    /// Nil for what is no such address, and for `http:` to another host: the token would be told to everybody between.
    package init?(_ text: String) {
        let scheme = ["https://", "http://"].first { text.hasPrefix($0) }
        guard let scheme else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.last == "/" { rest = rest.dropLast() }
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0
        else { return nil }
        var host = rest[..<colon]
        let isBracketed = host.first == "[" && host.last == "]"
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, host.contains(":") == isBracketed, !host.contains(where: { "/?#@[] ".contains($0) })
        else { return nil }
        self.host = String(host)
        self.port = Int(port)
        self.isEncrypted = scheme == "https://"
        guard self.isEncrypted || self.isThisHost else { return nil }
    }

    private var isThisHost: Bool {
        self.host == "localhost" || (IPAddress(self.host)?.isLoopback ?? false)
    }

    package var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.isEncrypted ? "https" : "http")://\(host):\(self.port)"
    }
}
