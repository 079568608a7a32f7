// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Testing

@Suite("TFTP on loopback")
struct TFTPServiceTests {
    @Test(
        arguments: [
            [], [.init("blksize", "1468")], [.init("blksize", "1000"), .init("windowsize", "16")],
            [.init("tsize", "0"), .init("blksize", "65464")],
        ] as [[TFTPOption]])
    func `a machine's kernel arrives whole`(_ options: [TFTPOption]) async throws {
        try await withServices { services, events, fixture in
            let client = TFTPClient(port: services.tftpPort)
            let request = TFTPRequest(file: "52-54-00-12-34-56/vmlinuz", options: options)
            guard case .bytes(let bytes, let accepted) = try await client.send(.readRequest(request)) else {
                Issue.record("no file came")
                return
            }
            #expect(fixture.isKernel(bytes))
            #expect(accepted.map(\.name) == options.map(\.name))
            if options.contains(where: { $0.name == "tsize" }) { #expect(accepted.first?.value == "300001") }
            let told = await events.first { event -> Int? in
                guard case .transferred(machine, "127.0.0.1", let transfer) = event else { return nil }
                return transfer.service == .tftp ? transfer.bytes : nil
            }
            #expect(told == 300_001)
        }
    }

    @Test func `a repeated request starts no second transfer`() async throws {
        try await withServices { services, _, fixture in
            let client = TFTPClient(port: services.tftpPort)
            let outcome = try await client.send(.readRequest(TFTPRequest(file: "snponly.efi")), copies: 3)
            guard case .bytes(let bytes, _) = outcome else {
                Issue.record("no file came")
                return
            }
            let isWhole = bytes == fixture.program
            #expect(isWhole)
        }
    }

    @Test func `a script comes by TFTP too, and is told of`() async throws {
        try await withServices { services, events, _ in
            let request = TFTPRequest(file: "/boot/ipxe?mac=52-54-00-00-00-01&uuid=&serial=")
            let outcome = try await TFTPClient(port: services.tftpPort).send(.readRequest(request))
            guard case .bytes(let bytes, _) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(String(decoding: bytes, as: UTF8.self).contains("does not know this machine"))
            let unknown = await events.first { if case .unknownMachine(let mac) = $0 { mac } else { nil } }
            #expect(unknown == stranger)
        }
    }

    @Test(arguments: [
        "nosuch.efi", "../../etc/passwd", "/etc/passwd", "52-54-00-00-00-01/vmlinuz", "bzImage", "ipxe.efi",
    ])
    func `what is not in the catalogue is refused and told of`(_ file: String) async throws {
        try await withServices { services, events, _ in
            let outcome = try await TFTPClient(port: services.tftpPort).send(.readRequest(TFTPRequest(file: file)))
            guard case .refused(.fileNotFound, let message) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(!message.isEmpty)
            let told = await events.first { if case .transferFailed(_, _, let name, _) = $0 { name } else { nil } }
            #expect(told == file)
        }
    }

    @Test func `writing is refused`() async throws {
        try await withServices { services, _, _ in
            let outcome = try await TFTPClient(port: services.tftpPort).send(.writeRequest(TFTPRequest(file: "x")))
            #expect(outcome == .refused(.accessViolation, "this server takes no files"))
        }
    }

    @Test func `fifty clients at once each get their file`() async throws {
        try await withServices { services, _, fixture in
            let client = TFTPClient(port: services.tftpPort)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let options: [TFTPOption] = [.init("blksize", "1468"), .init("windowsize", "8")]
                        let request = TFTPRequest(file: "52:54:00:12:34:56/vmlinuz", options: options)
                        guard case .bytes(let bytes, _) = try await client.send(.readRequest(request)) else {
                            return false
                        }
                        return fixture.isKernel(bytes)
                    }
                }
                for try await isWhole in group { #expect(isWhole) }
            }
        }
    }
}

@Suite("HTTP on loopback")
struct HTTPServiceTests {
    static let kernel = "/52-54-00-12-34-56/vmlinuz"

