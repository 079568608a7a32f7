// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import Logging
import NIOCore
import NIOPosix

/// What TFTP works with: made once, shared by the listener and its transfers.
struct TFTPServices: Sendable {
    var address: SocketAddress
    /// The largest block that a frame of the interface holds.
    var blockBytesMax: Int
    var catalogue: Catalogue
    var addresses: MachineAddresses
    var observer: @Sendable (BootEvent) -> Void
    var logger: Logger
    var group: any EventLoopGroup
    var threads: NIOThreadPool
    /// The ports that transfers come from; nil leaves them to the kernel.
    var transferPorts: ClosedRange<Int>?
}

extension TFTPServices {
    /// A socket for a transfer. Of a range of ports those are passed over that somebody has, this server's own other
    /// transfers above all.
    fileprivate func transferSocket(number: Int) -> EventLoopFuture<any Channel> {
        guard let ports = self.transferPorts else { return Self.bind(self.address, self.group) }
        return self.transferSocket(ports, from: number, tries: ports.count)
    }

    private func transferSocket(_ ports: ClosedRange<Int>, from number: Int, tries: Int) -> EventLoopFuture<any Channel>
    {
        var address = self.address
        address.port = ports.lowerBound + Int(UInt(bitPattern: number) % UInt(ports.count))
        return Self.bind(address, self.group).flatMapError { error in
            guard (error as? IOError)?.errnoCode == EADDRINUSE, tries > 1 else {
                return self.group.any().makeFailedFuture(error)
            }
            return self.transferSocket(ports, from: number &+ 1, tries: tries - 1)
        }
    }

    private static func bind(_ address: SocketAddress, _ group: any EventLoopGroup) -> EventLoopFuture<any Channel> {
        DatagramBootstrap(group: group).bind(to: address)
    }
}

/// The socket on TFTP's port: takes requests and gives each a socket of its own (RFC 1350 §4).
final class TFTPListener: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let services: TFTPServices
    /// Clients whose transfer runs: a request repeated by an impatient one must not start a second.
    private var active: Set<SocketAddress> = []
    /// Transfers begun, which goes round the ports that may be used.
    private var begun = 0

    init(_ services: TFTPServices) {
        self.services = services
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = self.unwrapInboundIn(data)
        let remote = envelope.remoteAddress
        let packet: TFTPPacket
        do {
            packet = try TFTPPacket.parse(envelope.data.readableBytesSpan)
        } catch {
            self.refuse(remote, .illegalOperation, "not a TFTP request that this server knows", context: context)
            return
        }
        switch packet {
        case .readRequest(let request):
            self.open(request, remote, context: context)
        case .writeRequest(let request):
            self.fail(
                request.file, remote, .accessViolation, "this server takes no files", context: context)
        case .error:
            // An answer to one of our refusals: errors are never answered.
            break
        case .data, .acknowledgement, .optionAcknowledgement:
            self.refuse(remote, .unknownTransfer, "no transfer on this port", context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.services.logger.warning("TFTP socket: \(error)")
    }

    private func open(_ request: TFTPRequest, _ remote: SocketAddress, context: ChannelHandlerContext) {
        guard !self.active.contains(remote) else { return }
        guard self.active.count < Limits.tftpTransfersMax else {
            self.fail(
                request.file, remote, .notDefined, "\(Limits.tftpTransfersMax) transfers are running already",
                context: context)
            return
        }
        switch self.services.catalogue.entry(request.file, from: self.services.addresses.asker(at: remote)) {
        case .nothing(let reason):
            self.fail(request.file, remote, .fileNotFound, reason, context: context)
        case .program(_, let bytes):
            self.start(request, .memory(bytes), remote, context: context)
        case .script(let bytes, let mac, let assignment):
            if let mac { self.services.observer(.script(mac, assignment)) }
            self.start(request, .memory(bytes), remote, context: context)
        case .stranger(let script):
            self.services.observer(.unknownMachine(script.mac))
            self.start(request, .memory(ByteBuffer(string: script.unknown)), remote, context: context)
        case .absent, .enrolment, .report:
            self.refuse(remote, .fileNotFound, "no such file", context: context)
        case .files(let source):
            self.active.insert(remote)
            let bound = NIOLoopBound((listener: self, context: context), eventLoop: context.eventLoop)
            self.services.threads.runIfActive(eventLoop: context.eventLoop) {
                try source.open()
            }.whenComplete { result in
                let (listener, context) = bound.value
                listener.active.remove(remote)
                switch result {
                case .success(let opened):
                    listener.start(request, opened.content, remote, context: context)
                case .failure(let error):
                    listener.fail(request.file, remote, .fileNotFound, "\(error)", context: context)
                }
            }
        }
    }

    private func start(
        _ request: TFTPRequest, _ content: BootContent, _ remote: SocketAddress, context: ChannelHandlerContext
    ) {
        self.active.insert(remote)
        let services = self.services
        // The handler comes last: it begins to send when it is added, and the socket must be connected by then.
        self.begun &+= 1
        let transfer = services.transferSocket(number: self.begun)
            .flatMap { channel in
                channel.connect(to: remote).flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(
                        TFTPTransferHandler(request, content, remote: remote, services: services))
                    return channel
                }
            }
        let bound = NIOLoopBound((listener: self, context: context), eventLoop: context.eventLoop)
        transfer.hop(to: context.eventLoop).whenComplete { result in
            let (listener, context) = bound.value
            switch result {
            case .success(let channel):
                channel.closeFuture.hop(to: context.eventLoop).whenComplete { _ in
                    bound.value.listener.active.remove(remote)
                }
            case .failure(let error):
                listener.active.remove(remote)
                listener.fail(
                    request.file, remote, .notDefined, "no socket for the transfer: \(error)", context: context)
            }
        }
    }

    private func fail(
        _ file: String, _ remote: SocketAddress, _ code: TFTPErrorCode, _ reason: String,
        context: ChannelHandlerContext
    ) {
        self.services.observer(
            .transferFailed(
                BootPath(file)?.mac ?? self.services.addresses.machine(at: remote),
                remote: remote.ipAddress ?? "\(remote)", file: file, reason: reason))
        self.refuse(remote, code, reason, context: context)
    }

    private func refuse(
        _ remote: SocketAddress, _ code: TFTPErrorCode, _ message: String, context: ChannelHandlerContext
    ) {
        let packet = TFTPPacket.error(code, message).encode()
        context.writeAndFlush(
            self.wrapOutboundOut(AddressedEnvelope(remoteAddress: remote, data: packet)), promise: nil)
    }
}

extension BootEvent {
    /// A script that was handed out.
    static func script(_ mac: MACAddress, _ assignment: BootAssignment?) -> BootEvent {
        guard let assignment else { return .unknownMachine(mac) }
        let method =
            switch assignment.method {
            case .sanboot: "sanboot"
            case .kernel: "kernel"
            case .firmware: "firmware"
            case .http: "http"
            }
        return .scriptServed(mac, client: assignment.client, method: method)
    }
}
