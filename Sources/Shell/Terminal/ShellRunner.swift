// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import NIOCore
import NIOPosix

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
        let outcome = try await self.session.run(words: words)
        self.write(outcome.text)
        if let failure = outcome.failure { throw failure }
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
                if let failure = outcome.failure { throw failure }
                if outcome.isLast { break }
            } catch {
                self.report(error)
                isGood = false
                guard keepsGoing else { break }
            }
        }
        return isGood
    }

    /// Says what went wrong, unless the user wants to hear of worse only.
    private func report(_ error: any Error) {
        guard self.session.preferences.consoleLevel <= .error else { return }
        self.complain(self.session.hasColours ? Colour.painted("\(error)", .red) : "\(error)")
    }

    /// A user at a terminal: errors are told and forgotten.
    package mutating func interact(historyPath: String?) async {
        LineEditor.open(historyPath: historyPath)
        if TerminalFacts.hasCursor { self.session.picker = PickerScreen.choose }
        self.write("\(self.session.version), the shell\nFor help on commands, type 'help'.\n\n")
        while true {
            self.session.columns = TerminalFacts.columns ?? self.session.columns
            let session = self.session
            let typed = await LineEditor.line(prompt: session.prompt) { line in
                let present = MultiThreadedEventLoopGroup.singleton.any().makeFutureWithTask {
                    try await session.present()
                }
                return session.completions(of: line, in: (try? present.wait()) ?? Configuration())
            }
            let line: String
            switch typed {
            case .line(let text): line = text
            case .interrupt:
                self.write("\n")
                continue
            case .end:
                self.write("exit\n")
                line = "exit"
            }
            do {
                let outcome = try await self.session.run(line)
                self.write(outcome.text)
                if let failure = outcome.failure { throw failure }
                if outcome.isLast { break }
            } catch {
                self.report(error)
                if typed == .end { break }
            }
        }
        LineEditor.close(historyPath: historyPath)
    }
}
