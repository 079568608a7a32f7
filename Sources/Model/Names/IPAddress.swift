// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A numeric IPv4 or IPv6 address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    package let bytes: [UInt8]
    /// The interface that a link-local address is one of, as in `fe80::1%eth0` (RFC 4007 §11).
    package let zone: String?

    /// Reads dotted decimal, or RFC 4291 §2.2 text with or without brackets.
    package init?(_ text: String) {
        if let bytes = Self.ipv4(text[...]) {
            self.bytes = bytes
            self.zone = nil
            return
        }
        var inner = text[...]
        if inner.first == "[", inner.last == "]" { inner = inner.dropFirst().dropLast() }
        let halves = inner.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = halves.first, let bytes = Self.ipv6(first) else { return nil }
        self.bytes = bytes
        self.zone = halves.count == 2 ? String(halves[1]) : nil
        guard let zone else { return }
        let isName = (1...Limits.interfaceNameBytes).contains(zone.utf8.count)
        guard isName, zone.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/]%:".utf8.contains($0) }),
            self.isLinkLocal
        else { return nil }
    }

    package var isIPv4: Bool { self.bytes.count == 4 }

    /// `0.0.0.0` or `::`, which stand for every address of the host.
    package var isUnspecified: Bool { self.bytes.allSatisfy { $0 == 0 } }

    /// Whether it never leaves the host: `127.0.0.0/8` or `::1`.
    package var isLoopback: Bool {
        self.isIPv4 ? self.bytes[0] == 127 : self.bytes.dropLast().allSatisfy { $0 == 0 } && self.bytes[15] == 1
    }

    /// Whether it is an IPv6 address of one link, `fe80::/10` (RFC 4291 §2.5.6).
    package var isLinkLocal: Bool {
        !self.isIPv4 && self.bytes[0] == 0xfe && self.bytes[1] & 0xc0 == 0x80
    }

    /// An IPv4 address as a number, to compare with others.
    package var ipv4Value: UInt32? {
        self.isIPv4 ? self.bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil
    }

    /// Dotted decimal, or IPv6 with the longest run of zeroes left out (RFC 5952 §4), without brackets.
    package var description: String {
        guard !self.isIPv4 else { return self.bytes.map { String($0) }.joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(self.bytes[$0]) << 8 | UInt16(self.bytes[$0 + 1]) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        let suffix = self.zone.map { "%" + $0 } ?? ""
        guard !longest.isEmpty else { return text(groups[...]) + suffix }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...]) + suffix
    }

    private static func ipv4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part.utf8.count <= 3,
                part == "0" || part.first != "0", let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func ipv6(_ text: Substring) -> [UInt8]? {
        let halves = Self.halves(text)
        guard halves.count <= 2, let head = Self.groups(halves[0]) else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = Self.groups(halves[1]), head.count + tail.count <= 14 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// The text before and after each `::`.
    private static func halves(_ text: Substring) -> [Substring] {
        var halves: [Substring] = []
        var start = text.startIndex
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" {
                halves.append(text[start..<index])
                index = text.index(after: next)
                start = index
            } else {
                index = next
            }
        }
        return halves + [text[start...]]
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let embedded = Self.ipv4(part) {
                bytes += embedded
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ Naming.hexDigit($0) != nil }),
                let value = UInt16(part, radix: 16)
            else { return nil }
            bytes += [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
        }
        return bytes.count <= 16 ? bytes : nil
    }
}
