// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import BlockStores
import ISCSIServer

/// How commands that serve disks go about it.
struct SpeedOptions: ParsableArguments {
    @Option(
        help: """
            Who waits for disks: io_uring, threads, or auto for io_uring where the kernel allows it.
            """)
    var ioEngine = IOEngine.automatic

    @Option(
        help: ArgumentHelp(
            "Poll the sockets for so long after an answer rather than sleep; answers come sooner, and it costs processor time.",
            valueName: "microseconds"))
    var pollUs = 0

    func validate() throws {
        guard (0...ServerLimits.pollingMicroseconds).contains(self.pollUs) else {
            throw ValidationError("--poll-us \(self.pollUs): write 0 to \(ServerLimits.pollingMicroseconds)")
        }
    }
}

extension IOEngine: ExpressibleByArgument {}
