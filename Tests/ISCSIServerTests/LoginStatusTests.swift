// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

/// Every status of RFC 7143 §11.13.5 that this target gives. 0300h (target error) is for a login whose event loop is gone.
@Suite("RFC 7143 §11.13.5 login statuses over sockets", .timeLimit(.minutes(5)))
struct LoginStatusTests {
    private static let names = ["InitiatorName=\(InitiatorSocket.name)", "TargetName=\(InitiatorSocket.target)"]

    struct FailingLogin: Sendable, CustomTestStringConvertible {
        var status: UInt16
        var keys: [String] = LoginStatusTests.names
        var csg: UInt8 = 1
        var nsg: UInt8? = 3
        var isContinued = false
        var version: UInt8 = 0
        var testDescription: String { "\(String(self.status, radix: 16)) \(self.keys)" }

        var request: Request {
            var request = Request.login(
                csg: self.csg, nsg: self.nsg, isContinued: self.isContinued, text: self.keys.flatMap { text($0) })
            request.header[3] = self.version
            return request
        }
    }

    @Test(arguments: [
        FailingLogin(status: 0x0200, csg: 3),
        FailingLogin(status: 0x0200, nsg: 0),
        FailingLogin(status: 0x0200, isContinued: true),
        FailingLogin(status: 0x0200, keys: names + ["MaxBurstLength=4096", "MaxBurstLength=8192"]),
        FailingLogin(status: 0x0200, keys: ["InitiatorName=a name", "TargetName=\(InitiatorSocket.target)"]),
        FailingLogin(status: 0x0201, keys: names + ["AuthMethod=KRB5"], csg: 0),
        FailingLogin(
            status: 0x0203, keys: ["InitiatorName=\(InitiatorSocket.name)", "TargetName=iqn.2026-11.org.apus:no"]),
        FailingLogin(status: 0x0205, version: 1),
        FailingLogin(status: 0x0207, keys: ["TargetName=\(InitiatorSocket.target)"]),
        FailingLogin(status: 0x0207, keys: ["InitiatorName=\(InitiatorSocket.name)"]),
        FailingLogin(status: 0x0209, keys: names + ["SessionType=Backup"]),
        FailingLogin(status: 0x020b, keys: names + ["SendTargets=All"]),
    ])
    func `what an initiator asks for wrongly`(login: FailingLogin) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket(test.portal)
            socket.sendBytes(login.request.encode())
            let answer = try await socket.receive()
            #expect(answer.header.opcode == .loginResponse && answer.loginStatus == login.status)
            #expect(await socket.receiveUntilEnd().isEmpty)
            #expect(await test.refusals().count == 1)
            #expect(test.server.sessions().isEmpty)
        }
    }

    @Test func `who proves nothing is not authenticated, who is not listed not authorized`() async throws {
        let store = try ScriptedStore()
        let terms = CHAPTerms(initiator: CHAPCredentials(name: "user", secret: CHAPSecret("initiator secret")))
        let rules = AccessRules(lists: [InitiatorSocket.name: AccessList(authentication: .required(terms))])
        try await ServerUnderTest.run([store], access: rules) { test in
            let skipping = try await InitiatorSocket(test.portal)
            #expect(try await skipping.login().loginStatus == 0x0201)
            let guessing = try await InitiatorSocket(test.portal)
            #expect(try await guessing.chap(.sha256, secret: "another secret").loginStatus == 0x0201)
            let stranger = try await InitiatorSocket(test.portal)
            #expect(try await stranger.login(name: "iqn.2026-11.org.example:stranger").loginStatus == 0x0202)
        }
    }

    @Test func `a target that goes in the midst of a login`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket(test.portal)
            socket.sendBytes(
                Request.login(csg: 1, nsg: nil, text: Self.names.flatMap { text($0) }).encode())
            #expect(try await socket.receive().loginStatus == 0)
            await test.server.removeTarget(InitiatorSocket.target)
            socket.sendBytes(Request.login(csg: 1, nsg: 3, text: []).encode())
            #expect(try await socket.receive().loginStatus == 0x0204)
            #expect(await socket.receiveUntilEnd().isEmpty)
        }
    }

    @Test func `sessions that cannot be joined`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let second = try await test.server.listen(Portal(host: "127.0.0.1", port: 0))
            var target = test.target()
            target.groups[0].portals = [test.portal]
            target.groups.append(
                PortalGroupDefinition(tag: 2, portals: [second], units: [0: test.units[1]], access: .anyone))
            await test.server.setTarget(target)
            let socket = try await InitiatorSocket(test.portal)
            let tsih = UInt16(truncatingIfNeeded: try await socket.login().header.lun)
            for (portal, tsih, status) in [
                (test.portal, tsih, 0x0206), (second, tsih, 0x0208), (test.portal, tsih &+ 1, 0x020a),
            ] as [(Portal, UInt16, UInt16)] {
                let other = try await InitiatorSocket(portal)
                #expect(try await other.login(tsih: tsih, connectionID: 1).loginStatus == status)
            }
        }
    }

    @Test func `a server that stops takes nobody any more`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let busy = try await InitiatorSocket.ready(test.portal)
            let late = try await InitiatorSocket(test.portal)
            late.sendBytes(Request.login(csg: 1, nsg: nil, text: Self.names.flatMap { text($0) }).encode())
            #expect(try await late.receive().loginStatus == 0)
            store.hold()
            let tag = busy.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            async let stopped: Void = test.server.shutdown(grace: .seconds(50))
            while await (try? InitiatorSocket(test.portal)) != nil {}
            late.sendBytes(Request.login(csg: 1, nsg: 3, text: []).encode())
            #expect(try await late.receive().loginStatus == 0x0301)
            store.release()
            #expect(try await busy.end(tag).status == 0)
            await stopped
        }
    }

    @Test func `more sessions than there may be`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store], maxSessions: 1) { test in
            _ = try await InitiatorSocket.ready(test.portal)
            let other = try await InitiatorSocket(test.portal)
            #expect(try await other.login(isid: 2).loginStatus == 0x0302)
            // The same port takes its own place.
            let again = try await InitiatorSocket(test.portal)
            #expect(try await again.login().loginStatus == 0)
        }
    }

    @Test(arguments: [(false, 0x0101), (true, 0x0102)] as [(Bool, UInt16)])
    func `whom to turn to instead`(isPermanent: Bool, status: UInt16) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var target = test.target()
            target.groups[0].redirection = .init(address: "[fd00::9]:3260", isPermanent: isPermanent)
            await test.server.setTarget(target)
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login()
            #expect(answer.loginStatus == status && answer.pairs == ["TargetAddress=[fd00::9]:3260"])
        }
    }
}
