// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What may stand in a line of an iPXE script.
///
/// iPXE expands `${…}` in a whole line first, then splits it at spaces; there is no quoting. So a value can neither
/// hold a line end nor `${`, and a word of its own cannot be `;`, `&&`, `||` or begin with `#`.
enum ScriptText {
    /// The text with what iPXE would take for its own syntax, or the screen could not show, replaced by `?`.
    static func plain(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            let isBrace = scalar == "{" && plain.hasSuffix("$")
            plain.unicodeScalars.append((0x20...0x7e).contains(scalar.value) && !isBrace ? scalar : "?")
        }
        return plain
    }

    /// Divides kernel arguments into those that iPXE passes on unchanged and those that it cannot.
    static func words(_ arguments: String) -> (passed: [String], refused: [String]) {
        var passed: [String] = []
        var refused: [String] = []
        for word in arguments.split(whereSeparator: \.isWhitespace).map(String.init) {
            let isOperator = word == ";" || word == "&&" || word == "||" || word.hasPrefix("#")
            if isOperator || Self.plain(word) != word { refused.append(Self.plain(word)) } else { passed.append(word) }
        }
        return (passed, refused)
    }
}
