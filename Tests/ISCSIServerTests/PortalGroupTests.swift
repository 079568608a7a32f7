// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import Testing

@Suite("Portal groups, and what discovery tells of them", .timeLimit(.minutes(5)))
struct PortalGroupTests {
    private static let any = Portal(host: "127.0.0.1", port: 0)
    private static let stranger = "iqn.2026-11.org.example:stranger"

    /// A target with a group for each portal, tags 1, 2 …, each with one of the units as its LUN 0.
    private static func target(_ test: ServerUnderTest, _ portals: [Set<Portal>?]) -> TargetDefinition {
        TargetDefinition(
            name: InitiatorSocket.target,
            groups: portals.enumerated().map { index, portals in
                PortalGroupDefinition(
                    tag: UInt16(index + 1), portals: portals, units: [0: test.units[index]], access: .anyone)
            })
    }

    private static func discover(_ portal: Portal, _ value: String = "All", name: String = InitiatorSocket.name)
        async throws -> [String]
    {
        let socket = try await InitiatorSocket(portal)
        #expect(try await socket.login(name: name, target: nil).loginStatus == 0)
        let answer = try await socket.sendTargets(value)
        await socket.close()
        return answer
    }

    @Test func `each portal leads to its group, with its own units and tag`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let second = try await test.server.listen(Self.any)
            let third = try await test.server.listen(Self.any)
            await test.server.setTarget(Self.target(test, [[test.portal], [second]]))
            for (index, portal) in [test.portal, second].enumerated() {
                let socket = try await InitiatorSocket(portal)
                let answer = try await socket.login()
                #expect(answer.loginStatus == 0 && answer.pairs.contains("TargetPortalGroupTag=\(index + 1)"))
                _ = try await socket.execute(testUnitReady)
                let data = [UInt8](repeating: UInt8(index + 1), count: 512)
                #expect(try await socket.execute(cdb(0x2a, lba: 0, count: 1), written: data).status == 0)
                #expect(try stores[index].content(BlockRange(lba: 0, count: 1)) == data)
            }
            // Sessions with two groups of a target are two nexuses, though initiator and ISID are the same.
            #expect(test.server.sessions().count == 2)
            let lost = try await InitiatorSocket(third)
            #expect(try await lost.login().loginStatus == 0x0203)
            #expect(
                try await Self.discover(test.portal) == [
                    "TargetName=\(InitiatorSocket.target)", "TargetAddress=\(test.portal),1",
                    "TargetAddress=\(second),2",
                ])
        }
    }

    @Test func `a session of one group is not joined by way of another`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let second = try await test.server.listen(Self.any)
            await test.server.setTarget(Self.target(test, [[test.portal], [second]]))
            let socket = try await InitiatorSocket(test.portal)
            let tsih = UInt16(truncatingIfNeeded: try await socket.login().header.lun)
            let other = try await InitiatorSocket(second)
            #expect(try await other.login(tsih: tsih).loginStatus == 0x0208)
        }
    }

    @Test func `a group that goes ends its sessions, and no others`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let second = try await test.server.listen(Self.any)
            await test.server.setTarget(Self.target(test, [[test.portal], [second]]))
            let first = try await InitiatorSocket.ready(test.portal)
            let other = try await InitiatorSocket.ready(second)
            await test.server.setTarget(Self.target(test, [[test.portal]]))
            #expect(await other.receiveUntilEnd().map(\.asyncMessage) == [[3, 0, 0, 0]])
            try await first.expectAlive()
        }
    }

    @Test func `an address of its own comes before all addresses, and that before any portal`() async throws {
        let stores = [try ScriptedStore(), try ScriptedStore(), try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let everywhere = try await test.server.listen(Portal(host: "0.0.0.0", port: 0))
            let here = Portal(host: "127.0.0.1", port: everywhere.port)
            await test.server.setTarget(Self.target(test, [nil, [everywhere], [here]]))
            let socket = try await InitiatorSocket(here)
            #expect(try await socket.login().pairs.contains("TargetPortalGroupTag=3"))
            await test.server.setTarget(Self.target(test, [nil, [everywhere]]))
            let next = try await InitiatorSocket(here)
            #expect(try await next.login().pairs.contains("TargetPortalGroupTag=2"))
            let other = try await InitiatorSocket(test.portal)
            #expect(try await other.login().pairs.contains("TargetPortalGroupTag=1"))
        }
    }

    @Test func `discovery tells the portals of the family that it came by`() async throws {
        let stores = [try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let six = try await test.server.listen(Portal(host: "::1", port: 0))
            await test.server.setTarget(Self.target(test, [[test.portal, six]]))
            let name = "TargetName=\(InitiatorSocket.target)"
            #expect(try await Self.discover(test.portal) == [name, "TargetAddress=\(test.portal),1"])
            #expect(try await Self.discover(six) == [name, "TargetAddress=[::1]:\(six.port),1"])
            let login = try await InitiatorSocket.ready(six)
            try await login.expectAlive()
            // Where there are none of that family, others are better than nothing.
            await test.server.setTarget(Self.target(test, [[six]]))
            #expect(try await Self.discover(test.portal) == [name, "TargetAddress=[::1]:\(six.port),1"])
        }
    }

    @Test func `for all addresses, discovery tells the one that it came by; of what nobody listens on, nothing`()
        async throws
    {
        let stores = [try ScriptedStore()]
        try await ServerUnderTest.run(stores) { test in
            let everywhere = try await test.server.listen(Portal(host: "0.0.0.0", port: 0))
            let here = Portal(host: "127.0.0.1", port: everywhere.port)
            let closed = Portal(host: "127.0.0.1", port: 1)
            await test.server.setTarget(Self.target(test, [[everywhere, closed]]))
            let answer = ["TargetName=\(InitiatorSocket.target)", "TargetAddress=\(here),1"]
            #expect(try await Self.discover(here) == answer)
            #expect(try await Self.discover(here, InitiatorSocket.target) == answer)
            #expect(try await Self.discover(here, "iqn.2026-11.org.apus:other").isEmpty)
            await test.server.setTarget(Self.target(test, [[closed]]))
            #expect(try await Self.discover(here).isEmpty)
        }
    }

    @Test func `discovery is empty for who may not log in`() async throws {
        let stores = [try ScriptedStore()]
        try await ServerUnderTest.run(stores, access: .initiators([InitiatorSocket.name])) { test in
            #expect(try await Self.discover(test.portal).count == 2)
            #expect(try await Self.discover(test.portal, name: Self.stranger).isEmpty)
            #expect(try await Self.discover(test.portal, InitiatorSocket.target, name: Self.stranger).isEmpty)
            await test.server.setTarget(
                test.target(access: AccessRules(demoMode: DemoMode(isDiscoverable: false))))
            #expect(try await Self.discover(test.portal, name: Self.stranger).isEmpty)
            let socket = try await InitiatorSocket(test.portal)
            #expect(try await socket.login(name: Self.stranger).loginStatus == 0)
        }
    }
}
