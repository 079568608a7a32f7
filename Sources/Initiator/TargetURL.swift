// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Where a logical unit is: `iscsi://[user[%secret]@]host[:port][/target[/lun]]`, as libiscsi's tools write it.
package struct TargetURL: Sendable, Equatable {
    package var user: String?
    package var secret: String?
    package var host: String
    package var port: Int
    /// nil where the URL names a portal alone.
    package var target: String?
    package var lun: UInt16

    /// Why a text is no such URL.
    package struct ParseError: Error, CustomStringConvertible {
        package let description: String

        init(_ text: String, _ problem: String) {
            self.description = "\(text): \(problem); expected iscsi://[user[%secret]@]host[:port]/target/lun"
        }
    }

    package init(_ text: String) throws(ParseError) {
        guard text.hasPrefix("iscsi://") else { throw ParseError(text, "not an iscsi:// URL") }
        var rest = text.dropFirst("iscsi://".count)
        // A secret may have any character but a slash.
        if let at = rest.prefix(while: { $0 != "/" }).lastIndex(of: "@") {
            let credentials = rest[..<at].split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
            self.user = String(credentials[0])
            self.secret = credentials.count > 1 ? String(credentials[1]) : nil
            guard self.user != "" else { throw ParseError(text, "an empty user") }
        }
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
        (self.host, self.port) = try Self.address(parts[0], in: text)
        self.target = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
        self.lun = 0
        guard parts.count <= 3 else { throw ParseError(text, "too many parts") }
        if parts.count == 3, !parts[2].isEmpty {
            guard let lun = UInt16(parts[2]), lun < 16_384 else { throw ParseError(text, "LUN \(parts[2])") }
            self.lun = lun
        }
    }

    /// `host`, `host:port` or `[IPv6]:port`.
    private static func address(_ part: Substring, in text: String) throws(ParseError) -> (String, Int) {
        let host: Substring
        var rest: Substring
        if part.hasPrefix("["), let end = part.firstIndex(of: "]") {
            host = part[part.index(after: part.startIndex)..<end]
            rest = part[part.index(after: end)...]
        } else {
            host = part.prefix { $0 != ":" }
            rest = part.dropFirst(host.count)
        }
        guard !host.isEmpty else { throw ParseError(text, "no host") }
        guard !rest.isEmpty else { return (String(host), 3_260) }
        rest = rest.dropFirst()
        guard let port = UInt16(rest), port > 0 else { throw ParseError(text, "port \(rest)") }
        return (String(host), Int(port))
    }

    /// The URL without its secret, for people to see.
    package var shown: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "iscsi://\(host):\(self.port)" + (self.target.map { "/\($0)/\(self.lun)" } ?? "")
    }
}
