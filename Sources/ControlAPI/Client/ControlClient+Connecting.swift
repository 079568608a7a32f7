// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension ControlClient {
    typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    func connect() async throws -> Connection {
        switch self.place {
        case .socket(let path): try await Self.connect(toSocket: path)
        case .server(let server): try await Self.connect(to: server)
        }
    }

    private static func connect(toSocket path: String) async throws -> Connection {
        do {
            return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: path) { channel in
                    channel.eventLoop.makeCompletedFuture { try Self.speakHTTP(on: channel) }
                }
        } catch let error as IOError where [EPERM, EACCES].contains(error.errnoCode) {
            throw ControlError(
                .noPermission,
                "\(path): not permitted; use sudo, or become a member of the group that the socket belongs to")
        } catch let error as IOError where [ENOENT, ECONNREFUSED].contains(error.errnoCode) {
            throw ControlError(
                .notRunning, "no daemon answers at \(path); start it (apus serve), or name its --socket")
        } catch {
            throw ControlError(.broken, "\(path) cannot be used: \(error)")
        }
    }

    private static func connect(to server: Server) async throws -> Connection {
        let address = server.address
        let tls = try address.isEncrypted ? Self.context(for: server) : nil
        let connection: (Connection, handshake: EventLoopFuture<Void>?)
        do {
            connection = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(Limits.connectSeconds))
                .connect(host: address.host, port: address.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handshake = try tls.map { try Self.shakeHands($0, with: address, on: channel) }
                        return (try Self.speakHTTP(on: channel), handshake)
                    }
                }
        } catch {
            let cause =
                switch (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error {
                case let error as IOError where error.errnoCode == ECONNREFUSED: "nobody listens there"
                case is ChannelError: "no answer for \(Limits.connectSeconds) s"
                case let other: "\(other)"
                }
            throw ControlError(
                .unreachable, "\(address) cannot be reached: \(cause); is the daemon's --api-listen that address?")
        }
        do {
            try await connection.handshake?.get()
        } catch {
            // A connection is used to its end, even where nothing is to be said on it.
            try? await connection.0.executeThenClose { _, _ in }
            throw Self.refused(address, error)
        }
        return connection.0
    }

    private static func shakeHands(
        _ tls: NIOSSLContext, with address: ServerAddress, on channel: any Channel
    ) throws -> EventLoopFuture<Void> {
        // A numeric address is no name to ask for (RFC 6066 §3); it is still compared.
        let name = IPAddress(address.host) == nil ? address.host : nil
        let ended = channel.eventLoop.makePromise(of: Void.self)
        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
        try channel.pipeline.syncOperations.addHandler(Handshake(ended))
        return ended.futureResult
    }

    private static func speakHTTP(on channel: any Channel) throws -> Connection {
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }

    private static func context(for server: Server) throws(ControlError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let path = server.authorityPath { configuration.trustRoots = .file(path) }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            let subject = server.authorityPath.map { "--ca \($0)" } ?? "this host's certificate authorities"
            throw ControlError(
                .refused, "\(subject): no certificates could be read (\(error)); name a PEM file")
        }
    }

    /// Why the server is not one to talk to, in words.
    private static func refused(_ address: ServerAddress, _ error: any Error) -> ControlError {
        switch error {
        case is NIOSSLExtraError:
            ControlError(
                .refused, "\(address): its certificate is for another host; use a name or address that it has")
        case NIOSSLError.handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED"):
            ControlError(
                .refused,
                "\(address): its certificate is not trusted; name the authority that `apus status` on that host "
                    + "shows: --ca FILE")
        default:
            ControlError(.broken, "\(address) does not speak TLS as this does: \(error)")
        }
    }
}
