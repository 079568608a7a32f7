// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
package import Logging
import NIOCore
import NIOPosix

/// The boot services of one interface: DHCP or proxyDHCP, TFTP and HTTP.
///
/// Either all that the configuration asks for are running, or none is.
package actor BootServer {
    private var channels: [any Channel] = []
    private var http: HTTPRun?
    private var isRunning = false

    package init() {}

    /// Starts answering. `observer` is told what happens, on event loops: it must return at once.
    package func start(
        services: BootServices, directory: any MachineDirectory,
        observer: @escaping @Sendable (BootEvent) -> Void, logger: Logger
    ) async throws(BootServerError) {
        guard !self.isRunning else { throw .alreadyRunning }
        self.isRunning = true
        do {
            try await self.open(services, directory, observer, logger)
        } catch {
            await self.stop()
            throw error
        }
    }

    /// Stops answering; TFTP transfers that run go on to their end, HTTP ones get two seconds. Does nothing when not
    /// running.
    package func stop() async {
        for channel in self.channels {
            try? await channel.close().get()
        }
        self.channels = []
        await self.http?.stop()
        self.http = nil
        self.isRunning = false
    }

    private func open(
        _ services: BootServices, _ directory: any MachineDirectory,
        _ observer: @escaping @Sendable (BootEvent) -> Void, _ logger: Logger
    ) async throws(BootServerError) {
        let network = try HostNetwork(services)
        let isOnlyServer = if case .ranges = services.dhcp { true } else { false }
        let policy = BootPolicy(server: network.address, httpPort: services.httpPort, isOnlyServer: isOnlyServer)
        let catalogue = try Catalogue(
            programsIn: services.firmwareFolder, loaders: services.loaders, policy: policy, directory: directory,
            tftpPort: services.tftpPort)
        let addresses = MachineAddresses()
        for (role, port) in try Self.roles(services, network) {
            self.channels.append(
                try await Self.openDHCP(role, port, network) {
                    DHCPHandler(
                        role, server: network.address, catalogue: catalogue, addresses: addresses, observer: observer,
                        logger: logger)
                })
        }
        try await self.openTFTP(services, network, catalogue, addresses, observer, logger)
        do {
            let responder = BootResponder(
                catalogue: catalogue, addresses: addresses, observer: observer, threads: .singleton)
            self.http = try await HTTPRun.start(
                responder, address: services.address, port: services.httpPort, logger: logger)
        } catch {
            throw BootServerError(error, service: .http, address: services.address, port: services.httpPort)
        }
        if services.advertisesNoRouter {
            do {
                self.channels.append(
                    try await RouterSolicitationHandler.open(network, group: Self.group, logger: logger))
            } catch {
                throw BootServerError(
                    error, service: .routerAdvertisement, address: services.interface, port: 58)
            }
        }
    }

    private static var group: any EventLoopGroup {
        MultiThreadedEventLoopGroup.singleton
    }

    /// The DHCP sockets that the mode needs.
    private static func roles(
        _ services: BootServices, _ network: HostNetwork
    ) throws(BootServerError) -> [(DHCPHandler.Role, Int)] {
        switch services.dhcp {
        case .off:
            return []
        case .proxy:
            let proxy = ProxyDHCP(server: network.address)
            return [(.proxy(proxy, .dhcp), 67), (.proxy(proxy, .pxe), 4011)]
        case .ranges(let own, let others):
            let file = services.leaseFile.map { LeaseFile(path: $0) }
            var server = try Self.subnets(own, others, network)
            if let file { server.restore(file.read(now: LeaseFile.now())) }
            return [(.server(server, file), 67)]
        }
    }

    private static func subnets(
        _ own: BootServices.Range, _ others: [BootServices.Range], _ network: HostNetwork
    ) throws(BootServerError) -> DHCPSubnets {
        let configurations = try ([own] + others).map { range throws(BootServerError) in
            try Self.configuration(of: range, network)
        }
        do throws(DHCPServer.ConfigurationError) {
            let mask = IPv4Address.mask(prefixLength: min(max(own.prefixLength, 0), 32))
            guard configurations[0].first.isNeighbour(of: network.address, mask: mask) else {
                throw DHCPServer.ConfigurationError.foreignAddress(configurations[0].first)
            }
            return try DHCPSubnets(server: network.address, configurations)
        } catch {
            let ranges = ([own] + others).map { "\($0.first) to \($0.last)" }.joined(separator: ", ")
            throw BootServerError(error, range: ranges, address: network.address.description)
        }
    }

    private static func configuration(
        of range: BootServices.Range, _ network: HostNetwork
    ) throws(BootServerError) -> DHCPServer.Configuration {
        guard let first = IPv4Address(range.first) else {
            throw .addressInvalid(range.first, setting: "the DHCP range's first")
        }
        guard let last = IPv4Address(range.last) else {
            throw .addressInvalid(range.last, setting: "the DHCP range's last")
        }
        var router: IPv4Address?
        if let text = range.router {
            guard let address = IPv4Address(text) else {
                throw .addressInvalid(text, setting: "the router that machines are told")
            }
            router = address
        }
        return .init(
            server: network.address, first: first, last: last, prefixLength: range.prefixLength, router: router,
            leaseSeconds: range.leaseSeconds, options: range.options)
    }

    private static func openDHCP(
        _ role: DHCPHandler.Role, _ port: Int, _ network: HostNetwork,
        _ makeHandler: @escaping @Sendable () -> DHCPHandler
    ) async throws(BootServerError) -> any Channel {
        do {
            return try await DatagramBootstrap(group: self.group)
                .channelOption(.socketOption(.so_broadcast), value: 1)
                .channelInitializer { channel in
                    channel.bind(toInterface: network.interface).flatMapThrowing {
                        try channel.pipeline.syncOperations.addHandler(makeHandler())
                    }
                }
                .bind(host: "0.0.0.0", port: port).get()
        } catch {
            let service: BootServerError.Service = if case .server = role { .dhcp } else { .proxyDHCP }
            throw BootServerError(error, service: service, address: network.device.name, port: port)
        }
    }

    private func openTFTP(
        _ services: BootServices, _ network: HostNetwork, _ catalogue: Catalogue, _ addresses: MachineAddresses,
        _ observer: @escaping @Sendable (BootEvent) -> Void, _ logger: Logger
    ) async throws(BootServerError) {
        do {
            let tftp = TFTPServices(
                address: try SocketAddress(ipAddress: services.address, port: 0),
                blockBytesMax: max(512, network.mtu - Limits.tftpOverheadBytes), catalogue: catalogue,
                addresses: addresses, observer: observer, logger: logger, group: Self.group, threads: .singleton,
                transferPorts: services.tftpTransferPorts)
            self.channels.append(
                try await DatagramBootstrap(group: Self.group)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(TFTPListener(tftp))
                        }
                    }
                    .bind(host: services.address, port: services.tftpPort).get())
        } catch {
            throw BootServerError(error, service: .tftp, address: services.address, port: services.tftpPort)
        }
    }
}
