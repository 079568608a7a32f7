// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// How a name with its secret is written on a command line. No message repeats it.
enum CHAPText {
    /// `USER:SECRET`, or `@FILE` for the first line of a file, which other users do not see in the list of processes.
    static func account(_ text: String, option: String) throws -> CHAPAccount? {
        var (text, place) = (text, option)
        if text.hasPrefix("@") {
            place = String(text.dropFirst())
            text =
                try TextFile.read(place).split(separator: "\n", omittingEmptySubsequences: false).first
                .map(String.init) ?? ""
        }
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex, text.index(after: colon) < text.endIndex
        else { throw Failure(.usage, "\(place): write USER:SECRET") }
        return CHAPAccount(name: String(text[..<colon]), secret: String(text[text.index(after: colon)...]))
    }
}
