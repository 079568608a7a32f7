// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Turns what comes from a serial line into lines of text: without the sequences that colour and move, and with a
/// view of the line that has not ended yet, since prompts are such lines.
struct ConsoleText {
    /// No line that we look for is longer; a line that goes on is cut here.
    private static let longestLineBytes = 4096

    private enum Mode {
        case text
        /// After ESC.
        case escape
        /// Within a control sequence: ECMA-48 §5.4, up to its final byte 4/0 to 7/14.
        case sequence
        /// Within a string that ends with BEL or ESC \, such as a title.
        case string
    }

    private var mode = Mode.text
    private var line: [UInt8] = []

    /// The line that has begun and not ended.
    var unfinished: String { String(decoding: self.line, as: UTF8.self) }

    /// - Returns: The lines that `bytes` ended.
    mutating func received(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            switch self.mode {
            case .text: self.text(byte, &lines)
            case .escape:
                switch byte {
                case UInt8(ascii: "["): self.mode = .sequence
                case UInt8(ascii: "]"), UInt8(ascii: "P"): self.mode = .string
                // Intermediate bytes of a short sequence, such as the choice of a character set.
                case 0x20...0x2f: break
                default: self.mode = .text
                }
            case .sequence: if (0x40...0x7e).contains(byte) { self.mode = .text }
            case .string:
                if byte == 0x07 { self.mode = .text } else if byte == 0x1b { self.mode = .escape }
            }
        }
        return lines
    }

    private mutating func text(_ byte: UInt8, _ lines: inout [String]) {
        switch byte {
        case 0x1b: self.mode = .escape
        case UInt8(ascii: "\n"): self.end(&lines)
        case 0x08: _ = self.line.popLast()
        case 0x09, 0x20...0x7e, 0x80...0xff:
            self.line.append(byte)
            if self.line.count >= Self.longestLineBytes { self.end(&lines) }
        default: break
        }
    }

    private mutating func end(_ lines: inout [String]) {
        lines.append(self.unfinished)
        self.line.removeAll(keepingCapacity: true)
    }
}
