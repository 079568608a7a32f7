// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import NIOPosix

/// One HTTP request as bytes on a connection of its own, and what came back until it was closed.
struct HTTPExchange {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]

    init(
        port: Int, _ method: String, _ path: String, headers: [String] = [], body: String? = nil
    ) async throws {
        let headers = headers + (body.map { ["Content-Length: \($0.utf8.count)"] } ?? [])
        let request =
            ([
                "\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Connection: close",
            ] + headers + ["", ""]).joined(separator: "\r\n") + (body ?? "")
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let bytes = try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var bytes: [UInt8] = []
            for try await buffer in inbound { bytes += Array(buffer.readableBytesView) }
            return bytes
        }
        let end = Self.endOfHead(bytes) ?? bytes.count
        let lines = String(decoding: bytes.prefix(end), as: UTF8.self).split(separator: "\r\n")
        self.status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        self.headers = Dictionary(
            lines.dropFirst().compactMap { line in
                line.firstIndex(of: ":").map { at in
                    (line[..<at].lowercased(), String(line[line.index(after: at)...].drop { $0 == " " }))
                }
            }, uniquingKeysWith: { first, _ in first })
        self.body = Array(bytes.dropFirst(end + 4))
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        bytes.indices.dropLast(3).first { bytes[$0...].starts(with: [13, 10, 13, 10]) }
    }
}
