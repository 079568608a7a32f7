// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Logging
import NIOCore

/// A DHCP socket: parses what comes in, asks the machine, sends what it answers and tells what happened.
final class DHCPHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// The part that this socket plays.
    enum Role {
        case server(DHCPServer)
        case proxy(ProxyDHCP, ProxyDHCP.Port)
    }

    private var role: Role
    private let catalogue: Catalogue
    private let addresses: MachineAddresses
    private let observer: @Sendable (BootEvent) -> Void
    private let logger: Logger

    init(
        _ role: Role, catalogue: Catalogue, addresses: MachineAddresses,
        observer: @escaping @Sendable (BootEvent) -> Void, logger: Logger
    ) {
        self.role = role
        self.catalogue = catalogue
        self.addresses = addresses
        self.observer = observer
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        let message: DHCPMessage
        do {
            message = try DHCPMessage.parse(envelope.data.readableBytesSpan)
        } catch {
            self.logger.debug("no DHCP message", metadata: ["from": "\(envelope.remoteAddress)", "why": "\(error)"])
            return
        }
        guard let client = BootClient(message) else { return }
        let plan = self.catalogue.directory.assignment(for: client.mac).map { BootPlan($0) }
        var boot = self.catalogue.policy.answer(client, plan: plan)
        if let missing = self.catalogue.missing(for: client, boot) { boot = BootAnswer(refusal: missing) }
        let outcome = self.decide(message, client, boot)
        if message.type == .discover, self.concerns(outcome) {
            self.observer(
                .dhcpDiscover(client.mac, architecture: client.architecture, isIPXE: client.program == .ipxe))
        }
        if let reply = outcome.reply { self.send(reply, to: envelope.remoteAddress, context: context) }
        self.tell(outcome.remark, client, boot)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram that could not be sent or received: the socket goes on.
        self.logger.warning("DHCP socket: \(error)")
    }

    private func decide(_ message: DHCPMessage, _ client: BootClient, _ boot: BootAnswer) -> DHCPOutcome {
        switch self.role {
        case .server(var server):
            let seconds = NIODeadline.milliseconds / 1000
            let outcome = server.received(message, boot: boot, now: seconds)
            self.role = .server(server)
            return outcome
        case .proxy(let proxy, let port):
            return proxy.received(message, on: port, client: client, boot: boot)
        }
    }

    private func concerns(_ outcome: DHCPOutcome) -> Bool {
        if case .ignored = outcome.remark { false } else { true }
    }

    private func send(_ reply: DHCPReply, to sender: SocketAddress, context: ChannelHandlerContext) {
        let (bytes, omitted) = reply.message.encode(maximumBytes: reply.bytesMax)
        if !omitted.isEmpty {
            self.logger.warning(
                "DHCP options \(omitted) found no room in an answer",
                metadata: ["mac": "\(reply.message.mac.map { "\($0)" } ?? "-")"])
        }
        do {
            let destination: SocketAddress =
                switch reply.destination {
                case .broadcast: try SocketAddress(ipAddress: "255.255.255.255", port: 68)
                case .client(let address): try SocketAddress(ipAddress: address.description, port: 68)
                case .relay(let address): try SocketAddress(ipAddress: address.description, port: 67)
                case .sender: sender
                }
            let written = context.writeAndFlush(
                self.wrapOutboundOut(AddressedEnvelope(remoteAddress: destination, data: bytes)))
            let logger = self.logger
            written.whenFailure { logger.warning("DHCP answer to \(destination) was not sent: \($0)") }
        } catch {
            self.logger.warning("DHCP answer: \(error)")
        }
    }

    private func tell(_ remark: DHCPOutcome.Remark, _ client: BootClient, _ boot: BootAnswer) {
        let mac = client.mac
        switch remark {
        case .offered(let address, let bootFile):
            self.observer(.dhcpOffer(mac, address: address?.description, bootFile: bootFile))
            if let refusal = boot.refusal { self.observer(.dhcpRefused(mac, reason: refusal)) }
        case .acknowledged(let address, let bootFile):
            if let address { self.addresses.learn(address, mac) }
            self.observer(.dhcpAcknowledged(mac, address: address?.description, bootFile: bootFile))
        case .refused(let reason):
            self.observer(.dhcpRefused(mac, reason: reason))
        case .released(let address):
            self.logger.debug("\(mac) gave back \(address)")
        case .ignored(let reason):
            self.logger.trace("DHCP message of \(mac) ignored: \(reason)")
        }
    }
}
