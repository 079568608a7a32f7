// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("Who may log in, to what, over sockets", .timeLimit(.minutes(5)))
struct AccessTests {
    private static let block = [UInt8](repeating: 7, count: 512)
    private static let friend = InitiatorSocket.name
    private static let stranger = "iqn.2026-11.org.example:stranger"

    private static func terms(_ algorithms: [CHAPAlgorithm] = CHAPAlgorithm.allCases) -> CHAPTerms {
        CHAPTerms(
            initiator: CHAPCredentials(name: "user", secret: CHAPSecret("initiator secret")),
            target: CHAPCredentials(name: "target", secret: CHAPSecret("target secret")), algorithms: algorithms)
    }

    private static func demo(_ authentication: Authentication) -> AccessRules {
        AccessRules(demoMode: DemoMode(authentication: authentication))
    }

    // MARK: - CHAP

    @Test(arguments: CHAPAlgorithm.allCases)
    func `mutual CHAP, and a command after it`(algorithm: CHAPAlgorithm) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], access: Self.demo(.required(Self.terms()))) { test in
            let socket = try await InitiatorSocket(test.portal)
            let last = try await socket.chap(algorithm, secret: "initiator secret", challenge: [1, 2, 3, 4])
            let proof = algorithm.response(identifier: 9, secret: CHAPSecret("target secret"), challenge: [1, 2, 3, 4])
            #expect(last.loginStatus == 0)
            #expect(last.pairs == ["CHAP_N=target", "CHAP_R=\(BinaryValue.encode(proof))"])
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x29, 0x00])
        }
    }

    @Test func `a wrong secret, and a login past the security stage`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], access: Self.demo(.required(Self.terms()))) { test in
            let wrong = try await InitiatorSocket(test.portal)
            #expect(try await wrong.chap(.sha256, secret: "another secret").loginStatus == 0x0201)
            #expect(await wrong.receiveUntilEnd().isEmpty)
            let skipping = try await InitiatorSocket(test.portal)
            #expect(try await skipping.login().loginStatus == 0x0201)
            let reasons = await test.refusals(2)
            #expect(
                reasons.count == 2 && !reasons.contains { $0.contains("another") || $0.contains("initiator secret") })
            #expect(test.server.sessions().isEmpty)
            // Discovery is another matter.
            let discovery = try await InitiatorSocket(test.portal)
            #expect(try await discovery.login(target: nil).loginStatus == 0)
        }
    }

    @Test func `challenges differ from login to login`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], access: Self.demo(.required(Self.terms()))) { test in
            var challenges: Set<String> = []
            for _ in 0..<8 {
                let socket = try await InitiatorSocket(test.portal)
                challenges.insert(try await socket.challenge(.sha3256).pairs.joined())
                await socket.close()
            }
            #expect(challenges.count == 8)
        }
    }

    @Test func `discovery has credentials of its own`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            await test.server.setDiscoveryAuthentication(.required(Self.terms()))
            let skipping = try await InitiatorSocket(test.portal)
            #expect(try await skipping.login(target: nil).loginStatus == 0x0201)
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.chap(.md5, secret: "initiator secret", target: nil).loginStatus == 0)
            #expect(try await socket.sendTargets("All").count == 2)
            let normal = try await InitiatorSocket(test.portal)
            #expect(try await normal.login().loginStatus == 0)
            await test.server.setDiscoveryAuthentication(.none)
            let open = try await InitiatorSocket(test.portal)
            #expect(try await open.login(target: nil).loginStatus == 0)
        }
    }

    // MARK: - LUNs

    @Test func `mapped LUNs have the initiator's own numbers, and may be write-protected`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            await test.server.setTarget(
                test.target(
                    access: AccessRules(lists: [
                        Self.friend: AccessList(
                            luns: .mapped([
                                5: LUNMapping(groupLUN: 1), 6: LUNMapping(groupLUN: 0, isWriteProtected: true),
                                7: LUNMapping(groupLUN: 9),
                            ]))
                    ])))
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.login().loginStatus == 0)
            for lun: UInt8 in [5, 6] {
                #expect(try await socket.execute(testUnitReady, lun: lun).sense == [0x06, 0x29, 0x00])
            }
            // What is mapped to nothing is not there, nor are the group's own numbers.
            for lun: UInt8 in [0, 1, 7] {
                #expect(try await socket.execute(testUnitReady, lun: lun).sense == [0x05, 0x25, 0x00])
            }
            #expect(try await socket.execute(cdb(0x2a, lba: 3, count: 1), lun: 5, written: Self.block).status == 0)
            #expect(try stores[1].content(BlockRange(lba: 3, count: 1)) == Self.block)
            let refused = try await socket.execute(cdb(0x2a, lba: 3, count: 1), lun: 6, written: Self.block)
            #expect(refused.sense == [0x07, 0x27, 0x00])
            #expect(try stores[0].content(BlockRange(lba: 3, count: 1)) != Self.block)
            #expect(try await socket.execute(cdb(0x28, lba: 3, count: 1), lun: 6, read: 512).status == 0)
            // MODE SENSE (6): WP.
            for (lun, bit) in [(5, 0x00), (6, 0x80)] as [(UInt8, UInt8)] {
                let mode = try await socket.execute([0x1a, 0x08, 0x3f, 0, 4, 0], lun: lun, read: 4)
                #expect(mode.data.count == 4 && mode.data[2] & 0x80 == bit)
            }
        }
    }

    @Test func `demo mode may protect all LUNs from who has no ACL`() async throws {
        let store = try ScriptedStore()
        let rules = AccessRules(lists: [Self.friend: AccessList()], demoMode: DemoMode(isWriteProtected: true))
        try await ServerUnderTest.run([store], access: rules) { test in
            for (name, status) in [(Self.stranger, 2), (Self.friend, 0)] as [(String, UInt8)] {
                let socket = try await InitiatorSocket(test.portal)
                #expect(try await socket.login(name: name).loginStatus == 0)
                _ = try await socket.execute(testUnitReady)
                #expect(try await socket.execute(cdb(0x2a, lba: 0, count: 1), written: Self.block).status == status)
            }
        }
    }

    // MARK: - Changes while sessions are there

    @Test func `a session whose ACL goes is ended, the others stay`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], access: .initiators([Self.friend, Self.stranger])) { test in
            let friend = try await InitiatorSocket.ready(test.portal)
            let other = try await InitiatorSocket(test.portal)
            #expect(try await other.login(name: Self.stranger).loginStatus == 0)
            await test.server.setTarget(test.target(access: .initiators([Self.friend])))
            // Whoever has no right any longer is not asked to go.
            #expect(await other.receiveUntilEnd().map(\.asyncMessage) == [[3, 0, 0, 0]])
            try await friend.expectAlive()
            #expect(test.server.sessions().map(\.initiatorName) == [Self.friend])
        }
    }

    @Test func `whom demo mode let in stays known where the group remembers`() async throws {
        let store = try ScriptedStore()
        let open = AccessRules(demoMode: DemoMode(), remembersInitiators: true)
        try await ServerUnderTest.run([store], access: open) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            await test.server.setTarget(test.target(access: AccessRules(remembersInitiators: true)))
            try await socket.expectAlive()
            await socket.close()
            await test.loggedOut()
            let again = try await InitiatorSocket(test.portal)
            #expect(try await again.login().loginStatus == 0)
            let stranger = try await InitiatorSocket(test.portal)
            #expect(try await stranger.login(name: Self.stranger).loginStatus == 0x0202)
            await test.server.setTarget(test.target(access: AccessRules()))
            #expect(await again.receiveUntilEnd().map(\.asyncMessage) == [[3, 0, 0, 0]])
        }
    }

    // MARK: - Networks, redirection

    @Test func `a network that is not allowed`() async throws {
        let store = try ScriptedStore()
        let elsewhere = try #require(SourceNetwork(bytes: [10, 0, 0, 0], prefixLength: 8))
        let here = try #require(SourceNetwork(bytes: [127, 0, 0, 0], prefixLength: 8))
        let rules = AccessRules(demoMode: DemoMode(), networks: [elsewhere])
        try await ServerUnderTest.run([store], access: rules) { test in
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.login().loginStatus == 0x0202)
            #expect(await test.refusals().first?.contains("a network") == true)
            await test.server.setTarget(
                test.target(access: AccessRules(demoMode: DemoMode(), networks: [elsewhere, here])))
            _ = try await InitiatorSocket.ready(test.portal)
        }
    }

    @Test(arguments: [(false, 0x0101), (true, 0x0102)] as [(Bool, UInt16)])
    func `initiators are sent elsewhere`(isPermanent: Bool, status: UInt16) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var target = test.target(access: .initiators([Self.friend]))
            target.groups[0].redirection = .init(address: "10.0.0.9:3260", isPermanent: isPermanent)
            await test.server.setTarget(target)
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login()
            #expect(answer.loginStatus == status && answer.pairs == ["TargetAddress=10.0.0.9:3260"])
            #expect(await socket.receiveUntilEnd().isEmpty)
            let stranger = try await InitiatorSocket(test.portal)
            #expect(try await stranger.login(name: Self.stranger).loginStatus == 0x0202)
        }
    }
}

