// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import Logging
import Model

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
              apus serve --api-listen 10.0.0.1:8443
            """)

    @OptionGroup var options: DaemonOptions

    @Option(help: "The least important messages to log: trace, debug, info, notice, warning, error, critical.")
    var logLevel = LogLevel.info

    @Option(help: "How log lines are written: text, json, or journal for systemd's.")
    var logFormat = DaemonLog.Format.text

    @OptionGroup var speed: SpeedOptions

    @Option(help: "Seconds that sessions get to finish when the daemon stops.")
    var grace = 10

    @Option(help: ArgumentHelp("Serve the API by TCP as well, with TLS and a token.", valueName: "address:port"))
    var apiListen: String?

    @Option(
        help: ArgumentHelp("The API's certificate, with those between it and its authority (PEM).", valueName: "file"),
        completion: .file())
    var apiCertificate: String?

    @Option(help: ArgumentHelp("The certificate's private key (PEM).", valueName: "file"), completion: .file())
    var apiKey: String?

    @Flag(help: "Serve the API on a loopback address without TLS.")
    var apiPlain = false

    func validate() throws {
        guard (0...3600).contains(self.grace) else {
            throw ValidationError("--grace \(self.grace): give 0 to 3600 seconds")
        }
        _ = try self.network
    }

    /// The API by TCP, as far as the options say.
    private var network: NetworkAPI? {
        get throws {
            guard let apiListen else {
                guard self.apiCertificate == nil, self.apiKey == nil, !self.apiPlain else {
                    throw ValidationError("--api-listen ADDRESS:PORT is missing")
                }
                return nil
            }
            guard let address = PortalAddress(apiListen) else {
                throw ValidationError(
                    "--api-listen \(apiListen): write a numeric address and a port, 10.0.0.1:8443 or [::]:8443")
            }
            let protection: NetworkAPI.Protection
            switch (self.apiCertificate, self.apiKey) {
            case (nil, nil): protection = self.apiPlain ? .none : .ownAuthority
            case (let certificate?, let key?) where !self.apiPlain:
                protection = .files(certificate: certificate, key: key)
            default:
                throw ValidationError("--api-certificate and --api-key go together, and not with --api-plain")
            }
            guard let network = NetworkAPI(address: address, protection: protection) else {
                throw ValidationError("--api-plain: only on a loopback address, 127.0.0.1:PORT or [::1]:PORT")
            }
            return network
        }
    }

    func run() async throws {
        let (level, format) = (self.logLevel.level, self.logFormat)
        let logger = Logger(label: "apus") { label in DaemonLog(label: label, level: level, format: format) }
        let daemon = Daemon.Options(
            configurationPath: self.options.config, stateFolder: self.options.state,
            version: Apus.configuration.version, grace: .seconds(self.grace))
        let network = try self.network
        try await Serving(
            .init(
                daemon: daemon, socketPath: self.options.socket, network: network, engine: self.speed.ioEngine,
                pollMicroseconds: self.speed.pollUs), logger: logger
        ).run()
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
