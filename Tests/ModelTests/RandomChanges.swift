// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

@testable import Model

/// Changes of a configuration, sound ones and others, whose whole course follows from a seed.
struct RandomChanges {
    private struct Dice: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return self.state ^ self.state >> 29
        }
    }

    private var dice: Dice

    init(seed: UInt64) {
        self.dice = Dice(state: seed)
    }

    mutating func number(below bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &self.dice)
    }

    private mutating func object(_ number: Int) -> StorageObject {
        var object = StorageObject(plugin: "fileio", name: "disk\(number)", dev: "/d/\(number % 7)", size: 1 << 20)
        switch Int.random(in: 0..<12, using: &self.dice) {
        case 0: object.size = 1000
        case 1: object.wwn = "serial"
        case 2: object.plugin = "pscsi"
        case 3: object.name = "disk\(number / 2)"
        case 4: object.aluaGroups = [ALUAGroup(name: "g", id: 1), ALUAGroup(name: "h", id: number % 3)]
        default: object.dev = "/d/own\(number)"
        }
        return object
    }

    private mutating func target(_ number: Int) -> Target {
        var group = PortalGroup(
            tag: 1, portals: [NetworkPortal(ipAddress: number % 5 == 0 ? "::" : "10.0.0.\(number % 3)")])
        for index in 0..<Int.random(in: 0..<4, using: &self.dice) {
            let disk = Int.random(in: 0..<8, using: &self.dice)
            group.luns.append(
                LUN(index: index % 3, storageObject: "/backstores/fileio/disk\(disk)", aluaGroup: "g"))
            group.nodeACLs.append(
                NodeACL(
                    nodeWWN: "iqn.2026-11.org.example:node\(index)",
                    mappedLUNs: [MappedLUN(index: 0, tpgLUN: index)]))
        }
        var target = Target(wwn: "iqn.2026-11.org.example:t\(number)", portalGroups: [group])
        switch Int.random(in: 0..<12, using: &self.dice) {
        case 0: target.wwn = "bad"
        case 1: target.portalGroups[0].enable = false
        case 2: target.fabric = "loopback"
        case 3: target.portalGroups.append(PortalGroup(tag: 1))
        case 4: target.portalGroups[0].attributes = ["generate_node_acls": .integer(1), "authentication": .integer(7)]
        default: break
        }
        return target
    }

    mutating func make(_ configuration: inout Configuration) {
        let number = Int.random(in: 0..<8, using: &self.dice)
        switch Int.random(in: 0..<6, using: &self.dice) {
        case 0: configuration.storageObjects.append(self.object(number))
        case 1: configuration.targets.append(self.target(number))
        case 2:
            if let index = configuration.storageObjects.indices.randomElement(using: &self.dice) {
                configuration.storageObjects.remove(at: index)
            }
        case 3:
            if let index = configuration.targets.indices.randomElement(using: &self.dice) {
                configuration.targets.remove(at: index)
            }
        case 4:
            if let index = configuration.storageObjects.indices.randomElement(using: &self.dice) {
                configuration.storageObjects[index] = self.object(number)
            }
        default:
            let index = Int.random(in: 0...configuration.targets.count, using: &self.dice)
            configuration.targets.insert(self.target(number), at: index)
        }
    }
}
