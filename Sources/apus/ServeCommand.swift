// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import Logging

/// `apus serve`: arguments only.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the daemon: iSCSI target, boot services and the API that the other commands use.",
        discussion: """
            It serves what the configuration says, and what the other commands change while it runs. SIGHUP makes it read \
            the file again; SIGTERM and ^C end it when what is in flight has been answered and flushed.

            Examples:
              apus serve
              apus serve --config lab.json --state ./state --socket ./apus.sock --log-level debug
            """)

    @OptionGroup var options: DaemonOptions

    @Option(help: "The least important messages to log: trace, debug, info, notice, warning, error, critical.")
    var logLevel = LogLevel.info

    @Option(help: "How log lines are written: text, json, or journal for systemd's.")
    var logFormat = DaemonLog.Format.text

    @Option(help: "Seconds that sessions get to finish when the daemon stops.")
    var grace = 10

    func validate() throws {
        guard (0...3600).contains(self.grace) else {
            throw ValidationError("--grace \(self.grace): give 0 to 3600 seconds")
        }
    }

    func run() async throws {
        let (level, format) = (self.logLevel.level, self.logFormat)
        let logger = Logger(label: "apus") { label in DaemonLog(label: label, level: level, format: format) }
        let daemon = Daemon.Options(
            configurationPath: self.options.config, stateFolder: self.options.state,
            version: Apus.configuration.version, grace: .seconds(self.grace))
        try await Serving(.init(daemon: daemon, socketPath: self.options.socket), logger: logger).run()
    }
}

/// The levels of the log, as the command line names them.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level {
        Logger.Level(rawValue: self.rawValue) ?? .info
    }
}

extension DaemonLog.Format: ExpressibleByArgument {}
