// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import Glibc
package import Logging
import NIOCore

/// What the service manager is told of the daemon (sd_notify(3)); nothing where none asked to be told.
package struct ServiceNotice: Sendable {
    package enum State: Sendable {
        case ready(String)
        case reloading
        case stopping
        /// All that has to answer has answered: what the watchdog waits for.
        case alive
    }

    private let socketPath: String?
    /// How often the watchdog is to be fed: twice as often as it looks.
    package let watchdogInterval: Duration?
    private let logger: Logger

    /// - Parameter environment: the process's: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    package init(environment: (String) -> String?, logger: Logger) {
        self.logger = logger
        self.socketPath = environment("NOTIFY_SOCKET")
        let isMeant = environment("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
        let microseconds = environment("WATCHDOG_USEC").flatMap(Int64.init) ?? 0
        self.watchdogInterval = isMeant && microseconds > 0 ? .microseconds(microseconds / 2) : nil
    }

    package func send(_ state: State) {
        guard let socketPath else { return }
        let text =
            switch state {
            case .ready(let status): "READY=1\nSTATUS=\(status)"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(NIODeadline.now().uptimeNanoseconds / 1000)"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            }
        // Both strings are copied by the call.
        let result = unsafe clinux_send_datagram(socketPath, text)
        if result != 0 {
            self.logger.warning("the service manager at \(socketPath) cannot be told: error \(-result)")
        }
    }
}
