// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Testing

@testable import Model

@Suite("Expanding after an earlier configuration")
struct UnchangedTests {
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return self.state ^ self.state >> 29
        }
    }

    private static func object(_ number: Int, _ dice: inout Dice) -> StorageObject {
        var object = StorageObject(plugin: "fileio", name: "disk\(number)", dev: "/d/\(number % 7)", size: 1 << 20)
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: object.size = 1000
        case 1: object.wwn = "serial"
        case 2: object.plugin = "pscsi"
        case 3: object.name = "disk\(number / 2)"
        case 4: object.aluaGroups = [ALUAGroup(name: "g", id: 1), ALUAGroup(name: "h", id: number % 3)]
        default: object.dev = "/d/own\(number)"
        }
        return object
    }

    private static func target(_ number: Int, _ dice: inout Dice) -> Target {
        var group = PortalGroup(
            tag: 1, portals: [NetworkPortal(ipAddress: number % 5 == 0 ? "::" : "10.0.0.\(number % 3)")])
        for index in 0..<Int.random(in: 0..<4, using: &dice) {
            let disk = Int.random(in: 0..<8, using: &dice)
            group.luns.append(
                LUN(index: index % 3, storageObject: "/backstores/fileio/disk\(disk)", aluaGroup: "g"))
            group.nodeACLs.append(
                NodeACL(
                    nodeWWN: "iqn.2026-11.org.example:node\(index)",
                    mappedLUNs: [MappedLUN(index: 0, tpgLUN: index)]))
        }
        var target = Target(wwn: "iqn.2026-11.org.example:t\(number)", portalGroups: [group])
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: target.wwn = "bad"
        case 1: target.portalGroups[0].enable = false
        case 2: target.fabric = "loopback"
        case 3: target.portalGroups.append(PortalGroup(tag: 1))
        case 4: target.portalGroups[0].attributes = ["generate_node_acls": .integer(1), "authentication": .integer(7)]
        default: break
        }
        return target
    }

    private static func change(_ configuration: inout Configuration, _ dice: inout Dice) {
        let number = Int.random(in: 0..<8, using: &dice)
        switch Int.random(in: 0..<6, using: &dice) {
        case 0: configuration.storageObjects.append(Self.object(number, &dice))
        case 1: configuration.targets.append(Self.target(number, &dice))
        case 2:
            if let index = configuration.storageObjects.indices.randomElement(using: &dice) {
                configuration.storageObjects.remove(at: index)
            }
        case 3:
            if let index = configuration.targets.indices.randomElement(using: &dice) {
                configuration.targets.remove(at: index)
            }
        case 4:
            if let index = configuration.storageObjects.indices.randomElement(using: &dice) {
                configuration.storageObjects[index] = Self.object(number, &dice)
            }
        default:
            let index = Int.random(in: 0...configuration.targets.count, using: &dice)
            configuration.targets.insert(Self.target(number, &dice), at: index)
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `whatever changes, the result is that of expanding it alone`(seed: UInt64) {
        var dice = Dice(state: seed)
        var configuration = Configuration()
        var earlier: ExpandedConfiguration?
        for step in 0..<100 {
            for _ in 0...Int.random(in: 0..<3, using: &dice) { Self.change(&configuration, &dice) }
            let alone = configuration.expanded(in: surroundings)
            let after = configuration.expanded(in: surroundings, after: earlier)
            #expect(after.deployment == alone.deployment, "seed \(seed), step \(step)")
            #expect(after.problems == alone.problems, "seed \(seed), step \(step)")
            earlier = after
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `what a change says that it touched is all that differs`(seed: UInt64) {
        var dice = Dice(state: seed)
        // Faultless ones, which are what most changes lead from and to.
        var configuration = Configuration()
        var earlier = configuration.expanded(in: surroundings)
        var differences = 0
        for step in 0..<300 {
            var changed = configuration
            Self.change(&changed, &dice)
            let after = changed.expanded(in: surroundings, after: earlier)
            guard after.problems.isEmpty else { continue }
            if after.touched != nil { differences += 1 }
            let alone = changed.expanded(in: surroundings).deployment
            #expect(after.deployment == alone, "seed \(seed), step \(step)")
            let whole = Plan.diff(earlier.deployment, after.deployment)
            #expect(Plan.diff(earlier.deployment, after.deployment, within: after.touched) == whole)
            (configuration, earlier) = (changed, after)
        }
        #expect(differences > 20, "seed \(seed)")
    }

    @Test(
        arguments: [
            ([1, 2, 3], [1, 2, 3], [0, 1, 2]), ([1, 2, 3, 4], [1, 2, 3], [0, 1, 2, nil]),
            ([1, 3], [1, 2, 3], [0, 2]), ([1, 9, 3], [1, 2, 3], [0, nil, 2]), ([], [1], []), ([1, 1], [1], [0, nil]),
            ([0, 1, 2], [1, 2], [nil, 0, 1]), ([7, 2, 8], [1, 2, 3], [nil, 1, nil]),
        ] as [([Int], [Int], [Int?])])
    func `entries are found where they were`(new: [Int], old: [Int], places: [Int?]) {
        #expect(Unchanged.counterparts(new, old) == places)
    }
}
