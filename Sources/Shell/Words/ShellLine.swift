// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// A line of the shell: `[PATH] [VERB] [WORD …] [KEY=VALUE …]`.
struct ShellLine: Equatable {
    var path: String?
    var verb: String?
    var positional: [String] = []
    var named: [String: String] = [:]

    /// Reads a line; nil where there is nothing on it but a comment.
    ///
    /// - Parameter isVerb: tells a verb from a path without a slash.
    init?(_ text: String, isVerb: (String) -> Bool) throws(ShellError) {
        try self.init(words: Self.words(of: text), isVerb: isVerb)
    }

    init?(words: [String], isVerb: (String) -> Bool) throws(ShellError) {
        var rest = words[...]
        guard let first = rest.first else { return nil }
        if !isVerb(first) {
            self.path = first
            rest = rest.dropFirst()
        }
        self.verb = rest.popFirst()
        for word in rest {
            if let equals = word.firstIndex(of: "="), equals != word.startIndex, Self.isKey(word[..<equals]) {
                self.named[String(word[..<equals])] = String(word[word.index(after: equals)...])
            } else {
                self.positional.append(word)
            }
        }
    }

    private static func isKey(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
    }

    /// Splits at blanks; quotes hold words together, a backslash takes the next character as it is, # begins a comment.
    static func words(of text: String) throws(ShellError) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var characters = text.makeIterator()
        while let character = characters.next() {
            if character == "\\", quote != "'" {
                word = (word ?? "") + (characters.next().map(String.init) ?? "")
            } else if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let complete = word { words.append(complete) }
                word = nil
            } else if character == "#", word == nil {
                break
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else { throw ShellError("the quote \(quote ?? "'") is never closed") }
        if let complete = word { words.append(complete) }
        return words
    }
}
