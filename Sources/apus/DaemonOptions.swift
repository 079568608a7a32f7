// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI

/// Where the daemon, its configuration and its files are: the same for every command that deals with them.
struct DaemonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"), completion: .file())
    var config = "/etc/apus/saveconfig.json"

    @Option(help: ArgumentHelp("The folder of images and disks.", valueName: "folder"), completion: .directory)
    var state = "/var/lib/apus"

    @Option(help: ArgumentHelp("The socket of the daemon's API.", valueName: "file"), completion: .file())
    var socket = "/run/apus/control.sock"

    @Option(help: ArgumentHelp("The daemon's API by TCP instead: https://HOST:PORT.", valueName: "url"))
    var server: String?

    @Option(help: ArgumentHelp("The file with the API's token, for --server.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp("The certificates to trust, for --server; else the host's.", valueName: "file"),
        completion: .file())
    var ca: String?

    var client: ControlClient {
        get throws {
            guard let server, let address = ServerAddress(server), let tokenFile else {
                return ControlClient(socketPath: self.socket)
            }
            let token = try TextFile.read(tokenFile).prefix { !$0.isWhitespace }
            return ControlClient(.server(.init(address: address, token: String(token), authorityPath: self.ca)))
        }
    }

    var administration: Administration {
        get throws {
            Administration(
                client: try self.client, configurationPath: self.config, stateFolder: self.state)
        }
    }

    func validate() throws {
        for (name, path) in [("--config", self.config), ("--state", self.state), ("--socket", self.socket)]
        where path.isEmpty {
            throw ValidationError("\(name) is empty: name a path")
        }
        if let server, ServerAddress(server) == nil {
            throw ValidationError(
                "--server \(server): write https://HOST:PORT (http:// only to 127.0.0.1, ::1 and localhost)")
        }
        guard (self.server == nil) == (self.tokenFile == nil), self.server != nil || self.ca == nil else {
            throw ValidationError("--server URL and --token-file FILE go together, with --ca FILE or without")
        }
    }
}
