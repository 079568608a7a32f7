// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import Logging
import NIOCore
import NIOPosix

/// Answers IPv6 router solicitations with an advertisement that offers nothing (see `RouterAdvertisement`).
final class RouterSolicitationHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let allNodes: SocketAddress
    private let logger: Logger

    init(allNodes: SocketAddress, logger: Logger) {
        self.allNodes = allNodes
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        guard envelope.data.getInteger(at: envelope.data.readerIndex) == RouterAdvertisement.solicitationType else {
            return
        }
        // To all nodes (RFC 4861 §6.2.6 allows it): the sender may have no address yet.
        let answer = AddressedEnvelope(remoteAddress: self.allNodes, data: ByteBuffer(bytes: RouterAdvertisement.empty))
        context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
        self.logger.debug("router solicitation answered: no router here")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.logger.warning("router advertisement socket: \(error)")
    }

    /// Opens the raw socket on the interface of `network`.
    ///
    /// It is made here and not by NIO, which sets IPV6_V6ONLY on every IPv6 socket; the kernel refuses that on raw
    /// ones. It is not bound to an address: the interface may get its own only once a machine is plugged in.
    static func open(_ network: HostNetwork, group: any EventLoopGroup, logger: Logger) async throws -> any Channel {
        let allNodes = try SocketAddress(ipAddress: "ff02::1%\(network.device.name)", port: 0)
        // NIO joins groups only through a device that has an IPv6 address already.
        var membership = ipv6_mreq()
        membership.ipv6mr_interface = CUnsignedInt(network.device.interfaceIndex)
        guard unsafe inet_pton(AF_INET6, "ff02::2", &membership.ipv6mr_multiaddr) == 1 else {
            throw IOError(errnoCode: EAFNOSUPPORT, reason: "inet_pton")
        }
        let descriptor = socket(AF_INET6, CInt(SOCK_RAW.rawValue), CInt(IPPROTO_ICMPV6))
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        let channel = try await DatagramBootstrap(group: group)
            .channelInitializer { channel in
                channel.bind(toInterface: network.interface).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(
                        RouterSolicitationHandler(allNodes: allNodes, logger: logger))
                }
            }
            .withBoundSocket(descriptor).get()
        if let options = channel as? any SocketOptionProvider {
            // Receivers drop advertisements that could have come from another network (RFC 4861 §6.1.2).
            try await options.setIPv6MulticastHops(255).get()
            try await options.unsafeSetSocketOption(level: .ipv6, name: .ipv6_join_group, value: membership).get()
        }
        return channel
    }
}
