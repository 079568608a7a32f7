// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import ISCSI
import Logging
import NIOCore

/// Takes one connection through its login phase, then gives its place to a `ConnectionHandler`.
final class LoginHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ISCSIServer
    private var framer = PDUFramer()
    private var machine: LoginMachine
    private var phase = Phase.negotiating
    private var statSN: UInt32 = 0
    private let began = NIODeadline.now()
    /// What is left to be done of a login that came here from another event loop.
    private var ending: Ending?
    private var timeout: Scheduled<Void>?
    private var isReadHeldBack = false

    private enum Phase {
        case negotiating
        /// The server enters the session; nothing is to come from the initiator meanwhile.
        case establishing
        case ended
    }

    init(server: ISCSIServer) {
        self.server = server
        var generator = SystemRandomNumberGenerator()
        self.machine = LoginMachine(
            randomness: LoginRandomness(
                (0..<LoginRandomness.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }

    /// Goes on with a login that another event loop took to its end.
    init(server: ISCSIServer, _ moved: Moved) {
        self.server = server
        (self.framer, self.machine, self.statSN, self.ending) = (
            moved.framer, moved.machine, moved.statSN, moved.ending
        )
        self.phase = .establishing
    }

    /// A login at its end: the answer to its last request waits for the session.
    struct Ending: Sendable {
        let login: EstablishedLogin
        let response: LoginResponse
        let request: LoginRequest
    }

    /// A login on its way to another event loop.
    struct Moved: Sendable {
        let framer: PDUFramer
        let machine: LoginMachine
        let statSN: UInt32
        let ending: Ending
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.end(in: self.server.times.login, context)
    }

    /// Gives the login so much time from its beginning on.
    private func end(in time: TimeAmount, _ context: ChannelHandlerContext) {
        self.timeout?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        self.timeout = context.eventLoop.scheduleTask(deadline: self.began + time) { bound.value.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.timeout?.cancel()
    }

    func channelActive(context: ChannelHandlerContext) {
        if let ending {
            self.ending = nil
            self.establish(ending, context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.phase = .ended
        self.timeout?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.server.logger.debug("login ends by an error", metadata: self.metadata(context, "\(error)"))
        context.close(promise: nil)
    }

    /// Passes on the wish to read unless nothing is to come: what came would only be kept.
    func read(context: ChannelHandlerContext) {
        if self.phase == .negotiating {
            context.read()
        } else {
            self.isReadHeldBack = true
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.phase != .ended else { return }
        self.framer.append(self.unwrapInboundIn(data))
        self.processPDUs(context)
    }

    private func processPDUs(_ context: ChannelHandlerContext) {
        do throws(FramingError) {
            while self.phase == .negotiating, let pdu = try self.framer.next() {
                guard pdu.header.opcode == .loginRequest else {
                    return self.end(context, "the first PDUs are no login requests")
                }
                self.received(LoginRequest(pdu), context)
            }
        } catch {
            self.end(context, "\(error)")
        }
    }

    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        self.phase = .ended
        self.server.logger.debug("login ends", metadata: self.metadata(context, reason))
        context.close(promise: nil)
    }

    private func received(_ request: LoginRequest, _ context: ChannelHandlerContext) {
        let authority = ConnectionAuthority(server: self.server, route: Route(context.channel)) { group in
            if let time = group.loginTime { self.end(in: time, context) }
        }
        switch self.machine.received(request, authority: authority) {
        case .reply(let response):
            self.send(response, request, context)
        case .fail(let response, let reason):
            self.refuse(response, request, reason, context)
        case .establish(let response, let login):
            self.phase = .establishing
            if let architecture = self.machine.nodeArchitecture {
                self.server.logger.info(
                    "what an initiator runs on",
                    metadata: ["initiator": "\(login.identity.initiatorName)", "node": "\(architecture)"])
            }
            let ending = Ending(login: login, response: response, request: request)
            guard login.tsih == 0, !login.isDiscovery,
                let loop = self.server.quieterLoop(than: context.eventLoop),
                let descriptor = Self.secondDescriptor(of: context)
            else { return self.establish(ending, context) }
            // A session stays on the loop of its first connection: it begins where there are fewest.
            let moved = Moved(framer: self.framer, machine: self.machine, statSN: self.statSN, ending: ending)
            self.phase = .ended
            context.close(promise: nil)
            self.server.adopt(descriptor, on: loop, moved)
        }
    }

    /// A descriptor of the channel's socket that outlives the channel.
    private static func secondDescriptor(of context: ChannelHandlerContext) -> CInt? {
        let descriptor = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) {
            fcntl($0, F_DUPFD_CLOEXEC, 0)
        }
        return descriptor.flatMap { $0 >= 0 ? $0 : nil }
    }

    private func establish(_ ending: Ending, _ context: ChannelHandlerContext) {
        let (login, request) = (ending.login, ending.request)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // The answer to this request is the login phase's last.
        let statSN = self.statSN &+ 1
        self.server.enter(login, channel: context.channel, statSN: statSN).whenComplete { outcome in
            let (handler, context) = bound.value
            guard handler.phase == .establishing else {
                // The connection went while an older one of the same name was being ended.
                if case .success(.entered(let entered)) = outcome { entered.abandon() }
                return
            }
            var response = ending.response
            switch outcome {
            case .success(.entered(let entered)):
                response.tsih = entered.tsih
                handler.send(response, request, context, window: entered.window)
                handler.handOver(entered, context)
            case .success(.refused(let status, let reason)):
                response.transits = false
                response.status = status
                handler.refuse(response, request, reason, context)
            case .failure(let error):
                response.transits = false
                response.status = .targetError
                handler.refuse(response, request, "\(error)", context)
            }
        }
    }

    private func refuse(
        _ response: LoginResponse, _ request: LoginRequest, _ reason: String, _ context: ChannelHandlerContext
    ) {
        self.phase = .ended
        self.server.observer(
            .loginRefused(
                initiator: self.machine.peer?.initiatorName ?? "unknown",
                target: self.machine.peer?.targetName ?? "discovery",
                remote: context.remoteAddress?.portalDescription ?? "unknown", reason: reason))
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        self.send(response, request, context).whenComplete { _ in bound.value.close(promise: nil) }
    }

    @discardableResult
    private func send(
        _ response: LoginResponse, _ request: LoginRequest, _ context: ChannelHandlerContext,
        window: (expCmdSN: UInt32, maxCmdSN: UInt32)? = nil
    ) -> EventLoopFuture<Void> {
        var header = response.header
        header.dataSegmentLength = response.text.readableBytes
        header[field: 24] = self.statSN
        // A session that is there already has its window; until that is known, an initiator ignores both numbers where
        // MaxCmdSN lies before ExpCmdSN - 1 (RFC 7143 §4.2.2.1).
        // A new one's comes with the last answer; until then there is room for the login itself.
        let size: UInt32 = request.tsih == 0 ? 1 : .max
        header[field: 28] = window?.expCmdSN ?? request.cmdSN
        header[field: 32] = window?.maxCmdSN ?? request.cmdSN &+ size &- 1
        self.statSN &+= 1
        var output = context.channel.allocator.buffer(capacity: 512)
        header.write(to: &output)
        output.writeImmutableBuffer(response.text)
        output.writeRepeatingByte(0, count: paddingLength(response.text.readableBytes))
        return context.writeAndFlush(self.wrapOutboundOut(output))
    }

    /// The full-feature phase begins: what has come after the login belongs to it.
    private func handOver(_ entered: EnteredConnection, _ context: ChannelHandlerContext) {
        self.phase = .ended
        let pipeline = context.pipeline.syncOperations
        do {
            if entered.handler.eventLoop === context.eventLoop {
                try pipeline.addHandler(entered.handler.value, position: .after(self))
                entered.handler.value.begin(self.framer)
            } else {
                try pipeline.addHandler(RelayHandler(entered.handler, framer: self.framer), position: .after(self))
            }
            if self.isReadHeldBack { context.read() }
            pipeline.removeHandler(self, promise: nil)
        } catch {
            entered.abandon()
            context.close(promise: nil)
        }
    }

    private func metadata(_ context: ChannelHandlerContext, _ reason: String) -> Logger.Metadata {
        ["remote": "\(context.remoteAddress?.portalDescription ?? "unknown")", "reason": "\(reason)"]
    }
}

extension LoginHandler: RemovableChannelHandler {}

extension EnteredConnection {
    /// The connection will not begin.
    func abandon() {
        let handler = self.handler
        handler.eventLoop.execute { handler.value.ended(reason: "the initiator gave up its login") }
    }
}

@available(*, unavailable)
extension LoginHandler: Sendable {}
