// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
import Hummingbird
import Model
import NIOCore
import ServiceLifecycle

/// The daemon's HTTP API.
enum Routes {
    /// - Parameter token: what a request has to know; nil where nobody else gets as far as here.
    static func router(_ daemon: Daemon, for token: APIToken? = nil) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        // What is added before the check of the token is answered without one.
        Dashboard.add(to: router)
        router.add(middleware: ErrorAnswers())
        if let token { router.add(middleware: TokenCheck(token: token)) }
        let api = router.group("v1")
        Self.addWatching(daemon, to: router, api)
        Self.addTree(daemon, to: api)
        api.get("status") { _, _ in try Self.answer(await daemon.status()) }
        api.get("configuration") { _, _ in
            let report = await daemon.configurationReport()
            var response = try Self.answer(report)
            response.headers[.eTag] = "\"\(report.generation)\""
            return response
        }
        api.post("changes") { request, _ in
            let change = try await Self.body(ChangeRequest.self, of: request)
            return try Self.answer(
                await daemon.change(
                    Self.change(change.change), expecting: change.expecting ?? Self.matching(request),
                    dryRun: change.dryRun ?? false,
                    keepGoing: change.keepGoing ?? false))
        }
        api.post("reload") { _, _ in try Self.answer(await daemon.reload()) }
        api.get("history") { _, _ in
            let file = daemon.file
            return try Self.answer(await Daemon.blocking { file.history().map(VersionReport.init) })
        }
        api.get("history/:number") { _, context in
            let number = try context.parameters.require("number", as: Int.self)
            let file = daemon.file
            return try Self.answer(await Daemon.blocking { try file.report(ofVersion: number) })
        }
        api.post("clients/:name/reset") { _, context in
            try Self.answer(await daemon.resetDisk(ofClient: Self.name(context)))
        }
        api.get("clients/:name/timeline") { request, context in
            let name = try Self.name(context)
            if let text = request.uri.queryParameters["boot"] {
                guard let number = Int(text) else {
                    throw HTTPError(.badRequest, message: "boot=\(text): write the number of a boot")
                }
                return try Self.answer(await daemon.timeline(of: name, boot: number))
            }
            guard request.uri.queryParameters["follow"] == "true" else {
                return try Self.answer(await daemon.timeline(of: name))
            }
            let updates = try await daemon.follow(name)
            return Response(
                status: .ok, headers: [.contentType: "application/x-ndjson"],
                body: ResponseBody { writer in
                    for await update in updates.cancelOnGracefulShutdown() {
                        var line = try JSONText.line(update)
                        line.writeString("\n")
                        try await writer.write(line)
                    }
                    try await writer.finish(nil)
                })
        }
        api.get("clients/:name/boots") { _, context in
            try Self.answer(await daemon.boots(of: Self.name(context)))
        }
        api.post("clients/:name/milestones") { request, context in
            let name = try Self.name(context)
            let report = try await Self.body(MilestoneReport.self, of: request)
            return try Self.answer(await daemon.report(report.milestone, of: name))
        }
        return router
    }

    private static func answer(_ value: some Encodable & Sendable) throws -> Response {
        try Self.answer(value, status: .ok)
    }

    static func answer(_ value: some Encodable & Sendable, status: HTTPResponse.Status) throws -> Response {
        var text = try JSONText.line(value)
        text.writeString("\n")
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: text))
    }

    /// Methods and paths, as `GET /v1/clients/:name/reset`.
    static func names(_ daemon: Daemon) -> [String] {
        Self.router(daemon).routes.map(\.description)
    }

    /// The version that `If-Match: "12"` asks for (RFC 9110 §13.1.1); one that there is not for what is no version.
    private static func matching(_ request: Request) -> Int? {
        guard let value = request.headers[.ifMatch], value != "*" else { return nil }
        guard value.count > 2, value.first == "\"", value.last == "\"" else { return -1 }
        return Int(value.dropFirst().dropLast()) ?? -1
    }

    private static func change(_ json: JSONValue) throws(ChangeFailure) -> Change {
        do throws(ChangeRefusal) {
            return try Change.read(json)
        } catch {
            throw .refused(error)
        }
    }

    /// The client that the path names, as the user wrote it.
    private static func name(_ context: BasicRequestContext) throws -> String {
        let text = try context.parameters.require("name")
        return PathSegment.decoded(text)
    }

    private static func body<Value: Decodable>(_ type: Value.Type, of request: Request) async throws -> Value {
        let text = try await request.body.collect(upTo: ControlAPI.Limits.requestBytes)
        return try JSONText.read(type, from: text)
    }
}
