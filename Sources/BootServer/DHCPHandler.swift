// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Logging
import NIOCore
import NIOPosix

/// A DHCP socket: parses what comes in, asks the machine, sends what it answers and tells what happened.
final class DHCPHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// The part that this socket plays.
    enum Role {
        case server(DHCPSubnets, LeaseFile?)
        case proxy(ProxyDHCP, ProxyDHCP.Port)
    }

    private var role: Role
    private var leaseChangesWritten: UInt64 = 0
    private var leaseWrite: Scheduled<Void>?
    private var search: OtherServers
    private let catalogue: Catalogue
    private let addresses: MachineAddresses
    private let observer: @Sendable (BootEvent) -> Void
    private let logger: Logger

    init(
        _ role: Role, server: IPv4Address, catalogue: Catalogue, addresses: MachineAddresses,
        observer: @escaping @Sendable (BootEvent) -> Void, logger: Logger
    ) {
        self.role = role
        self.search = OtherServers(own: server)
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
        switch self.search.received(message) {
        case .unrelated: break
        case .nothing: return
        case .found(let other):
            self.logger.warning(
                "another DHCP server answers on this network: \(other); machines boot by whichever is first: turn it off, or leave the addresses to it (apus services set --dhcp proxy)"
            )
            self.observer(.otherDHCPServer(other.description))
            return
        }
        guard let client = BootClient(message) else { return }
        var boot = self.catalogue.answer(client, message)
        if let missing = self.catalogue.missing(for: client, boot) { boot = BootAnswer(refusal: missing) }
        let outcome = self.decide(message, client, boot)
        if message.type == .discover, self.concerns(outcome) {
            self.observer(
                .dhcpDiscover(client.mac, architecture: client.architecture, isIPXE: client.program == .ipxe))
        }
        if let reply = outcome.reply { self.send(reply, to: envelope.remoteAddress, context: context) }
        self.tell(outcome.remark, client, boot)
        self.keepLeases(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram that could not be sent or received: the socket goes on.
        self.logger.warning("DHCP socket: \(error)")
    }

    private func decide(_ message: DHCPMessage, _ client: BootClient, _ boot: BootAnswer) -> DHCPOutcome {
        switch self.role {
        case .server(var server, let file):
            let outcome = server.received(
                message, boot: boot, reservations: self.catalogue.directory.reservations, now: LeaseFile.now().clock)
            self.role = .server(server, file)
            return outcome
        case .proxy(let proxy, let port):
            return proxy.received(message, on: port, client: client, boot: boot)
        }
    }

    /// Writes the leases to their file soon, if they have changed.
    private func keepLeases(_ context: ChannelHandlerContext) {
        guard case .server(let server, .some) = self.role, server.leaseChanges != self.leaseChangesWritten,
            self.leaseWrite == nil
        else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.leaseWrite = context.eventLoop.scheduleTask(in: .milliseconds(Limits.leaseWriteMilliseconds)) {
            bound.value.leaseWrite = nil
            bound.value.writeLeases(on: .singleton)
        }
    }

    private func writeLeases(on threads: NIOThreadPool?) {
        guard case .server(let server, let file?) = self.role, server.leaseChanges != self.leaseChangesWritten else {
            return
        }
        self.leaseChangesWritten = server.leaseChanges
        let text = LeaseText.write(server.leases, now: LeaseFile.now())
        let logger = self.logger
        let write: @Sendable () -> Void = {
            do {
                try file.write(text)
            } catch {
                logger.error("the leases were not kept in \(file.path): \(error); machines may change their addresses")
            }
        }
        if let threads { threads.submit { _ in write() } } else { write() }
    }

    func channelActive(context: ChannelHandlerContext) {
        guard case .server = self.role else { return }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleRepeatedTask(
            initialDelay: .zero, delay: .seconds(Limits.otherServerSeconds)
        ) { task in
            let (handler, context) = bound.value
            guard context.channel.isActive else { return task.cancel() }
            handler.look(context)
        }
    }

    /// Asks for other DHCP servers as a relay agent would, so that their offers come to this port.
    private func look(_ context: ChannelHandlerContext) {
        let question = self.search.question(transaction: .random(in: 1...UInt32.max)).encode().bytes
        guard let everyone = try? SocketAddress(ipAddress: "255.255.255.255", port: 67) else { return }
        // Not worth a word if it cannot be sent: the next one may.
        context.writeAndFlush(
            self.wrapOutboundOut(AddressedEnvelope(remoteAddress: everyone, data: question)), promise: nil)
    }

    /// The socket is closed: what has not been written is written now, while nobody waits for this loop any more.
    func channelInactive(context: ChannelHandlerContext) {
        self.leaseWrite?.cancel()
        self.leaseWrite = nil
        self.writeLeases(on: nil)
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
