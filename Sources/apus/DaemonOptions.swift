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

    var client: ControlClient {
        ControlClient(socketPath: self.socket)
    }

    var administration: Administration {
        Administration(socketPath: self.socket, configurationPath: self.config, stateFolder: self.state)
    }

    func validate() throws {
        for (name, path) in [("--config", self.config), ("--state", self.state), ("--socket", self.socket)]
        where path.isEmpty {
            throw ValidationError("\(name) is empty: name a path")
        }
    }
}
