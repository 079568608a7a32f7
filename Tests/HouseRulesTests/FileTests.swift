// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

/// What holds for each file by itself.
@Suite struct `Files are small and say whose they are` {
    /// Lines beyond which a file wants a reason, which stands beside it here.
    static let wantsReason = 400
    static let neverMore = 800
    static let reasons: [String: String] = [:]

    static let functionLines = 70

    @Test func `no file is longer than it has a reason to be`() throws {
        for file in try SourceTree.files(in: "Sources") + SourceTree.files(in: "Tests") {
            #expect(file.lines.count <= Self.neverMore, "\(file) has \(file.lines.count) lines")
            #expect(
                file.lines.count <= Self.wantsReason || Self.reasons[file.path] != nil,
                "\(file) has \(file.lines.count) lines and no reason in the table")
        }
    }

    @Test func `every reason belongs to a long file`() throws {
        let long = Set(
            try (SourceTree.files(in: "Sources") + SourceTree.files(in: "Tests"))
                .filter { $0.lines.count > Self.wantsReason }.map(\.path))
        #expect(Set(Self.reasons.keys).subtracting(long).isEmpty)
    }

    @Test func `every function fits a screen`() throws {
        for file in try SourceTree.files(in: "Sources") {
            for (name, line, count) in file.functions where count > Self.functionLines {
                Issue.record("\(file):\(line) \(name) has \(count) lines; \(Self.functionLines) fit a screen")
            }
        }
    }

    @Test func `every file begins with its licence`() throws {
        for file in try SourceTree.files(in: "Sources") + SourceTree.files(in: "Tests") {
            #expect(file.lines.first == "// SPDX-License-Identifier: Apache-2.0", "\(file)")
        }
    }

    @Test func `nothing is forced, and every unchecked promise is explained`() throws {
        for file in try SourceTree.files(in: "Sources") {
            for (text, line) in file.code {
                #expect(!text.contains("try!"), "\(file):\(line)")
                if text.contains("@unchecked Sendable") || text.contains("nonisolated(unsafe)") {
                    let before = line >= 2 ? file.lines[line - 2].drop { $0 == " " } : ""
                    #expect(before.hasPrefix("//"), "\(file):\(line) does not say what guards it")
                }
            }
        }
    }
}

extension SourceTree.File {
    /// Functions with their first line and length, found by the indentation that swift-format gives them.
    var functions: [(name: String, line: Int, count: Int)] {
        var found: [(String, Int, Int)] = []
        for (index, line) in self.lines.enumerated() {
            let indent = line.prefix { $0 == " " }
            guard let range = line.range(of: "func "), !line.dropFirst(indent.count).hasPrefix("//"),
                line[..<range.lowerBound].allSatisfy({ $0.isLetter || " @()_".contains($0) }),
                let end = self.lines[index...].firstIndex(where: { $0 == indent + "}" })
            else { continue }
            let name = line[range.upperBound...].prefix { $0 != "(" && $0 != "<" }
            found.append((String(name), index + 1, end - index + 1))
        }
        return found
    }
}