    @Test func `GET and HEAD tell the same, and only GET has a body`() async throws {
        try await withServices { services, events, fixture in
            let get = try await HTTPExchange(port: services.httpPort, "GET", Self.kernel)
            let head = try await HTTPExchange(port: services.httpPort, "HEAD", Self.kernel)
            #expect(get.status == 200 && head.status == 200)
            #expect(fixture.isKernel(get.body) && head.body.isEmpty)
            for name in ["content-length", "etag", "accept-ranges", "content-type"] {
                #expect(get.headers[name] == head.headers[name])
            }
            #expect(head.headers["content-length"] == "300001")
            let told = await events.first { event -> Int? in
                guard case .transferred(machine, _, let transfer) = event else { return nil }
                return transfer.service == .http ? transfer.bytes : nil
            }
            #expect(told == 300_001)
        }
    }

    @Test func `a range is served, an impossible one is refused`() async throws {
        try await withServices { services, _, fixture in
            let part = try await HTTPExchange(
                port: services.httpPort, "GET", Self.kernel, headers: ["Range: bytes=299990-"])
            #expect(part.status == 206)
            #expect(part.body == Array(fixture.kernel[299_990...]))
            #expect(part.headers["content-range"] == "bytes 299990-300000/300001")
            let beyond = try await HTTPExchange(
                port: services.httpPort, "GET", Self.kernel, headers: ["Range: bytes=300001-"])
            #expect(beyond.status == 416)
            #expect(beyond.headers["content-range"] == "bytes */300001")
        }
    }

    @Test func `an unchanged file is not sent again, and guards the continuation of a broken transfer`() async throws {
        try await withServices { services, _, fixture in
            let port = services.httpPort
            let tag = try #require(try await HTTPExchange(port: port, "HEAD", Self.kernel).headers["etag"])
            let again = try await HTTPExchange(port: port, "GET", Self.kernel, headers: ["If-None-Match: \(tag)"])
            #expect(again.status == 304 && again.body.isEmpty)
            let more = try await HTTPExchange(
                port: port, "GET", Self.kernel, headers: ["Range: bytes=1-1", "If-Range: \(tag)"])
            #expect(more.status == 206 && more.body == [fixture.kernel[1]])
            let changed = try await HTTPExchange(
                port: port, "GET", Self.kernel, headers: ["Range: bytes=1-1", "If-Range: \"other\""])
            #expect(changed.status == 200 && changed.body.count == 300_001)
        }
    }

    @Test func `UEFI gets its program with the media type it wants, double slashes and all`() async throws {
        try await withServices { services, _, fixture in
            let program = try await HTTPExchange(port: services.httpPort, "GET", "//snponly.efi")
            #expect(program.status == 200)
            let isWhole = program.body == fixture.program
            #expect(isWhole)
            #expect(program.headers["content-type"] == "application/efi")
        }
    }

    @Test(arguments: ["/boot/ipxe?mac=52:54:00:12:34:56", "/52-54-00-12-34-56/boot.ipxe"])
    func `a machine gets its script by either path`(_ path: String) async throws {
        try await withServices { services, events, _ in
            let script = try await HTTPExchange(port: services.httpPort, "GET", path)
            let text = String(decoding: script.body, as: UTF8.self)
            #expect(text.hasPrefix("#!ipxe\n"))
            let base = "http://127.0.0.1:\(services.httpPort)/52-54-00-12-34-56/"
            #expect(text.contains("kernel --name vmlinuz \(base)vmlinuz initrd=initrd.img quiet initiator_name="))
            let served = await events.first { event -> String? in
                if case .scriptServed(machine, "node1", let method) = event { method } else { nil }
            }
            #expect(served == "kernel")
        }
    }

    @Test(arguments: ["/", "/nosuch", "/../../etc/passwd", "/%2e%2e/x", "/52-54-00-00-00-01/vmlinuz", "/bzImage"])
    func `what is not in the catalogue is not found`(_ path: String) async throws {
        try await withServices { services, _, _ in
            let answer = try await HTTPExchange(port: services.httpPort, "GET", path)
            #expect(answer.status == 404)
        }
    }

    @Test func `only GET and HEAD are served`() async throws {
        try await withServices { services, _, _ in
            let post = try await HTTPExchange(
                port: services.httpPort, "POST", Self.kernel, headers: ["Content-Length: 0"])
            #expect(post.status == 405)
            #expect(post.headers["allow"] == "GET, HEAD")
        }
    }
}
