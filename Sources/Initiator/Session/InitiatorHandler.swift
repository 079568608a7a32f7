// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// What uses a session: it lives on the session's event loop and sends commands by its handler.
protocol InitiatorDriver: AnyObject, SendableMetatype {
    /// The full-feature phase has begun.
    func began(_ handler: InitiatorHandler<Self>)
    func received(_ data: ByteBuffer, offset: Int, task: Int)
    func ended(_ task: Int, _ ending: TaskEnding)
    func received(text: ByteBuffer, isFinal: Bool)
    /// Everything that one socket read brought has been taken: what is sent now leaves in one write.
    func passEnded(_ handler: InitiatorHandler<Self>)
    /// The connection is gone; `error` tells why, nil after a logout of ours.
    func closed(_ error: InitiatorError?)
}

/// One connection to a target, from its first login request to its end.
///
///     channelRead ─► framer ─► InitiatorLogin, then InitiatorConnection ─► driver
///     channelReadComplete ◄── output of the pass ◄───────────────────────────┘
final class InitiatorHandler<Driver: InitiatorDriver>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let driver: Driver
    private let target: String
    private var login: InitiatorLogin
    private(set) var connection: InitiatorConnection?
    private let depth: Int
    private let maxRecvDataSegmentLength: Int
    private var framer = PDUFramer()
    private var output = OutgoingBytes()
    private var context: ChannelHandlerContext?
    private var timeout: Scheduled<Void>?
    private var isLeaving = false
    private var failure: InitiatorError?

    /// - Parameter target: what people are told that the connection leads to.
    init(_ login: InitiatorLogin, _ proposal: LoginProposal, depth: Int, target: String, driver: Driver) {
        self.login = login
        self.depth = depth
        self.maxRecvDataSegmentLength = proposal.maxRecvDataSegmentLength
        self.target = target
        self.driver = driver
    }

    // MARK: - For the driver

    /// Whether another command can be sent now.
    var canSend: Bool {
        !self.isLeaving && self.connection?.canSend ?? false
    }

    /// Sends a command with the pass that is going on, and returns the number of its task.
    func send(_ command: InitiatorCommand) -> Int {
        guard let task = self.connection?.send(command, &self.output) else {
            preconditionFailure("a command before the full-feature phase")
        }
        return task
    }

    func sendText(_ pairs: [KeyValue]) {
        self.connection?.sendText(pairs, &self.output)
    }

    /// Ends the session as soon as the target agrees.
    func logOut() {
        guard !self.isLeaving else { return }
        self.isLeaving = true
        self.connection?.logOut(&self.output)
        self.flush()
        self.startTimeout(InitiatorLimits.loginTime, "log out")
    }

    /// Sends what the driver has asked for outside of a pass.
    func flush() {
        guard let context, self.output.byteCount > 0 else { return }
        self.output.drain { context.write(self.wrapOutboundOut($0), promise: nil) }
        context.flush()
        self.output.clear()
    }

    /// Gives the connection up.
    func fail(_ error: InitiatorError) {
        if self.failure == nil { self.failure = error }
        self.context?.close(promise: nil)
    }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelActive(context: ChannelHandlerContext) {
        var first = context.channel.allocator.buffer(capacity: 8_192)
        self.login.begin(&first)
        context.writeAndFlush(self.wrapOutboundOut(first), promise: nil)
        self.startTimeout(InitiatorLimits.loginTime, "answer the login")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.failure == nil else { return }
        self.framer.append(self.unwrapInboundIn(data))
        do {
            while let pdu = try self.framer.next() {
                if self.connection == nil {
                    try self.receivedLogin(pdu)
                } else if let event = try self.connection?.received(pdu, &self.output) {
                    self.perform(event)
                }
            }
        } catch let error as LoginFailure {
            self.fail(InitiatorError(.login(error), self.target))
        } catch {
            self.fail(InitiatorError(.protocolViolation, "\(self.target): \(error)"))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard self.failure == nil, self.connection != nil else { return self.flush() }
        if !self.isLeaving { self.driver.passEnded(self) }
        self.flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timeout?.cancel()
        self.context = nil
        if self.failure == nil, !self.isLeaving {
            self.failure = InitiatorError(.disconnected, "\(self.target): the target closed the connection")
        }
        self.driver.closed(self.failure)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(InitiatorError(.disconnected, "\(self.target): \(error)"))
    }

    // MARK: - Phases

    private func receivedLogin(_ pdu: PDU) throws(LoginFailure) {
        var request = ByteBuffer()
        let agreement = try self.login.received(pdu, &request)
        if let context, request.readableBytes > 0 {
            context.writeAndFlush(self.wrapOutboundOut(request), promise: nil)
        }
        guard let agreement else { return }
        self.timeout?.cancel()
        self.framer.piecewise = .dataIn
        self.framer.maxDataSegmentLength = self.maxRecvDataSegmentLength
        self.framer.hasHeaderDigest = agreement.parameters.headerDigest
        self.framer.hasDataDigest = agreement.parameters.dataDigest
        self.connection = InitiatorConnection(agreement, depth: self.depth)
        self.driver.began(self)
    }

    private func perform(_ event: InitiatorEvent) {
        switch event {
        case .nothing:
            break
        case .data(let task, let offset, let data):
            self.driver.received(data, offset: offset, task: task)
        case .dataAndEnd(let task, let offset, let data, let ending):
            self.driver.received(data, offset: offset, task: task)
            self.driver.ended(task, ending)
        case .ended(let task, let ending):
            self.driver.ended(task, ending)
        case .text(let text, let isFinal):
            self.driver.received(text: text, isFinal: isFinal)
        case .loggedOut:
            self.isLeaving = true
            self.context?.close(promise: nil)
        case .wantsLogout(let reason):
            self.fail(InitiatorError(.disconnected, "\(self.target): the target ends the session: \(reason)"))
        }
    }

    private func startTimeout(_ time: TimeAmount, _ what: String) {
        guard let context else { return }
        self.timeout?.cancel()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.timeout = context.eventLoop.scheduleTask(in: time) {
            let handler = bound.value
            handler.fail(InitiatorError(.unreachable, "\(handler.target): the target does not \(what)"))
        }
    }
}

@available(*, unavailable)
extension InitiatorHandler: Sendable {}
