// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootServer
package import Logging

/// The boot services as the daemon drives them.
package struct LoggingBootService: BootService {
    private let server = BootServer()
    private let logger: Logger

    package init(logger: Logger) {
        self.logger = logger
    }

    package func start(
        _ services: BootServices, directory: any MachineDirectory, observer: @escaping @Sendable (BootEvent) -> Void
    ) async throws {
        try await self.server.start(
            services: services, directory: directory, observer: observer, logger: self.logger)
    }

    package func stop() async {
        await self.server.stop()
    }
}
