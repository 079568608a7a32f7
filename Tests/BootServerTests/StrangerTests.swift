// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Testing

@Suite("Machines that are not known, over HTTP")
struct StrangerTests {
    private func text(_ services: BootServices, _ path: String) async throws -> String {
        String(decoding: try await HTTPExchange(port: services.httpPort, "GET", path).body, as: UTF8.self)
    }

    @Test func `they are asked what only iPXE can tell, then told what to type`() async throws {
        try await withServices { services, events, _ in
            let first = try await self.text(services, "/52-54-00-00-00-01/boot.ipxe")
            #expect(first.contains("/boot/ipxe?mac=52-54-00-00-00-01&uuid=${uuid}&serial=${serial:uristring}"))
            let second = try await self.text(services, "/boot/ipxe?mac=52-54-00-00-00-01&uuid=&serial=")
            #expect(second.contains("does not know this machine"))
            let unknown = await events.first { if case .unknownMachine(let mac) = $0 { mac } else { nil } }
            #expect(unknown == stranger)
        }
    }

    @Test func `where they may, they choose from a menu; only the machine itself can`() async throws {
        try await withServices(prepare: { $0.menu = ["lab", "bookworm"] }) { services, _, _ in
            let menu = try await self.text(services, "/boot/ipxe?mac=52-54-00-00-00-01&uuid=&serial=")
            #expect(menu.contains("item --key 1 lab 1  lab\n") && menu.contains("item --key 2 bookworm 2  bookworm\n"))
            let foreign = try await self.text(
                services, "/boot/enrol?mac=52-54-00-00-00-01&uuid=&serial=&image=lab&name=pc9")
            #expect(foreign.contains("was not enrolled: 52:54:00:00:00:01 is not known to have the address that asks"))
        }
    }

    @Test func `credentials of one boot are given to nobody but the machine`() async throws {
        try await withServices(prepare: { $0.assignment.hasCredentialsPerBoot = true }) { services, _, _ in
            let script = try await self.text(services, "/52-54-00-12-34-56/boot.ipxe")
            #expect(script.contains("did not come from where 52:54:00:12:34:56 is known to be"))
            #expect(!script.contains("iscsi_chap") && !script.contains("kernel --name"))
        }
    }

    @Test func `a user's own script comes in the place of ours`() async throws {
        let template = try ScriptTemplate("#!ipxe\necho mine for {{client}}\n{{boot}}")
        try await withServices(prepare: { $0.assignment.script = template }) { services, _, _ in
            let script = try await self.text(services, "/52-54-00-12-34-56/boot.ipxe")
            #expect(script.hasPrefix("#!ipxe\necho mine for node1\n"))
            #expect(script.contains("kernel --name vmlinuz http://127.0.0.1:\(services.httpPort)/"))
        }
    }

    @Test func `a system's report is taken, bounded, and told of with its address`() async throws {
        try await withServices { services, events, _ in
            let good = try await HTTPExchange(
                port: services.httpPort, "POST", "/boot/report", body: "up userspace=5000000")
            #expect(good.status == 200)
            let remote = await events.first {
                if case .reported(_, let remote, let report) = $0, report.userspaceMicroseconds == 5_000_000 {
                    remote
                } else {
                    nil
                }
            }
            #expect(remote == "127.0.0.1")
            let long = String(repeating: "x", count: 4000)
            #expect(try await HTTPExchange(port: services.httpPort, "POST", "/boot/report", body: long).status == 400)
            #expect(try await HTTPExchange(port: services.httpPort, "GET", "/boot/report").status == 405)
            #expect(try await HTTPExchange(port: services.httpPort, "POST", "/snponly.efi", body: "x").status == 405)
        }
    }
}