extension InitiatorSocket {
    /// The CHAP exchange up to the target's challenge, whose answer is returned.
    func challenge(_ algorithm: CHAPAlgorithm, target: String? = InitiatorSocket.target) async throws -> PDU {
        let kind = target.map { ["TargetName=\($0)", "SessionType=Normal"] } ?? ["SessionType=Discovery"]
        for pairs in [
            ["InitiatorName=\(Self.name)", "AuthMethod=CHAP,None"] + kind, ["CHAP_A=\(algorithm.rawValue)"],
        ] {
            self.sendBytes(
                Request.login(csg: 0, nsg: nil, cmdSN: self.initiator.cmdSN, text: pairs.flatMap { text($0) }).encode())
            let answer = try await self.receive()
            #expect(answer.loginStatus == 0)
            if pairs.count == 1 { return answer }
        }
        throw Ended()
    }

    /// A login by CHAP straight to the full-feature phase; asks the target for its proof where there is a challenge.
    func chap(
        _ algorithm: CHAPAlgorithm, secret: String, challenge: [UInt8]? = nil, target: String? = InitiatorSocket.target
    ) async throws -> PDU {
        let values = try await self.challenge(algorithm, target: target).pairs
        func value(_ key: String) throws -> String {
            String(try #require(values.first { $0.hasPrefix(key + "=") }).dropFirst(key.count + 1))
        }
        let theirs = try #require(BinaryValue.parse(try value("CHAP_C"), limit: 1_024))
        let response = algorithm.response(
            identifier: try #require(UInt8(try value("CHAP_I"))), secret: CHAPSecret(secret), challenge: theirs)
        var pairs = ["CHAP_N=user", "CHAP_R=\(BinaryValue.encode(response))"]
        if let challenge { pairs += ["CHAP_I=9", "CHAP_C=\(BinaryValue.encode(challenge))"] }
        self.sendBytes(
            Request.login(csg: 0, nsg: 3, cmdSN: self.initiator.cmdSN, text: pairs.flatMap { text($0) }).encode())
        return try await self.receive()
    }

    /// What SendTargets answers.
    func sendTargets(_ value: String) async throws -> [String] {
        self.send(.text(tag: self.initiator.freshTag(), text("SendTargets=\(value)")))
        return try await self.receive().pairs
    }
}
