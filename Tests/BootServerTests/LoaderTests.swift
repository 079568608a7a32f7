// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Testing

@Suite("UEFI's programs on loopback")
struct LoaderTests {
    private static func http(_ kernel: String, _ initrd: String) -> BootAssignment.Method {
        .http(kernelPath: kernel, initrdPath: initrd, arguments: "quiet")
    }

    @Test func `a unified kernel image is stub, arguments, kernel and initramfs`() async throws {
        try await withServices(Self.http) { services, events, fixture in
            let path = "/52-54-00-12-34-56/linux.efi"
            let whole = try await HTTPExchange(port: services.httpPort, "GET", path)
            try #require(whole.status == 200)
            #expect(whole.headers["content-type"] == "application/efi")
            #expect(whole.body.starts(with: [0x4d, 0x5a]))
            let kernelStart = whole.body.count - 4096 - 303_104
            let isKernel = fixture.isKernel(Array(whole.body[kernelStart...].prefix(300_001)))
            #expect(isKernel)
            #expect(whole.body.suffix(4096).prefix(512).elementsEqual(fixture.initrd))
            let line = String(decoding: whole.body[..<kernelStart].suffix(4096).prefix { $0 != 0 }, as: UTF8.self)
            #expect(line.hasPrefix("quiet initiator_name=iqn.2026-11.org.apus:node1 "))
            let told = await events.first { event -> Int? in
                guard case .transferred(machine, _, let transfer) = event else { return nil }
                return transfer.bytes
            }
            #expect(told == whole.body.count)

            // Across the end of the kernel, into its padding.
            let range = kernelStart + 299_000..<kernelStart + 301_000
            let part = try await HTTPExchange(
                port: services.httpPort, "GET", path,
                headers: ["Range: bytes=\(range.lowerBound)-\(range.upperBound - 1)"])
            #expect(part.status == 206)
            let isPart = part.body.elementsEqual(whole.body[range])
            #expect(isPart)
            #expect(part.headers["etag"] == whole.headers["etag"])
        }
    }

    @Test func `GRUB is led to the machine's own script, which is told of`() async throws {
        try await withServices { services, events, _ in
            let start = try await HTTPExchange(port: services.httpPort, "GET", "/grub/grub.cfg")
            #expect(String(decoding: start.body, as: UTF8.self) == GRUBScript.start)
            let own = try await HTTPExchange(port: services.httpPort, "GET", "/52:54:00:12:34:56/grub.cfg")
            #expect(String(decoding: own.body, as: UTF8.self).contains("linux /52-54-00-12-34-56/vmlinuz 'quiet'"))
            let told = await events.first { event -> String? in
                guard case .scriptServed(machine, _, let method) = event else { return nil }
                return method
            }
            #expect(told == "kernel")
            let other = try await HTTPExchange(port: services.httpPort, "GET", "/52:54:00:00:00:99/grub.cfg")
            #expect(String(decoding: other.body, as: UTF8.self).contains("apus client add"))
        }
    }

    @Test func `what GRUB and shim do without is no failure`() async throws {
        try await withServices { services, events, _ in
            for path in ["/grub/x86_64-efi/command.lst", "/revocations_sbat.efi", "/nosuch"] {
                let answer = try await HTTPExchange(port: services.httpPort, "GET", path)
                #expect(answer.status == 404)
            }
            let failed = await events.first { event -> String? in
                guard case .transferFailed(_, _, let file, _) = event else { return nil }
                return file
            }
            #expect(failed == "/nosuch")
        }
    }
}
