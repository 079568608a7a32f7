// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

@testable import Model

@Suite("Difference of configurations")
struct ConfigurationDifferenceTests {
    @Test(arguments: UInt64(1)...10)
    func `applied, and read again, it makes the one of the other`(seed: UInt64) throws {
        var changes = RandomChanges(seed: seed)
        var configuration = Configuration.read(
            .object([
                "other": .object(["a": .null]), "storage_objects": .array([.string("broken")]),
                "boot": .object(["clients": .array([.integer(1)])]),
            ])
        ).configuration
        for step in 0..<200 {
            var changed = configuration
            for _ in 0...(step % 3) { changes.make(&changed) }
            if step % 17 == 0 { changed.versionsKept = step }
            if step % 19 == 0 { changed.boot.remainder.unknown["step"] = .integer(step) }
            let difference = ConfigurationDifference(from: configuration, to: changed)
            #expect(difference.applied(to: configuration) == changed, "seed \(seed), step \(step)")
            let read = try #require(ConfigurationDifference(difference.json))
            #expect(read.applied(to: configuration) == changed, "seed \(seed), step \(step)")
            configuration = changed
        }
    }

    @Test func `it is as small as what differs`() {
        let one = Configuration(
            storageObjects: (0..<1000).map { StorageObject(plugin: "ramdisk", name: "r\($0)", size: 1) })
        var other = one
        other.storageObjects.remove(at: 500)
        let expected = JSONValue.object([
            "storage_objects": .object(["place": .integer(500), "removed": .integer(1), "inserted": .array([])])
        ])
        #expect(ConfigurationDifference(from: one, to: other).json == expected)
        #expect(ConfigurationDifference(from: one, to: one).json == .object([:]))
    }

    @Test(
        arguments: [
            .null, .object(["targets": .integer(1)]), .object(["targets": .object(["place": .integer(0)])]),
            .object([
                "targets": .object(["place": .integer(0), "removed": .integer(0), "inserted": .array([.object([:])])])
            ]),
        ] as [JSONValue])
    func `what is none is not taken for one`(json: JSONValue) {
        #expect(ConfigurationDifference(json) == nil)
    }

    @Test(arguments: [(-1, 0), (0, -1), (3, 0), (1, 2)])
    func `what does not fit is not applied`(place: Int, removed: Int) {
        let json = JSONValue.object([
            "targets": .object(["place": .integer(place), "removed": .integer(removed), "inserted": .array([])])
        ])
        let two = Configuration(targets: [
            Target(wwn: "iqn.2026-11.org.example:a"), Target(wwn: "iqn.2026-11.org.example:b"),
        ])
        #expect(ConfigurationDifference(json)?.applied(to: two) == nil)
    }
}
