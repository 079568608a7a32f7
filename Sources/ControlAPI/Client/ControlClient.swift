// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory
import NIOCore
import NIOHTTP1
import NIOSSL

/// Talks to the daemon, over its Unix socket or by TCP. One connection per request: requests are few.
package struct ControlClient: Sendable {
    package let place: Place

    package enum Place: Sendable, CustomStringConvertible {
        case socket(String)
        case server(Server)

        package var description: String {
            switch self {
            case .socket(let path): path
            case .server(let server): server.address.description
            }
        }
    }

    package struct Server: Sendable {
        package var address: ServerAddress
        package var token: String
        /// PEM certificates to trust; those that the host trusts without.
        package var authorityPath: String?

        package init(address: ServerAddress, token: String, authorityPath: String?) {
            self.address = address
            self.token = token
            self.authorityPath = authorityPath
        }
    }

    package init(_ place: Place) {
        self.place = place
    }

    package init(socketPath: String) {
        self.init(.socket(socketPath))
    }

    /// Whether the daemon's files are this host's.
    package var isLocal: Bool {
        if case .socket = self.place { true } else { false }
    }

    package func status() async throws -> StatusReport {
        try await self.request(.GET, "/v1/status")
    }

    package func configuration() async throws -> ConfigurationReport {
        try await self.request(.GET, "/v1/configuration")
    }

    package func change(_ request: ChangeRequest) async throws -> ChangeReport {
        try await self.request(.POST, "/v1/changes", body: request)
    }

    /// Makes the daemon read its configuration file again.
    package func reload() async throws -> ChangeReport {
        try await self.request(.POST, "/v1/reload")
    }

    package func history() async throws -> [VersionReport] {
        try await self.request(.GET, "/v1/history")
    }

    package func version(_ number: Int) async throws -> ConfigurationReport {
        try await self.request(.GET, "/v1/history/\(number)")
    }

    /// Makes a machine's disk a fresh copy of its image; what was on it is lost.
    package func resetDisk(of client: String) async throws {
        let _: ChangeReport = try await self.request(.POST, "/v1/clients/\(PathSegment.encoded(client))/reset")
    }

    package func timeline(of client: String) async throws -> TimelineReport {
        try await self.request(.GET, "/v1/clients/\(PathSegment.encoded(client))/timeline")
    }

    package func timeline(of client: String, boot: Int) async throws -> TimelineReport {
        try await self.request(.GET, "/v1/clients/\(PathSegment.encoded(client))/timeline?boot=\(boot)")
    }

    /// The machine's boots, the oldest first.
    package func boots(of client: String) async throws -> [BootSummary] {
        try await self.request(.GET, "/v1/clients/\(PathSegment.encoded(client))/boots")
    }

    /// Tells the daemon what was seen of a machine, on its console for instance.
    package func report(_ milestone: Milestone, of client: String) async throws {
        let _: TimelineReport = try await self.request(
            .POST, "/v1/clients/\(PathSegment.encoded(client))/milestones", body: MilestoneReport(milestone: milestone))
    }

    /// Hands `receive` the machine's timeline now and whenever it changes, until it returns false or the daemon ends.
    package func follow(
        timelineOf client: String, _ receive: (TimelineReport) async throws -> Bool
    ) async throws {
        let path = "/v1/clients/\(PathSegment.encoded(client))/timeline?follow=true"
        var lines = LineSplitter()
        var failure = ByteBuffer()
        var refusal: HTTPResponseHead?
        try await self.exchange(.GET, path, body: nil) { part in
            switch part {
            case .head(let head):
                if head.status != .ok { refusal = head }
            case .body(var bytes):
                guard refusal == nil else {
                    failure.writeBuffer(&bytes)
                    return failure.readableBytes <= Limits.lineBytes
                }
                for line in try lines.received(&bytes) {
                    guard try await receive(JSONText.read(TimelineReport.self, from: line)) else { return false }
                }
            case .end: break
            }
            return true
        }
        if let refusal { throw Self.error(refusal, failure) }
    }

    private func request<Answer: Decodable & Sendable>(
        _ method: HTTPMethod, _ path: String, body: (some Encodable)? = Optional<Int>.none
    ) async throws -> Answer {
        let text = try body.map { try JSONText.line($0) }
        var status: HTTPResponseHead?
        var answer = ByteBuffer()
        try await self.exchange(method, path, body: text) { part in
            switch part {
            case .head(let head): status = head
            case .body(var bytes): answer.writeBuffer(&bytes)
            case .end: break
            }
            guard answer.readableBytes <= Limits.responseBytes else {
                throw ControlError(.broken, "the daemon's answer is longer than \(Limits.responseBytes) bytes")
            }
            return true
        }
        guard let status else {
            throw ControlError(.broken, "the daemon closed the connection without an answer; its log may say why")
        }
        guard (200..<300).contains(status.status.code) else { throw Self.error(status, answer) }
        return try JSONText.read(Answer.self, from: answer)
    }

    private static func error(_ head: HTTPResponseHead, _ body: ByteBuffer) -> ControlError {
        ControlError(status: Int(head.status.code), try? JSONText.read(ErrorReport.self, from: body))
    }

    /// Sends one request and hands `receive` the parts of its answer until it returns false.
    private func exchange(
        _ method: HTTPMethod, _ path: String, body: ByteBuffer?,
        _ receive: (HTTPClientResponsePart) async throws -> Bool
    ) async throws {
        let connection = try await self.connect()
        do {
            try await connection.executeThenClose { inbound, outbound in
                var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
                head.headers.add(name: "Host", value: "apus")
                if case .server(let server) = self.place {
                    head.headers.add(name: "Authorization", value: "Bearer \(server.token)")
                }
                head.headers.add(name: "Connection", value: "close")
                head.headers.add(name: "Content-Length", value: String(body?.readableBytes ?? 0))
                if body != nil { head.headers.add(name: "Content-Type", value: "application/json") }
                var request: [HTTPClientRequestPart] = [.head(head)]
                if let body { request.append(.body(.byteBuffer(body))) }
                // In one write: a daemon that answers the head of it and closes would fail the writing of its end.
                try await outbound.write(contentsOf: request + [.end(nil)])
                for try await part in inbound {
                    guard try await receive(part) else { return }
                    if case .end = part { return }
                }
            }
        } catch  where error is IOError || error is ChannelError || error is NIOSSLError {
            throw ControlError(.broken, "the connection to the daemon broke: \(error)")
        }
    }
}
