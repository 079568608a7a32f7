// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Hummingbird
import Logging
import NIOCore
import NIOPosix

/// Answers HTTP requests for what the catalogue holds.
///
/// One responder instead of a router: the paths are `BootPath`'s, the same as TFTP's, and are read more leniently than
/// a router would. Firmware's habits: UEFI HTTP Boot sends HEAD and takes the size from it, then GET; GRUB and iPXE's
/// `sanboot http:` use ranges; none of them should be sent a redirect.
struct BootResponder: HTTPResponder {
    let catalogue: Catalogue
    let addresses: MachineAddresses
    let observer: @Sendable (BootEvent) -> Void
    let threads: NIOThreadPool

    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        /// The client's address.
        let remote: SocketAddress?

        init(source: ApplicationRequestContextSource) {
            self.coreContext = .init(source: source)
            self.remote = source.channel.remoteAddress
        }
    }

    func respond(to request: Request, context: Context) async throws -> Response {
        let isHead = request.method == .head
        let path = request.head.path ?? "/"
        if request.method == .post, case .report = BootPath(path) { return await self.receive(request, context) }
        guard isHead || request.method == .get else {
            return Self.text(.methodNotAllowed, "only GET and HEAD\n", headers: [.allow: "GET, HEAD"])
        }
        switch self.catalogue.entry(path, from: self.addresses.asker(at: context.remote)) {
        case .nothing(let reason):
            self.fail(path, context, reason)
            return Self.text(.notFound, "\(reason)\n")
        case .program(let name, let bytes):
            // Made anew with each start of the program, so its size will do as a validator for a transfer's ranges.
            let tag = EntityTag(inode: 0, size: bytes.readableBytes, modifiedNanoseconds: 0)
            return self.serve(
                .memory(bytes), tag: tag, type: name.hasSuffix(".efi") ? Self.program : Self.bytes, path: path,
                request, context)
        case .script(let bytes, let mac, let assignment):
            if isHead { return Self.head(.ok, size: bytes.readableBytes, type: "text/plain") }
            if let mac { self.observer(.script(mac, assignment)) }
            return Self.script(String(buffer: bytes))
        case .stranger(let script):
            if isHead { return Self.head(.ok, size: script.unknown.utf8.count, type: "text/plain") }
            return await self.meet(script)
        case .enrolment(let wish):
            guard !isHead else { return Self.head(.ok, size: 0, type: "text/plain") }
            return await self.enrol(wish, context)
        case .report:
            return Self.text(.methodNotAllowed, "only POST\n", headers: [.allow: "POST"])
        case .absent:
            return Self.text(.notFound, "no such file\n")
        case .files(let source):
            do {
                let opened = try await self.threads.runIfActive { try source.open() }
                return self.serve(
                    opened.content, tag: opened.tag, type: path.hasSuffix(".efi") ? Self.program : Self.bytes,
                    path: path, request, context)
            } catch {
                self.fail(path, context, "\(error)")
                return Self.text(.notFound, "\(error)\n")
            }
        }
    }

    /// RFC 9110 §13 and §14: conditions first, then the range.
    private func serve(
        _ content: BootContent, tag: EntityTag, type: String, path: String, _ request: Request, _ context: Context
    ) -> Response {
        var headers: HTTPFields = [.contentType: type, .acceptRanges: "bytes", .eTag: tag.text]
        if let condition = request.headers[.ifNoneMatch], tag.isListed(in: condition) {
            return Response(status: .notModified, headers: headers)
        }
        let asked = tag.permitsRange(ifRange: request.headers[.ifRange]) ? request.headers[.range] : nil
        let range: Range<Int>
        let status: HTTPResponse.Status
        switch ByteRange(header: request.method == .get ? asked : nil, size: content.size) {
        case .whole:
            range = 0..<content.size
            status = .ok
        case .part(let part):
            range = part
            status = .partialContent
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(content.size)"
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(content.size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
        let response = Response(
            status: status, headers: headers,
            body: self.body(content, range, path: path, remote: context.remote))
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// Streams `range`, a piece at a time, and tells how it went.
    private func body(_ content: BootContent, _ range: Range<Int>, path: String, remote: SocketAddress?) -> ResponseBody
    {
        ResponseBody(contentLength: range.count) { writer in
            let started = NIODeadline.now()
            do {
                switch content {
                case .memory(let bytes):
                    let slice = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
                    try await writer.write(slice ?? ByteBuffer())
                case .file, .sequence:
                    var offset = range.lowerBound
                    while offset < range.upperBound {
                        let at = offset
                        let count = min(Limits.httpChunkBytes, range.upperBound - offset)
                        let piece = try await self.threads.runIfActive { try content.read(offset: at, count: count) }
                        try await writer.write(piece)
                        offset += count
                    }
                }
                try await writer.finish(nil)
            } catch {
                self.fail(path, remote, "broken off: \(error)")
                throw error
            }
            let seconds = Double((NIODeadline.now() - started).nanoseconds) / 1e9
            let transfer = BootEvent.Transfer(file: path, service: .http, bytes: range.count, seconds: seconds)
            self.observer(
                .transferred(self.machine(path, remote), remote: remote?.ipAddress ?? "-", transfer))
        }
    }

    private static let program = "application/efi"
    private static let bytes = "application/octet-stream"

    private func machine(_ path: String, _ remote: SocketAddress?) -> MACAddress? {
        BootPath(path)?.mac ?? self.addresses.machine(at: remote)
    }

    private func fail(_ path: String, _ context: Context, _ reason: String) {
        self.fail(path, context.remote, reason)
    }

    private func fail(_ path: String, _ remote: SocketAddress?, _ reason: String) {
        self.observer(
            .transferFailed(
                self.machine(path, remote), remote: remote?.ipAddress ?? "-", file: path, reason: reason))
    }

    static func script(_ text: String) -> Response {
        Self.text(.ok, text, headers: [.cacheControl: "no-store"])
    }

    static func text(
        _ status: HTTPResponse.Status, _ text: String, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "text/plain"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private static func head(_ status: HTTPResponse.Status, size: Int, type: String) -> Response {
        Response(status: status, headers: [.contentType: type, .contentLength: "\(size)"])
    }
}
