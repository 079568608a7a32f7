// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import Glibc
import Model
import Shell

/// `apus shell`: arguments only.
struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shell", abstract: "Look at and change backstores and targets in a tree, as targetcli does.",
        discussion: """
            Without words it is interactive on a terminal, and reads a script from standard input otherwise, which ends at \
            its first error. Called by the name targetcli, the program is this command. Bookmarks and preferences are \
            kept in ~/.apus_shell, the history in ~/.apus_history.

            Examples:
              apus shell
              apus shell ls /iscsi 2
              apus shell /backstores/fileio create disk1 /srv/disk1.img 10G
              apus shell < script
            """)

    @Argument(help: "[PATH] VERB [PARAMETERS]: one line, done at once.")
    var words: [String] = []

    @Flag(help: "Go on with a script after a line that failed.")
    var keepGoing = false

    @Flag(help: "Listings as JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let home = unsafe getenv("HOME").map { unsafe String(cString: $0) }
        var session = ShellSession(
            backend: Owner(administration: try self.options.administration), version: Apus.configuration.version,
            columns: TerminalFacts.columns ?? 80,
            preferencesFile: home.map { PreferencesFile(path: $0 + "/.apus_shell") })
        session.isJSON = self.json
        session.hasColours = TerminalFacts.hasColours
        var runner = ShellRunner(
            session: session, write: { StandardOutput.write($0) }, complain: { StandardError.write($0 + "\n") })
        if !self.words.isEmpty {
            do {
                try await runner.once(self.words)
            } catch let error as ShellError {
                throw Failure(.failed, error.description)
            } catch let error as TreeRefusal {
                throw Failure(.failed, error.description)
            }
        } else if isatty(STDIN_FILENO) == 1 {
            await runner.interact(historyPath: home.map { $0 + "/.apus_history" })
        } else {
            guard await runner.script(keepsGoing: self.keepGoing, { readLine() }) else { throw ExitCode(1) }
        }
    }
}

/// The configuration's owner as the shell sees it.
private struct Owner: ShellBackend {
    let administration: Administration

    var configurationPath: String {
        self.administration.configurationPath
    }

    func configuration() async throws -> ConfigurationReport {
        try await self.administration.configuration()
    }

    func change(_ request: ChangeRequest) async throws -> ChangeReport {
        do {
            return try await self.administration.change(request).report
        } catch let error as ControlError where !error.problems.isEmpty {
            throw ShellError(error.problems)
        } catch let error as ChangeFailure where !error.problems.isEmpty {
            throw ShellError(error.problems)
        }
    }

    func change(from path: String) throws -> Change {
        try ConfigurationFile.change(from: path)
    }

    func save(_ configuration: Configuration, to path: String) throws {
        try ConfigurationFile.export(configuration, to: path)
    }

    func bytes(of path: String) async -> UInt64? {
        await self.administration.bytes(of: path)
    }

    func status() async throws -> StatusReport? {
        do {
            return try await self.administration.client.status()
        } catch let error as ControlError where error.kind == .notRunning {
            return nil
        }
    }
}
