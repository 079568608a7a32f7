// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

/// How far a boot is to be followed, by what the console shows.
package enum ConsoleStage: String, Sendable, Hashable, CaseIterable {
    /// The boot loader has started.
    case loader
    case kernel
    /// The initramfs has attached the root disk.
    case disk
    case login

    var words: String {
        switch self {
        case .loader: "its boot loader"
        case .kernel: "its kernel"
        case .disk: "its root disk"
        case .login: "its login prompt"
        }
    }
}

/// What is to be tried.
package struct TryOutOptions: Sendable {
    /// How long a boot may take, emulated and on a busy host.
    package static let defaultTimeoutSeconds = 240

    package enum Goal: Sendable, Hashable {
        /// A stage, shown by a line per stage; the machine is then switched off.
        case stage(ConsoleStage)
        /// The login prompt, and then a command run there as the superuser.
        case command(String, password: String)
        /// The machine's console, until the machine is switched off or the user leaves.
        case console
    }

    package var client: BootClient
    package var machine: VirtualMachine
    package var goal: Goal
    package var timeoutSeconds: Int
    /// The folder of images and disks.
    package var stateFolder: String
    /// A file that gets all that the machine writes to its console.
    package var consoleLog: String?

    package init(
        client: BootClient, machine: VirtualMachine, goal: Goal,
        timeoutSeconds: Int = Self.defaultTimeoutSeconds, stateFolder: String, consoleLog: String? = nil
    ) {
        self.client = client
        self.machine = machine
        self.goal = goal
        self.timeoutSeconds = timeoutSeconds
        self.stateFolder = stateFolder
        self.consoleLog = consoleLog
    }
}
