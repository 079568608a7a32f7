// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("Plan")
struct PlanTests {
    @Test(arguments: 0..<300)
    func `following a plan leads from any deployment to any other, by states that hold together`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let old = Self.deployment(&generator)
        let new = Self.deployment(&generator)
        var state = old
        for step in Plan.diff(old, new) {
            Self.expectSense(step, in: state, "seed \(seed)")
            state.apply(step)
            for target in state.targets.values {
                #expect(target.backstores.allSatisfy { state.backstores[$0] != nil }, "seed \(seed): \(step)")
            }
            for portal in state.portals {
                #expect(!state.portals.contains { $0 != portal && $0.covers(portal) }, "seed \(seed): \(step)")
            }
        }
        #expect(state == new, "seed \(seed)")
        #expect(Plan.diff(new, new).isEmpty)
    }

    /// No step removes what is not there, opens what is open, or starts what runs.
    private static func expectSense(_ step: Step, in state: Deployment, _ comment: Comment) {
        switch step {
        case .stopBoot, .setMachines: #expect(state.boot != nil, comment)
        case .startBoot: #expect(state.boot == nil, comment)
        case .stopListening(let portal): #expect(state.portals.contains(portal), comment)
        case .listen(let portal): #expect(!state.portals.contains(portal), comment)
        case .removeTarget(let name): #expect(state.targets[name] != nil, comment)
        case .closeBackstore(let name):
            #expect(state.backstores[name] != nil, comment)
            #expect(!state.targets.values.contains { $0.backstores.contains(name) }, comment)
        case .openBackstore(let name, _): #expect(state.backstores[name] == nil, comment)
        case .setAccess(let name, _), .growBackstore(let name, _), .setLoaderArguments(let name, _):
            #expect(state.backstores[name] != nil, comment)
        case .setTarget, .setDiscovery: break
        }
    }

    @Test(arguments: 0..<50)
    func `targets that a change does not concern are not touched`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let old = Self.deployment(&generator)
        let new = Self.deployment(&generator)
        for step in Plan.diff(old, new) {
            let touched: String? =
                switch step {
                case .removeTarget(let name): name
                case .setTarget(let target): target.name
                default: nil
                }
            guard let touched, let before = old.targets[touched], before == new.targets[touched] else { continue }
            #expect(before.backstores.contains { old.backstores[$0] != new.backstores[$0] }, "seed \(seed)")
        }
    }

    @Test func `shutting down is the plan to nothing, portals before targets before stores`() {
        let configuration = Configuration(
            boot: Boot(services: services, clients: [client("pc1", mac: "52:54:00:00:00:01")]))
        let deployment = configuration.expanded(in: surroundings).deployment
        #expect(
            Plan.diff(deployment, Deployment()).map(\.description) == [
                "stop the boot services", "close portal 10.77.0.1:3260", "remove target iqn.2026-11.org.apus:pc1",
                "close /backstores/fileio/client:pc1",
            ])
    }

    @Test func `adding a client opens its disk and target and tells the boot services, no more`() {
        let one = Configuration(boot: Boot(services: services, clients: [client("pc1", mac: "52:54:00:00:00:01")]))
        var two = one
        two.boot.clients.append(client("pc2", mac: "52:54:00:00:00:02"))
        let steps = Plan.diff(
            one.expanded(in: surroundings).deployment, two.expanded(in: surroundings).deployment)
        #expect(
            steps.map(\.description) == [
                "open /backstores/fileio/client:pc2 (/state/disks/pc2.img, a copy of /state/images/lab/disk.img)",
                "serve target iqn.2026-11.org.apus:pc2 with 1 LUN", "answer 2 machines",
            ])
    }

    @Test func `a target that only loses a LUN keeps its sessions`() {
        func deployment(_ luns: [UInt16: String]) -> Deployment {
            let store = Backstore(kind: .ramdisk(size: 1 << 20, forgetful: false), product: "r", serial: "s")
            return Deployment(
                backstores: TreeDictionary(uniqueKeysWithValues: luns.values.map { ($0, store) }),
                targets: ["t": ServedTarget(name: "t", portalGroupTag: 1, luns: luns, initiators: nil)])
        }
        #expect(
            Plan.diff(deployment([0: "a", 1: "b"]), deployment([0: "a"])).map(\.description) == [
                "serve target t with 1 LUN", "close b",
            ])
    }

    private static func deployment(_ generator: inout SeededGenerator) -> Deployment {
        func maybe() -> Bool { Bool.random(using: &generator) }
        var deployment = Deployment()
        for name in ["a", "b", "c", "d"] where maybe() {
            deployment.backstores[name] = Backstore(
                kind: .ramdisk(size: maybe() ? 1 << 20 : 1 << 21, forgetful: false), product: name, serial: name)
            if maybe() {
                var access = AccessMap.standard
                access.groups[0].state = Int.random(in: 1...3, using: &generator)
                deployment.access[name] = access
            }
        }
        for name in ["t1", "t2", "t3"] where maybe() {
            var luns: [UInt16: String] = [:]
            for (index, store) in deployment.backstores.keys.sorted().enumerated() where maybe() {
                luns[UInt16(index)] = store
            }
            deployment.targets[name] = ServedTarget(
                name: name, portalGroupTag: 1, luns: luns, initiators: maybe() ? nil : ["i"])
        }
        if maybe() { deployment.discovery = .impossible(reason: "nothing is set") }
        let wildcard = maybe()
        for text in wildcard ? ["0.0.0.0"] : ["10.0.0.1", "10.0.0.2"] where maybe() {
            guard let address = IPAddress(text) else { continue }
            deployment.portals.insert(PortalAddress(address: address, port: 3260))
        }
        if maybe() {
            var own = services
            if maybe() { own.httpPort = 80 }
            deployment.boot = BootDeployment(services: own, machines: [:])
            for mac in ["52:54:00:00:00:01", "52:54:00:00:00:02"] where maybe() {
                deployment.boot?.machines[mac] = Machine(
                    client: mac, identity: MachineIdentity(mac: mac), initiatorName: "i", targetName: "t",
                    method: .sanboot)
            }
        }
        return deployment
    }
}
