// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import BootStory
import Control
import ControlAPI
import Model

/// `apus config`: the configuration as a whole.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show the configuration, change it as a whole, go back to an earlier one.",
        discussion: """
            The file is LIO's saveconfig.json with a key "boot". Every version that was is kept.

            Examples:
              apus config apply saveconfig.json --dry-run
              apus config history
              apus config rollback 12
            """,
        subcommands: [
            ConfigShowCommand.self, ConfigDiffCommand.self, ConfigApplyCommand.self, ConfigHistoryCommand.self,
            ConfigRollbackCommand.self, ConfigReloadCommand.self,
        ])
}

struct ConfigShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show it as JSON, passwords hidden.")

    @Option(help: "An earlier version's number.")
    var version: Int?

    @Flag(help: "Show passwords too.")
    var secrets = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let administration = try self.options.administration
        let report =
            if let version { try await administration.version(version) } else {
                try await administration.configuration()
            }
        let shown = self.secrets ? report.configuration : report.configuration.hidingSecrets
        StandardOutput.write(JSONText.pretty(shown))
    }
}

struct ConfigDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what applying a file would do.",
        discussion: "Ends with status 1 where something would change.")

    @Argument(help: "The file.", completion: .file())
    var file: String

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let change = try ConfigurationFile.change(from: self.file)
        let outcome = try await self.options.administration.change(
            ChangeRequest(change, dryRun: true, keepGoing: true))
        for problem in outcome.report.problems { print("\(problem.severity.rawValue): \(problem)") }
        for step in outcome.report.steps { print(step) }
        if !outcome.report.steps.isEmpty { throw ExitCode(1) }
    }
}

struct ConfigApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Put a file's configuration in the place of the present one.",
        discussion: """
            Nothing is changed where something of it is wrong or does not run, unless --keep-going says to leave that out. \
            Sessions of targets that stay as they are notice nothing.
            """)

    @Argument(help: "The file.", completion: .file())
    var file: String

    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Flag(help: "Leave out what cannot be served.")
    var keepGoing = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let change = try ConfigurationFile.change(from: self.file)
        let outcome = try await self.options.administration.change(
            ChangeRequest(change, dryRun: self.dryRun, keepGoing: self.keepGoing))
        for step in outcome.report.steps { print(step) }
        print(outcome.words(self.dryRun ? "nothing was done" : "applied \(self.file)"))
    }
}

struct ConfigHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List the versions that were.")

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let versions = try await self.options.administration.history()
        if self.json {
            StandardOutput.write(try JSONText.pretty(versions))
        } else if versions.isEmpty {
            print("no earlier versions")
        } else {
            let rows = versions.map { [String($0.number), $0.written.description] }
            print(TextTable.format([["VERSION", "WRITTEN"]] + rows))
        }
    }
}

struct ConfigRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Go back to a version that was; the present one joins the history.")

    @Argument(help: "The version's number, as `apus config history` lists it.")
    var version: Int

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let report = try await self.options.administration.version(self.version)
        let (configuration, problems) = Configuration.read(report.configuration)
        let change = Change.replace(configuration, unreadable: problems)
        let outcome = try await self.options.administration.change(ChangeRequest(change))
        for step in outcome.report.steps { print(step) }
        print(outcome.words("version \(self.version) is the configuration again"))
    }
}

struct ConfigReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Make the daemon read its file again; a bad one changes nothing.")

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let report = try await self.options.client.reload()
        for step in report.steps { print(step) }
        print(Administration.Outcome.applied(report).words("read again"))
    }
}
