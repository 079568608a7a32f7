// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A place on an image's disk that holds kernel arguments for one machine alone.
///
/// It is the value of a variable in the boot loader's configuration, padded with blanks, so that a copy of the disk can be
/// given arguments of its own by writing these bytes and nothing of the file system around them.
package struct ArgumentSlot: Codable, Hashable, Sendable {
    /// The variable in `grub.cfg`.
    package static let variable = "machine"
    package static let standardBytes = 1024
    /// What stands before the value.
    package static let opening = "set \(Self.variable)=\""
    /// What stands behind it.
    package static let closing = "\"\n"
    /// The line with no argument in it.
    package static var emptyLine: String {
        Self.opening + String(repeating: " ", count: Self.standardBytes) + "\""
    }

    /// Where the line begins on the disk.
    package var offsetBytes: UInt64
    /// How many bytes its value has.
    package var sizeBytes: Int

    package init(offsetBytes: UInt64, sizeBytes: Int = Self.standardBytes) {
        self.offsetBytes = offsetBytes
        self.sizeBytes = sizeBytes
    }

    /// How many bytes the line has, its end among them.
    package var lineBytes: Int { Self.opening.utf8.count + self.sizeBytes + Self.closing.utf8.count }

    /// The whole line with these arguments; nil where they do not fit or cannot stand in a line.
    package func line(_ arguments: String) -> [UInt8]? {
        guard !arguments.utf8.contains(where: { $0 < 0x20 }) else { return nil }
        // What GRUB would read as an expansion or as the end of the quotation.
        let value = arguments.utf8.flatMap { byte in
            [UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "$")].contains(byte)
                ? [UInt8(ascii: "\\"), byte] : [byte]
        }
        guard value.count <= self.sizeBytes else { return nil }
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: self.sizeBytes - value.count)
        return Array(Self.opening.utf8) + value + padding + Array(Self.closing.utf8)
    }

    /// Whether these are the bytes of such a line, whatever its arguments: the file has not moved since.
    package func isLine(_ bytes: [UInt8]) -> Bool {
        bytes.count == self.lineBytes && bytes.starts(with: Self.opening.utf8)
            && bytes.suffix(Self.closing.utf8.count).elementsEqual(Self.closing.utf8)
    }
}
