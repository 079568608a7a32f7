// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("What a machine proves itself with")
struct ClientCHAPTests {
    private func configuration(
        _ method: BootClient.Method, name: String = "pc1", secret: String = "0123456789ab"
    ) -> Configuration {
        var client = client("pc1", mac: "52:54:00:00:00:01", method: method)
        client.chap = CHAPAccount(name: name, secret: secret).map(ClientCHAP.account)
        return Configuration(boot: Boot(services: services, clients: [client]))
    }

    @Test func `its target requires it, and its firmware is told`() throws {
        let deployment = self.configuration(.sanboot).expanded(in: surroundings).deployment
        let list = try #require(
            deployment.targets["iqn.2026-11.org.apus:pc1"]?.groups.first?.access
                .lists["iqn.2026-11.org.apus:pc1.initiator"])
        let account = try #require(CHAPAccount(name: "pc1", secret: "0123456789ab"))
        #expect(list.authentication == .required(ServedCHAP(user: account)))
        #expect(deployment.boot?.machines["pc1"]?.chap == account)
    }

    @Test func `it is written, read again, and hidden from eyes`() throws {
        let json = self.configuration(.firmware).json
        let (again, problems) = Configuration.read(json)
        #expect(again == self.configuration(.firmware) && problems.isEmpty)
        #expect(!"\(json.hidingSecrets)".contains("0123456789ab"))
        #expect(!"\(again.boot.clients[0].description(in: surroundings))".contains("0123456789ab"))
    }

    @Test(arguments: [
        (BootClient.Method.kernel(.http), "pc1", "0123456789ab", "boot.clients[0].method"),
        (.http, "pc1", "0123456789ab", "boot.clients[0].method"),
        (.sanboot, "pc 1", "0123456789ab", "boot.clients[0].chap_userid"),
        (.sanboot, "pc1", "short", "boot.clients[0].chap_password"),
        (.firmware, "pc1", "0123456789abcdefg", "boot.clients[0].chap_password"),
        (.sanboot, "pc1", "0123456789a$", "boot.clients[0].chap_password"),
    ])
    func `what firmware cannot be given is refused`(
        _ method: BootClient.Method, _ name: String, _ secret: String, _ path: String
    ) {
        let problems = self.configuration(method, name: name, secret: secret).validate(in: surroundings)
        #expect(problems.map(\.path) == [path])
    }

    @Test func `what is made for each boot is required by its target, and known to nobody before`() throws {
        var configuration = self.configuration(.sanboot)
        configuration.boot.clients[0].chap = .perBoot
        #expect(configuration.validate(in: surroundings).isEmpty)
        let deployment = configuration.expanded(in: surroundings).deployment
        let list = try #require(
            deployment.targets["iqn.2026-11.org.apus:pc1"]?.groups.first?.access
                .lists["iqn.2026-11.org.apus:pc1.initiator"])
        #expect(list.holder == "pc1")
        #expect(list.authentication == .impossible(reason: "pc1 has no credentials yet"))
        #expect(deployment.boot?.machines["pc1"]?.isCHAPPerBoot == true)
        #expect(Configuration.read(configuration.json).configuration == configuration)
    }

    @Test func `what is made for each boot cannot be stored in firmware, which is told`() {
        var configuration = self.configuration(.firmware)
        configuration.boot.clients[0].chap = .perBoot
        let problems = configuration.validate(in: surroundings)
        #expect(problems.map(\.severity) == [.warning])
        #expect(problems.map(\.path) == ["boot.clients[0].chap"])
    }

    @Test func `what is made for each boot does not reach an initramfs that reads arguments on its disk alone`() {
        var configuration = self.configuration(.sanboot)
        configuration.boot.clients[0].chap = .perBoot
        var old = surroundings
        old.images["lab"]?.attachment = [.arguments]
        old.images["lab"]?.argumentSlot = ArgumentSlot(offsetBytes: 4096)
        #expect(configuration.validate(in: old).map(\.path) == ["boot.clients[0].chap"])
    }

    @Test func `a name without a secret is told`() throws {
        let (_, problems) = try read(
            #"{"boot": {"clients": [{"name": "a", "mac": "52:54:00:00:00:01", "image": "lab", "chap_userid": "x"}]}}"#)
        #expect(problems.map(\.path) == ["boot.clients[0].chap_password"])
    }
}
