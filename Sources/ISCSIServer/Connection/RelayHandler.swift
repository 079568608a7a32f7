// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// Stands in the pipeline of a connection whose session lives on another event loop, and takes what comes there.
///
/// One batch is under way at a time, and nothing more is read until the session has taken it, so that what a slow
/// session has before it is bounded as it is without a relay. Output comes the other way by `ConnectionHandler.flush`.
final class RelayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let handler: NIOLoopBound<ConnectionHandler>
    private let framer: PDUFramer
    private var arrived = ByteBuffer()
    private var isBatchUnderWay = true
    private var isReadHeldBack = false
    private var context: ChannelHandlerContext?

    /// - Parameter framer: holds what came after the login.
    init(_ handler: NIOLoopBound<ConnectionHandler>, framer: PDUFramer) {
        self.handler = handler
        self.framer = framer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let relay = NIOLoopBound(self, eventLoop: context.eventLoop)
        let framer = self.framer
        self.atHome { $0.begin(framer, relay: relay) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        if self.arrived.readableBytes == 0 {
            self.arrived = bytes
        } else {
            self.arrived.writeBuffer(&bytes)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.send()
    }

    /// Passes on the wish to read unless the session has not yet taken what came before.
    func read(context: ChannelHandlerContext) {
        if self.isBatchUnderWay {
            self.isReadHeldBack = true
        } else {
            context.read()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.atHome { $0.failed(reason: "the initiator closed the connection") }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.atHome { $0.drop(reason: "\(error)") }
    }

    private func send() {
        guard self.arrived.readableBytes > 0, !self.isBatchUnderWay else { return }
        self.isBatchUnderWay = true
        let bytes = self.arrived
        self.arrived = ByteBuffer()
        self.atHome { $0.receivedByRelay(bytes) }
    }

    /// The session has taken what it was sent.
    func taken() {
        self.isBatchUnderWay = false
        self.send()
        guard self.isReadHeldBack, !self.isBatchUnderWay else { return }
        self.isReadHeldBack = false
        self.context?.read()
    }

    private func atHome(_ body: @escaping @Sendable (ConnectionHandler) -> Void) {
        let handler = self.handler
        handler.eventLoop.execute { body(handler.value) }
    }
}

@available(*, unavailable)
extension RelayHandler: Sendable {}

/// The session's end of a relay.
extension ConnectionHandler {
    func begin(_ framer: PDUFramer, relay: NIOLoopBound<RelayHandler>) {
        self.relay = relay
        self.isReadHeldBack = true
        self.begin(framer)
        self.resumeReading()
    }

    func receivedByRelay(_ bytes: ByteBuffer) {
        guard self.relay != nil, self.phase != .ended else { return }
        self.isReadHeldBack = true
        self.received(bytes)
        self.endPass()
        self.resumeReading()
    }

    /// Hands the output to the connection's own loop, and counts what it has not sent: only that loop sees the channel's
    /// buffer grow, and late.
    func relayOutput() {
        let count = self.output.readableBytes
        let bytes = self.output
        self.output = self.channel.allocator.buffer(capacity: 8_192)
        self.unsentBytes += count
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.channel.writeAndFlush(bytes).whenComplete { _ in
            bound.eventLoop.execute { bound.value.sent(count) }
        }
    }

    private func sent(_ count: Int) {
        let wasFull = self.unsentBytes >= ServerLimits.pendingOutputBytes / 2
        self.unsentBytes -= count
        guard wasFull, self.unsentBytes < ServerLimits.pendingOutputBytes / 2 else { return }
        self.goOn()
    }
}
