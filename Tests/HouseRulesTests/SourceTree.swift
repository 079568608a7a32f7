// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation

/// The project's Swift files, as the house rules look at them.
struct SourceTree {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct File: CustomStringConvertible {
        /// From the project's root: `Sources/ISCSI/PDU/PDU.swift`.
        let path: String
        let lines: [Substring]

        /// The room: the folder below Sources or Tests.
        var room: String {
            String(self.path.split(separator: "/")[1])
        }

        var description: String {
            self.path
        }
    }

    /// Every Swift file below `folder`.
    static func files(in folder: String) throws -> [File] {
        let start = Self.root.appending(path: folder)
        let paths = FileManager.default.enumerator(atPath: start.path())?.compactMap { $0 as? String } ?? []
        return try paths.filter { $0.hasSuffix(".swift") }.sorted().map { path in
            let text = try String(contentsOf: start.appending(path: path), encoding: .utf8)
            return File(
                path: "\(folder)/\(path)", lines: text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }
}

extension SourceTree.File {
    /// The modules that the file imports, with the line of each.
    var imports: [(module: String, line: Int)] {
        self.lines.enumerated().compactMap { index, line in
            let words = line.split(separator: " ")
            guard let word = words.firstIndex(of: "import"), word <= 1, words.count > word + 1,
                word == 0 || ["package", "public", "internal", "private", "fileprivate"].contains(words[0])
            else { return nil }
            let name = words[word + 1] == "struct" || words[word + 1] == "func" ? words[word + 2] : words[word + 1]
            return (String(name.prefix { $0 != "." }), index + 1)
        }
    }

    /// The lines that are code: neither comments nor inside a multi-line string.
    var code: [(text: Substring, line: Int)] {
        var isInString = false
        return self.lines.enumerated().compactMap { index, line in
            let quotes = line.components(separatedBy: "\"\"\"").count - 1
            defer { if quotes % 2 == 1 { isInString.toggle() } }
            guard !isInString, !line.drop(while: { $0 == " " }).hasPrefix("//") else { return nil }
            return (line, index + 1)
        }
    }
}
