// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Serves HTTP on a socket that listens already, as `Application` does on those that it binds itself.
struct InheritedServer<Child: ServerChildChannel>: Service {
    let descriptor: CInt
    let child: Child
    let logger: Logger
    let isServing: @Sendable (any Channel) async -> Void

    func run() async throws {
        let (child, logger) = (self.child, self.logger)
        let group = MultiThreadedEventLoopGroup.singleton
        let quiescing = ServerQuiescingHelper(group: group)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = quiescing.makeServerChannelHandler(channel: channel)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(self.descriptor) { channel in child.setup(channel: channel, logger: logger) }
        await self.isServing(listener.channel)
        try await withGracefulShutdownHandler {
            try await listener.executeThenClose { connections in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await connection in connections {
                        group.addTask { await child.handle(value: connection, logger: logger) }
                    }
                }
            }
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
        }
    }
}

/// Answers requests by `router`.
func responder(_ router: Router<BasicRequestContext>, _ logger: Logger) -> HTTPChannelHandler.Responder {
    let responder = router.buildResponder()
    return { request, writer, channel in
        let context = BasicRequestContext(source: .init(channel: channel, logger: logger))
        let response = try await responder.respond(to: request, context: context)
        try await writer.write(response: response.head, body: response.body)
    }
}
