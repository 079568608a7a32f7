// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Glibc
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import ISCSIServer
package import Logging
import Model
import NIOCore
import ServiceLifecycle

/// The API, on its Unix socket or by TCP.
package struct APIService: Service {
    private let daemon: Daemon
    private let place: Place
    /// A socket that listens at the place already.
    private let inherited: CInt?
    private let logger: Logger
    private let isServing: @Sendable () async -> Void

    private enum Place {
        case socket(String)
        case network(NetworkAPI, NetworkIdentity, APIToken)
    }

    /// `isServing` is called once requests are answered.
    package init(
        daemon: Daemon, socketPath: String, inherited: CInt? = nil, logger: Logger,
        isServing: @escaping @Sendable () async -> Void = {}
    ) {
        self.init(
            daemon: daemon, place: .socket(socketPath), inherited: inherited, logger: logger, isServing: isServing)
    }

    /// For those who know the token in the state folder.
    ///
    /// - Throws: where token, certificate or key cannot be read or made.
    package init(
        daemon: Daemon, network: NetworkAPI, inherited: CInt? = nil, stateFolder: String, logger: Logger,
        isServing: @escaping @Sendable () async -> Void = {}
    ) throws {
        let identity = try NetworkIdentity(network, stateFolder: stateFolder)
        let token = try APIToken(stateFolder: stateFolder)
        self.init(
            daemon: daemon, place: .network(network, identity, token), inherited: inherited, logger: logger,
            isServing: isServing)
    }

    private init(
        daemon: Daemon, place: Place, inherited: CInt?, logger: Logger,
        isServing: @escaping @Sendable () async -> Void
    ) {
        self.inherited = inherited
        self.isServing = isServing
        self.daemon = daemon
        self.place = place
        self.logger = logger
    }

    package func run() async throws {
        // The framework's own lines say less than ours.
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        switch self.place {
        case .socket where self.inherited != nil: try await self.serveInherited(quiet)
        case .network where self.inherited != nil: try await self.serveInherited(quiet)
        case .socket(let path):
            let application = Application(
                router: Routes.router(self.daemon),
                configuration: .init(address: .unixDomainSocket(path: path), serverName: nil),
                onServerRunning: { _ in
                    self.open(path)
                    await self.isServing()
                }, logger: quiet)
            try await application.run()
            try? SystemFiles.remove(path)
        case .network(let network, let identity, let token):
            let address = network.address
            let plain = HTTPServerBuilder.http1(
                configuration: .init(idleTimeout: .seconds(Limits.networkIdleSeconds)))
            let application = Application(
                router: Routes.router(self.daemon, for: token),
                server: try identity.tls.map { try .tls(plain, tlsConfiguration: $0) } ?? plain,
                configuration: .init(
                    address: .hostname(address.address.description, port: Int(address.port)), serverName: nil,
                    availableConnectionsDelegate: MaximumAvailableConnections(Limits.networkConnections)),
                onServerRunning: { channel in
                    await self.announce(identity, address, port: channel.localAddress?.port)
                    await self.isServing()
                }, logger: quiet)
            do {
                try await application.run()
            } catch let error as IOError {
                let error = PortalError(Portal(address), error)
                throw FileProblem(.inUse, "the API cannot listen at \(address): \(error.cause); \(error.remedy)")
            }
        }
    }

    /// Whose socket it is, who may use it and whether it stays is the service manager's business.
    private func serveInherited(_ logger: Logger) async throws {
        guard let inherited else { return }
        switch self.place {
        case .socket(let path):
            let child = HTTP1Channel(responder: responder(Routes.router(self.daemon), logger))
            try await InheritedServer(descriptor: inherited, child: child, logger: logger) { channel in
                self.logger.notice(
                    "serving; the API is at \(channel.localAddress?.pathname ?? path), which was handed over")
                await self.isServing()
            }.run()
        case .network(let network, let identity, let token):
            let plain = HTTP1Channel(
                responder: responder(Routes.router(self.daemon, for: token), logger),
                configuration: .init(idleTimeout: .seconds(Limits.networkIdleSeconds)))
            let announce: @Sendable (any Channel) async -> Void = { channel in
                await self.announce(identity, network.address, port: channel.localAddress?.port)
                await self.isServing()
            }
            if let tls = identity.tls {
                let child = try TLSChannel(plain, tlsConfiguration: tls)
                try await InheritedServer(descriptor: inherited, child: child, logger: logger, isServing: announce)
                    .run()
            } else {
                try await InheritedServer(descriptor: inherited, child: plain, logger: logger, isServing: announce)
                    .run()
            }
        }
    }

    /// Lets the group `apus`, where there is one, use the socket; until here nobody but us may.
    private func open(_ path: String) {
        do {
            if let group = unsafe getgrnam("apus") {
                try SystemFiles.setGroup(path, unsafe group.pointee.gr_gid)
            }
            try SystemFiles.setMode(path, 0o660)
        } catch {
            self.logger.warning("the socket's mode could not be set: \(error)")
        }
        self.logger.notice("serving; the API is at \(path)")
    }

    /// Tells the log and the status where the API is, and by what it is known.
    private func announce(_ identity: NetworkIdentity, _ address: PortalAddress, port: Int?) async {
        var bound = address
        if let port = port.flatMap(UInt16.init(exactly:)) { bound.port = port }
        let status = APIStatus(
            url: "\(identity.tls == nil ? "http" : "https")://\(bound)", fingerprint: identity.fingerprint,
            authorityPath: identity.authorityPath)
        self.logger.notice("the API is at \(status.words)")
        await self.daemon.serves(status)
    }
}
