// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An iPXE script that a user wrote, with places for what is known of a machine.
///
///     #!ipxe
///     echo {{client}} boots from {{root_path}}
///     {{boot}}
///
/// `{{name}}` is replaced by a value; iPXE's own `${…}` stays as it is. `{{boot}}` is all that our own script does for the
/// machine's method, up to its last line, so that a template need say only what is to come before or in its place.
/// There are no conditions: iPXE has them itself (`iseq`, `isset`).
package struct ScriptTemplate: Hashable, Sendable {
    /// What can stand between the braces.
    package enum Value: String, Hashable, Sendable, CaseIterable {
        /// The machine's name, and the Ethernet address of the card that it asks by.
        case client, mac
        /// What it attaches: `iscsi:10.0.0.1::3260:0:iqn…`, and as whom.
        case rootPath = "root_path"
        case initiator, target, portal
        /// Where kernel and initramfs are, and the kernel's arguments; empty with a method that loads none here.
        case kernel, initramfs, arguments
        /// The host's address, and the URL of the script itself.
        case server, url
        /// Our own script without its first line.
        case boot
    }

    private enum Piece: Hashable {
        case text(String)
        case value(Value)
    }

    private let pieces: [Piece]

    /// What is wrong with a template.
    package enum Flaw: Error, Hashable, Sendable {
        case noFirstLine
        case unclosed(line: Int)
        case unknown(String, line: Int)
        /// A character that iPXE cannot take.
        case unprintable(line: Int)

        package var cause: String {
            switch self {
            case .noFirstLine: "the script does not begin with the line #!ipxe, without which iPXE runs none"
            case .unclosed(let line): "line \(line): {{ is not closed by }} on the same line"
            case .unknown(let name, let line): "line \(line): {{\(name)}} is no value that a script can have"
            case .unprintable(let line): "line \(line) has a character that is not printable ASCII"
            }
        }

        package var remedy: String {
            switch self {
            case .noFirstLine: "begin it with #!ipxe"
            case .unclosed: "close it"
            case .unknown: "use one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))"
            case .unprintable: "write it in ASCII"
            }
        }
    }

    package init(_ text: String) throws(Flaw) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        // Blanks may follow, but not come before: iPXE looks at the first bytes.
        guard let first = lines.first, first.hasPrefix("#!ipxe"), Self.trimmed(first) == "#!ipxe" else {
            throw .noFirstLine
        }
        var pieces: [Piece] = []
        for (index, line) in lines.enumerated() {
            guard line.utf8.allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x09 || $0 == 0x0d }) else {
                throw .unprintable(line: index + 1)
            }
            var rest = line
            while let opening = rest.firstRange(of: "{{") {
                pieces.append(.text(String(rest[..<opening.lowerBound])))
                rest = rest[opening.upperBound...]
                guard let closing = rest.firstRange(of: "}}") else { throw .unclosed(line: index + 1) }
                let name = Self.trimmed(rest[..<closing.lowerBound])
                guard let value = Value(rawValue: name) else { throw .unknown(name, line: index + 1) }
                pieces.append(.value(value))
                rest = rest[closing.upperBound...]
            }
            pieces.append(.text(String(rest) + (index + 1 < lines.count ? "\n" : "")))
        }
        self.pieces = pieces
    }

    /// The script with `values` in their places.
    package func text(_ values: [Value: String]) -> String {
        self.pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .value(let value): values[value] ?? ""
            }
        }.joined()
    }

    private static func trimmed(_ text: Substring) -> String {
        let front = text.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
        return String(
            front.prefix(front.count - front.reversed().prefix { $0 == " " || $0 == "\t" || $0 == "\r" }.count))
    }
}
