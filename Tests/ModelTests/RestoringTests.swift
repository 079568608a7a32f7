// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@Suite("restoreconfig")
struct RestoringTests {
    private static func disk(_ name: String) -> StorageObject {
        StorageObject(plugin: "ramdisk", name: name, size: 1 << 20)
    }

    private static var here: Configuration {
        var here = Configuration(storageObjects: [Self.disk("a")], targets: [Target(wwn: "iqn.2026-11.org.apus:a")])
        here.boot.clients = [BootClient(name: "pc1", mac: "52:54:00:00:00:01", source: .image("lab"))]
        return here
    }

    private static func saved(_ names: String...) -> Configuration {
        var saved = Configuration(
            storageObjects: names.map(Self.disk), targets: names.map { Target(wwn: "iqn.2026-11.org.apus:\($0)") })
        saved.remainder.unknown["fabric_modules"] = .array([])
        return saved
    }

    @Test func `what the file has is added to what is here`() throws {
        let both = try Self.here.restoring(Self.saved("b", "c"), RestoreChoice(), clearing: false)
        #expect(both.storageObjects.map(\.name) == ["a", "b", "c"])
        #expect(both.targets.count == 3)
        #expect(both.boot == Self.here.boot)
        #expect(both.remainder.unknown["fabric_modules"] == .array([]))
    }

    @Test func `clear_existing takes away what is here, but for machines that boot`() throws {
        let new = try Self.here.restoring(Self.saved("a", "b"), RestoreChoice(), clearing: true)
        #expect(new.storageObjects.map(\.name) == ["a", "b"])
        #expect(new.targets.map(\.wwn) == ["iqn.2026-11.org.apus:a", "iqn.2026-11.org.apus:b"])
        #expect(new.boot == Self.here.boot)
    }

    @Test func `one target or one backstore can be taken over alone`() throws {
        let target = try Self.here.restoring(
            Self.saved("a", "b"), RestoreChoice(target: "iqn.2026-11.org.apus:b"), clearing: false)
        #expect(target.storageObjects.map(\.name) == ["a"])
        #expect(target.targets.map(\.wwn) == ["iqn.2026-11.org.apus:a", "iqn.2026-11.org.apus:b"])
        for name in ["b", "ramdisk/b", "/backstores/ramdisk/b"] {
            let object = try Self.here.restoring(
                Self.saved("a", "b"), RestoreChoice(storageObject: name), clearing: false)
            #expect(object.storageObjects.map(\.name) == ["a", "b"])
            #expect(object.targets.count == 1)
            #expect(object.remainder.unknown.isEmpty)
        }
    }

    @Test(arguments: [
        (RestoreChoice(), "storageobject 'ramdisk:a' exist not restoring; clear_existing=true replaces what is here"),
        (
            RestoreChoice(target: "iqn.2026-11.org.apus:a"),
            "target with wwn iqn.2026-11.org.apus:a exist, not restoring; clear_existing=true replaces what is here"
        ),
        (RestoreChoice(target: "iqn.2026-11.org.apus:z"), "the file has no target iqn.2026-11.org.apus:z"),
        (RestoreChoice(storageObject: "z"), "the file has no storage object z"),
    ])
    func `what is here already, or not there, is refused`(choice: RestoreChoice, words: String) {
        do throws(TreeRefusal) {
            _ = try Self.here.restoring(Self.saved("a", "b"), choice, clearing: false)
            Issue.record("nothing was refused")
        } catch {
            #expect(error.description == words)
        }
    }
}
