// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("Templates of iPXE scripts")
struct ScriptTemplateTests {
    private static let script = IPXEScript(
        client: "pc1",
        disk: SANDisk(
            initiatorName: "iqn.2026-11.org.apus:pc1.initiator", targetName: "iqn.2026-11.org.apus:pc1",
            portalAddress: "10.77.0.1", portalPort: 3260, lun: 0),
        method: .sanboot, url: "http://10.77.0.1:8080/52-54-00-12-34-56/boot.ipxe")

    private func text(_ template: String) throws -> String {
        try ScriptTemplate(template).text(Self.script.values(mac: machine, server: "10.77.0.1"))
    }

    @Test func `values take the places of their names, and iPXE's own stay`() throws {
        let text = try self.text("#!ipxe\necho {{client}} {{ mac }} ${netX/mac}\nsanboot {{root_path}}\n")
        #expect(
            text == """
                #!ipxe
                echo pc1 52:54:00:12:34:56 ${netX/mac}
                sanboot iscsi:10.77.0.1::3260:0:iqn.2026-11.org.apus:pc1

                """)
    }

    @Test func `our own script can follow what a user put before it`() throws {
        let text = try self.text("#!ipxe\necho first\n{{boot}}")
        #expect(text == "#!ipxe\necho first\n" + Self.script.text.dropFirst("#!ipxe\n".count))
    }

    @Test func `what the method has not is empty`() throws {
        #expect(try self.text("#!ipxe\necho [{{kernel}}]") == "#!ipxe\necho []")
    }

    @Test(arguments: [
        ("", ScriptTemplate.Flaw.noFirstLine), ("echo x\n", .noFirstLine),
        ("#!ipxe\necho {{client", .unclosed(line: 2)), ("#!ipxe\n{{client\n}}", .unclosed(line: 2)),
        ("#!ipxe\n\n{{clent}}", .unknown("clent", line: 3)), ("#!ipxe\necho \u{e9}", .unprintable(line: 2)),
    ])
    func `a flaw is found with its line`(_ template: String, _ flaw: ScriptTemplate.Flaw) {
        #expect(throws: flaw) { try ScriptTemplate(template) }
        #expect(!flaw.cause.isEmpty && !flaw.remedy.isEmpty)
    }

    @Test func `random templates are taken or refused, and never stop the program`() {
        var random = Seeded(11)
        let words = ["{{", "}}", "client", "#!ipxe", "\n", "$", "{", " ", "}", "boot"]
        for _ in 0..<20_000 {
            let text = (0..<Int(random.next() % 12)).map { _ in words[Int(random.next() % 10)] }.joined()
            if let template = try? ScriptTemplate(text) { #expect(template.text([:]).hasPrefix("#!ipxe")) }
        }
    }
}
