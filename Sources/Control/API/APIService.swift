// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Hummingbird
package import Logging
import ServiceLifecycle

/// The API on its Unix socket.
package struct APIService: Service {
    private let daemon: Daemon
    private let socketPath: String
    private let logger: Logger
    private let isServing: @Sendable () async -> Void

    /// `isServing` is called once requests are answered.
    package init(
        daemon: Daemon, socketPath: String, logger: Logger, isServing: @escaping @Sendable () async -> Void = {}
    ) {
        self.isServing = isServing
        self.daemon = daemon
        self.socketPath = socketPath
        self.logger = logger
    }

    package func run() async throws {
        // The framework's own lines say less than ours.
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let application = Application(
            router: Routes.router(self.daemon),
            configuration: .init(address: .unixDomainSocket(path: self.socketPath), serverName: nil),
            onServerRunning: { _ in
                self.open()
                await self.isServing()
            }, logger: quiet)
        try await application.run()
        try? SystemFiles.remove(self.socketPath)
    }

    /// Lets the group `apus`, where there is one, use the socket; until here nobody but us may.
    private func open() {
        do {
            if let group = unsafe getgrnam("apus") {
                try SystemFiles.setGroup(self.socketPath, unsafe group.pointee.gr_gid)
            }
            try SystemFiles.setMode(self.socketPath, 0o660)
        } catch {
            self.logger.warning("the socket's mode could not be set: \(error)")
        }
        self.logger.notice("serving; the API is at \(self.socketPath)")
    }
}
