// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Model

/// Feeds a session with lines: from the command line, a script, or a user at a terminal.
package struct ShellRunner: Sendable {
    private var session: ShellSession
    private let write: @Sendable (String) -> Void
    private let complain: @Sendable (String) -> Void

    package init(
        session: ShellSession, write: @escaping @Sendable (String) -> Void,
        complain: @escaping @Sendable (String) -> Void
    ) {
        self.session = session
        self.write = write
        self.complain = complain
    }

    /// One line, given as the words of a command line.
    package mutating func once(_ words: [String]) async throws {
        self.write(try await self.session.run(words: words).text)
    }

    /// The lines of a script; the first that fails ends it unless `keepsGoing`.
    ///
    /// - Returns: whether every line did what it said.
    package mutating func script(keepsGoing: Bool, _ next: () -> String?) async -> Bool {
        var isGood = true
        while let line = next() {
            do {
                let outcome = try await self.session.run(line)
                self.write(outcome.text)
                if outcome.isLast { break }
            } catch {
                self.complain("\(error)")
                isGood = false
                guard keepsGoing else { break }
            }
        }
        return isGood
    }

    /// A user at a terminal: errors are told and forgotten.
    package mutating func interact(historyPath: String?) async {
        LineEditor.open(historyPath: historyPath)
        self.write("\(self.session.version), the shell\nFor help on commands, type 'help'.\n\n")
        while true {
            self.session.columns = Self.terminalColumns ?? self.session.columns
            // Completion looks at the tree as it was when the prompt appeared.
            let configuration = (try? await self.session.present()) ?? Configuration()
            let session = self.session
            guard
                let line = LineEditor.line(
                    prompt: session.prompt, completer: { session.completions(of: $0, in: configuration) })
            else {
                self.write("\n")
                break
            }
            do {
                let outcome = try await self.session.run(line)
                self.write(outcome.text)
                if outcome.isLast { break }
            } catch {
                self.complain("\(error)")
            }
        }
        LineEditor.close(historyPath: historyPath)
    }

    /// How wide the terminal on standard output is; nil where there is none.
    package static var terminalColumns: Int? {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
