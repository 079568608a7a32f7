// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which bytes of a file an HTTP request asks for (RFC 9110 §14).
package enum ByteRange: Hashable, Sendable {
    /// No range, or one that is to be ignored: everything, status 200.
    case whole
    /// Status 206.
    case part(Range<Int>)
    /// Status 416.
    case unsatisfiable

    /// Reads a `Range` header for a file of `size` bytes.
    ///
    /// RFC 9110 §14.2 lets a server ignore the header; we do so for other units, malformed values and several ranges
    /// at once, which no firmware, GRUB or iPXE asks for.
    package init(header: String?, size: Int) {
        self = header.flatMap { Self.parse($0, size: size) } ?? .whole
    }

    private static func parse(_ header: String, size: Int) -> ByteRange? {
        let halves = header.split(separator: "=", maxSplits: 1)
        guard halves.count == 2, halves[0].lowercased() == "bytes" else { return nil }
        let ends = halves[1].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        let first = Self.number(ends[0])
        let last = Self.number(ends[1])
        switch (first, last) {
        case (.number(let first), .absent):
            return first < size ? .part(first..<size) : .unsatisfiable
        case (.number(let first), .number(let last)):
            guard first <= last else { return nil }
            return first < size ? .part(first..<min(last, size - 1) + 1) : .unsatisfiable
        case (.absent, .number(let count)):
            return count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
        default:
            return nil
        }
    }

    private enum Bound {
        case absent
        case number(Int)
        case malformed
    }

    private static func number(_ text: Substring) -> Bound {
        if text.isEmpty { return .absent }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return .malformed }
        // A number too large for us lies beyond every file.
        return .number(Int(text) ?? .max)
    }
}
