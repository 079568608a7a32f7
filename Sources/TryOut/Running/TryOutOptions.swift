// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

/// What is to be tried.
package struct TryOutOptions: Sendable {
    /// How long a boot may take, emulated and on a busy host.
    package static let defaultTimeoutSeconds = 240

    package enum Goal: Sendable, Hashable {
        /// The login prompt, shown by a line per stage; the machine is then switched off.
        case login
        /// The login prompt, and then a command run there as the superuser.
        case command(String, password: String)
        /// The machine's console, until the machine is switched off or the user leaves.
        case console
    }

    package var client: BootClient
    package var machine: VirtualMachine
    /// In place of the client's own.
    package var method: BootClient.Method?
    package var goal: Goal
    package var timeoutSeconds: Int
    /// The folder of images and disks.
    package var stateFolder: String
    /// A file that gets all that the machine writes to its console.
    package var consoleLog: String?

    package init(
        client: BootClient, machine: VirtualMachine, method: BootClient.Method? = nil, goal: Goal,
        timeoutSeconds: Int = Self.defaultTimeoutSeconds, stateFolder: String, consoleLog: String? = nil
    ) {
        self.client = client
        self.machine = machine
        self.method = method
        self.goal = goal
        self.timeoutSeconds = timeoutSeconds
        self.stateFolder = stateFolder
        self.consoleLog = consoleLog
    }
}
