// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import NIOSSL
import NIOTLS

/// Tells how a TLS handshake ended: a request must not be what finds out, as its writing then fails without a reason.
final class Handshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let ended: EventLoopPromise<Void>

    init(_ ended: EventLoopPromise<Void>) {
        self.ended = ended
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { self.ended.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.ended.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.ended.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
