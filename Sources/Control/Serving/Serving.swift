// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BlockStores
import BootServer
import ControlAPI
import Glibc
import ISCSIServer
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The daemon as a process: what `apus serve` runs.
///
///     lock ─► read ─► serve what can be served ─► API on the socket ─► … SIGHUP: read again
///                                                                    ─► SIGTERM, SIGINT: API off, sessions end
///                                                                       in their grace, stores flushed and closed
package struct Serving: Sendable {
    package struct Options: Sendable {
        package var daemon: Daemon.Options
        package var socketPath: String
        /// Where the API is served by TCP as well.
        package var network: NetworkAPI?
        /// Who waits for media.
        package var engine: IOEngine
        /// How many microseconds event loops poll after they have answered.
        package var pollMicroseconds: Int

        package init(
            daemon: Daemon.Options, socketPath: String, network: NetworkAPI? = nil, engine: IOEngine = .automatic,
            pollMicroseconds: Int = 0
        ) {
            self.daemon = daemon
            self.socketPath = socketPath
            self.network = network
            self.engine = engine
            self.pollMicroseconds = pollMicroseconds
        }
    }

    private let options: Options
    private let logger: Logger

    package init(_ options: Options, logger: Logger) {
        self.options = options
        self.logger = logger
    }

    /// Serves until the process is told to stop.
    package func run() async throws {
        let lock = try ConfigurationLock(of: ConfigurationFile(path: self.options.daemon.configurationPath))
        defer { withExtendedLifetime(lock) {} }
        let inherited = try InheritedSockets(environment: Self.environment)
        if inherited.local == nil { try await self.prepareSocket() }
        guard inherited.network == nil || self.options.network != nil else {
            throw FileProblem(
                .badContent,
                "a socket of TCP was handed over; name its address with --api-listen, or take it out of apus.socket"
            )
        }
        let logger = self.logger
        let engine = try LoopRings.choose(self.options.engine, group: MultiThreadedEventLoopGroup.singleton)
        let pool = NIOThreadPool(numberOfThreads: Limits.storeThreads)
        pool.start()
        let pollingSpan = TimeAmount.polling(microseconds: self.options.pollMicroseconds)
        let notice = ServiceNotice(environment: Self.environment, logger: logger)
        let credentials = BootCredentials()
        let daemon = Daemon(options: self.options.daemon, logger: logger) { observer in
            Daemon.Seams(
                targets: ISCSIServer(
                    group: MultiThreadedEventLoopGroup.singleton, logger: logger, pollingSpan: pollingSpan,
                    credentials: { credentials.authentication(of: $0, at: $1) }, observer: observer),
                boot: LoggingBootService(logger: logger), stores: FileStoreOpening(pool: pool, rings: engine.rings),
                credentials: credentials)
        }
        let network = try self.options.network.map {
            try APIService(
                daemon: daemon, network: $0, inherited: inherited.network, stateFolder: self.options.daemon.stateFolder,
                logger: logger)
        }
        // The store's writes end when the daemon has stopped, and with them the pool's work.
        try await Self.closing(pool) {
            try await daemon.start()
            logger.notice("disks that have to be waited for: by \(engine.description)")
            let api = APIService(
                daemon: daemon, socketPath: self.options.socketPath, inherited: inherited.local, logger: logger
            ) {
                notice.send(.ready(await daemon.summary))
            }
            let own: [any Service] = [
                DaemonService(daemon: daemon, notice: notice),
                ReloadService(daemon: daemon, notice: notice, logger: logger),
                WatchdogService(daemon: daemon, notice: notice),
            ]
            // One that cannot be served ends the daemon, but as a signal would: sessions and stores get their time.
            let apis: [any Service] = [api, network].compactMap(\.self)
            let services =
                own.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
                + apis.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) }
            let group = ServiceGroup(
                configuration: .init(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
            try await group.run()
        }
    }

    private static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    private static func closing(_ pool: NIOThreadPool, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            try? await pool.shutdownGracefully()
            throw error
        }
        try await pool.shutdownGracefully()
    }

    /// Makes the socket's folder, and refuses to take the place of a daemon that answers there.
    private func prepareSocket() async throws {
        let path = self.options.socketPath
        guard path.utf8.count < 108 else {
            throw FileProblem(.cannotCreate, "\(path) is too long for a socket; choose a path of at most 107 bytes")
        }
        do {
            try SystemFiles.makeFolder(SystemFiles.folder(of: path), mode: 0o755)
        } catch {
            throw FileProblem("make the folder of \(path)", error)
        }
        guard SystemFiles.exists(path) else { return }
        if let status = try? await ControlClient(socketPath: path).status() {
            throw FileProblem(
                .inUse,
                "a daemon (process \(status.processID)) answers at \(path) already; stop it or use another --socket")
        }
    }
}

/// Keeps the daemon observing, and stops it.
private struct DaemonService: Service {
    let daemon: Daemon
    let notice: ServiceNotice

    func run() async throws {
        await withGracefulShutdownHandler {
            await self.daemon.observe()
        } onGracefulShutdown: {
            self.notice.send(.stopping)
            Task { await self.daemon.stop() }
        }
    }
}

/// Reads the configuration again on SIGHUP.
private struct ReloadService: Service {
    let daemon: Daemon
    let notice: ServiceNotice
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            self.notice.send(.reloading)
            do {
                let report = try await self.daemon.reload()
                self.logger.notice("configuration read again: \(report.steps.count) steps")
            } catch {
                self.logger.error("the configuration was not taken over, what ran goes on: \(error)")
            }
            self.notice.send(.ready(await self.daemon.summary))
        }
    }
}

/// Feeds the service manager's watchdog as long as the daemon and every event loop answer.
private struct WatchdogService: Service {
    let daemon: Daemon
    let notice: ServiceNotice

    func run() async throws {
        guard let interval = self.notice.watchdogInterval else {
            // A service that returned would end the daemon.
            try? await gracefulShutdown()
            return
        }
        try? await cancelWhenGracefulShutdown {
            while true {
                for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
                    try await loop.submit {}.get()
                }
                _ = await self.daemon.summary
                self.notice.send(.alive)
                try await Task.sleep(for: interval)
            }
        }
    }
}
