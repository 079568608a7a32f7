// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("What a machine tells of itself")
struct MachineFactsTests {
    private func message(_ options: [DHCPOption]) -> DHCPMessage {
        var message = DHCPMessage(operation: .request, transaction: 1, hardwareAddress: [2, 0, 0, 0, 0, 1])
        message.options = options
        return message
    }

    @Test func `option 97 has the first three fields least significant byte first`() {
        let bytes: [UInt8] =
            [0, 0x44, 0x45, 0x4c, 0x4c, 0x42, 0x00, 0x10, 0x35, 0x80, 0x52] + [0xb4, 0xc0, 0x4f, 0x4d, 0x32, 0x32]
        let facts = MachineFacts(self.message([.clientMachineIdentifier(bytes)]))
        #expect(facts.uuid == "4c4c4544-0042-3510-8052-b4c04f4d3232")
    }

    @Test func `option 82 names the circuit and the relay agent`() {
        let facts = MachineFacts(
            self.message([.relayAgentInformation([2, 2, 0xaa, 0xbb, 1, 3] + Array("p/7".utf8))]))
        #expect(facts.circuitID == Array("p/7".utf8))
        #expect(facts.remoteID == [0xaa, 0xbb])
    }

    @Test(arguments: [[], [1], [1, 9, 0], [5, 0, 1], [1, 2, 3]] as [[UInt8]])
    func `a broken option 82 names nothing`(_ bytes: [UInt8]) {
        #expect(MachineFacts(self.message([.relayAgentInformation(bytes)])).circuitID == nil)
    }

    @Test(arguments: [[], [0], [1] + [UInt8](repeating: 7, count: 16)] as [[UInt8]])
    func `another identifier than a GUID names nothing`(_ bytes: [UInt8]) {
        #expect(MachineFacts(self.message([.clientMachineIdentifier(bytes)])).uuid == nil)
    }

    @Test func `paths with a query tell who asks`() throws {
        let facts = MachineFacts(uuid: "4c4c4544-0042-3510-8052-b4c04f4d3232", serial: "AB 1&2")
        let query = "mac=52:54:00:12:34:56&uuid=4C4C4544-0042-3510-8052-B4C04F4D3232&serial=AB%201%262"
        #expect(BootPath("/boot/ipxe?" + query) == .introduction(machine, facts))
        #expect(BootPath("boot/ipxe?mac=52-54-00-12-34-56") == .script(machine))
        #expect(
            BootPath("boot/enrol?\(query)&image=lab&name=pc1")
                == .enrolment(EnrolmentRequest(mac: machine, facts: facts, name: "pc1", image: "lab")))
        #expect(BootPath("boot/enrol?\(query)&image=lab") == nil)
        #expect(BootPath("boot/ipxe?uuid=1") == nil)
        #expect(BootPath("boot/other?mac=52-54-00-12-34-56") == nil)
        #expect(BootPath("boot/report") == .report)
    }

    @Test(
        arguments: [
            ("up kernel=1500000 initrd=2000000 userspace=7000000 failed=1", 7_000_000), ("up", nil),
            ("up userspace=x later=3", nil), ("up userspace=99999999999999", nil),
        ] as [(String, UInt64?)])
    func `a report has times, where they make sense`(_ text: String, _ userspace: UInt64?) throws {
        let report = try #require(BootReport(text))
        #expect(report.userspaceMicroseconds == userspace)
    }

    @Test(arguments: ["", "down", "kernel=1 up"])
    func `anything else is no report`(_ text: String) {
        #expect(BootReport(text) == nil)
    }
}
