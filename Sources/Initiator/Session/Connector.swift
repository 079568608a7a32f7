// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import NIOPosix
import SystemPackage

/// What every session of a program has in common.
package struct InitiatorOptions: Sendable {
    package var initiatorName = "iqn.2026-11.org.apus:initiator"
    package var headerDigest = false
    package var dataDigest = false

    package init() {}
}

/// Opens sessions.
struct Connector: Sendable {
    let options: InitiatorOptions
    let group: any EventLoopGroup
    /// The random part of our ISIDs (RFC 7143 §11.12.5: type 10b, 24 random bits, a 16-bit qualifier).
    private let random = UInt32.random(in: 0...0xff_ffff)

    /// Opens a session and follows the target where it sends us.
    ///
    /// - Parameters:
    ///   - qualifier: tells the sessions of this program apart.
    ///   - driver: makes the session's user, on its event loop; once for every address that is tried.
    func open<Driver: InitiatorDriver>(
        _ url: TargetURL, qualifier: UInt16, depth: Int, on loop: any EventLoop,
        _ driver: @escaping @Sendable () -> Driver
    ) -> EventLoopFuture<any Channel> {
        var proposal = LoginProposal(
            initiatorName: self.options.initiatorName, targetName: url.target,
            isid: ISID(0x80 << 40 | UInt64(self.random) << 16 | UInt64(qualifier)))
        proposal.headerDigest = self.options.headerDigest
        proposal.dataDigest = self.options.dataDigest
        proposal.credentials = url.user.map { CHAPCredentials(name: $0, secret: CHAPSecret(url.secret ?? "")) }
        let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: InitiatorLimits.receiveBufferBytes)
            )
            .connectTimeout(InitiatorLimits.connectTime)
            .channelInitializer { [proposal] channel in
                channel.eventLoop.makeCompletedFuture {
                    let login = InitiatorLogin(proposal, firstCmdSN: 1)
                    let handler = InitiatorHandler(
                        login, proposal, depth: depth, target: url.shown, driver: driver())
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        return bootstrap.connect(host: url.host, port: url.port).flatMapErrorThrowing { error in
            throw InitiatorError(.unreachable, "\(url.shown): nobody answers: \(ConnectReason(error))")
        }
    }
}

/// Why a connection could not be made, in the system's words.
private struct ConnectReason: CustomStringConvertible {
    let description: String

    init(_ error: any Error) {
        switch error {
        case let error as NIOConnectionError:
            let first = error.connectionErrors.first?.error ?? error.dnsAError ?? error.dnsAAAAError
            self.description = first.map { ConnectReason($0).description } ?? "no address"
        case let error as IOError:
            self.description = Errno(rawValue: error.errnoCode).description
        case is ChannelError:
            self.description = "the connection timed out"
        default:
            self.description = "\(error)"
        }
    }
}
