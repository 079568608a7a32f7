// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser

/// The program's root: every subcommand is a file of its own beside this one.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Boots machines that have no disk: iSCSI target, boot services and images in one program.",
        discussion: """
            Examples:
              apus image build lab --suite bookworm      make a disk image
              apus client add pc1 --mac 52:54:00:12:34:56 --image lab
              apus serve                                 serve it (the daemon)
              apus timeline pc1 --follow                 watch the machine boot
            """,
        version: "apus 0.1.0",
        subcommands: [
            ServeCommand.self, ConfigCommand.self, ClientCommand.self, GroupCommand.self, ServicesCommand.self,
            ShellCommand.self,
            StatusCommand.self,
            DoctorCommand.self,
            TimelineCommand.self,
            ExportCommand.self,
            ImageCommand.self, TemplateCommand.self,
            BootCommand.self,
            InitiatorCommand.self,
        ]
    )

    /// Whether the program was called by the name of the shell that it stands in for.
    private static var isCalledAsShell: Bool {
        CommandLine.arguments.first?.split(separator: "/").last == "targetcli"
    }

    /// Parses, runs, and turns every error into one line on standard error and an exit status of sysexits(3).
    static func main() async {
        do {
            var command = try parseAsRoot(Self.isCalledAsShell ? ["shell"] + CommandLine.arguments.dropFirst() : nil)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let failure = Failure(error)
            guard let failure else { Self.exit(withError: error) }
            failure.report()
            Self.exit(withError: ExitCode(failure.status.rawValue))
        }
    }
}
