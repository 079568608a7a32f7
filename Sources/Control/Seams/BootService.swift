// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootServer

/// What the daemon needs of the boot services; `BootServer` in the program, a record of calls in tests.
package protocol BootService: Sendable {
    func start(
        _ services: BootServices, directory: any MachineDirectory, observer: @escaping @Sendable (BootEvent) -> Void
    ) async throws
    func stop() async
}
