// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The HTTP server while it runs.
struct HTTPRun: Sendable {
    private let group: ServiceGroup
    private let task: Task<Void, any Error>
    private let ending: RemarksOfServer.Ending

    /// Returns once the socket listens, or throws what kept it from that.
    static func start(_ responder: BootResponder, address: String, port: Int, logger: Logger) async throws -> HTTPRun {
        let ending = RemarksOfServer.Ending()
        let quiet = Logger(label: logger.label) { _ in RemarksOfServer(logger.handler, until: ending) }
        let (listening, announce) = AsyncStream.makeStream(of: Void.self)
        let application = Application(
            responder: responder,
            server: .http1(configuration: .init(idleTimeout: .seconds(Int64(Limits.httpIdleSeconds)))),
            configuration: .init(
                address: .hostname(address, port: port), serverName: "Apus",
                availableConnectionsDelegate: .maximum(Limits.httpConnectionsMax, logger: quiet)),
            onServerRunning: { _ in announce.yield() },
            logger: quiet)
        let group = ServiceGroup(configuration: .init(services: [application], logger: quiet))
        let task = Task {
            defer { announce.finish() }
            try await group.run()
        }
        var hasStarted = false
        for await _ in listening {
            hasStarted = true
            break
        }
        if !hasStarted { try await task.value }
        return HTTPRun(group: group, task: task, ending: ending)
    }

    func stop() async {
        await self.group.triggerGracefulShutdown()
        // A client that reads slowly must not keep the program from ending.
        let deadline = Task {
            try await Task.sleep(for: .seconds(2))
            // Cancelled, the framework closes its sockets a second time, and says so.
            self.ending.hasCome.store(true, ordering: .relaxed)
            self.task.cancel()
        }
        _ = await self.task.result
        deadline.cancel()
    }
}
