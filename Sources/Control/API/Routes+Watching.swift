// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Hummingbird
import NIOCore
import ServiceLifecycle

extension Routes {
    /// What monitoring asks for.
    static func addWatching(
        _ daemon: Daemon, to router: Router<BasicRequestContext>, _ api: RouterGroup<BasicRequestContext>
    ) {
        router.get("metrics") { _, _ in
            let text = ByteBuffer(string: await daemon.status().metrics)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
                body: ResponseBody(byteBuffer: text))
        }
        api.get("events") { _, _ in
            let events = try await daemon.listen()
            return Response(
                status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
                body: ResponseBody { writer in
                    for await event in events.cancelOnGracefulShutdown() {
                        try await writer.write(event?.eventStream() ?? ByteBuffer(string: ": alive\n\n"))
                    }
                    try await writer.finish(nil)
                })
        }
    }
}
