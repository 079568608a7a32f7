// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@Suite("Resizing a backstore")
struct ResizeTests {
    private static let surroundings = Surroundings(stateFolder: "/s")

    private static func configuration() -> Configuration {
        Configuration(storageObjects: [
            StorageObject(plugin: "ramdisk", name: "r", wwn: "1", size: 1 << 20),
            StorageObject(plugin: "fileio", name: "f", wwn: "2", dev: "/srv/f", size: 1 << 20),
            StorageObject(plugin: "block", name: "b", wwn: "3", dev: "/dev/b"),
        ])
    }

    private static func resized(_ path: String, _ size: String) throws -> (Configuration, [String]) {
        let command = TreeCommand(path: TreePath(path), verb: "resize", positional: [size])
        let outcome = try Self.configuration().performing(command, in: TreeContext(uuid: "u"))
        let (result, messages) = (outcome.configuration, outcome.messages)
        return (result, messages)
    }

    @Test(arguments: ["ramdisk/r", "fileio/f"])
    func `a larger size is one step, and nothing is closed`(name: String) throws {
        let (after, messages) = try Self.resized("/backstores/\(name)", "2M")
        #expect(
            messages == ["Resized \(name.split(separator: "/")[0]) \(name.split(separator: "/")[1]) to 2097152 bytes."])
        let steps = Plan.diff(
            Self.configuration().expanded(in: Self.surroundings).deployment,
            after.expanded(in: Self.surroundings).deployment)
        #expect(steps.map(\.description) == ["resize /backstores/\(name) to 2097152 bytes"])
    }

    @Test(arguments: [
        ("/backstores/ramdisk/r", "512K", "cannot shrink"), ("/backstores/fileio/f", "much", "is not a size"),
        ("/backstores/block/b", "2M", "apus config reload"), ("/backstores", "2M", "Command not found"),
    ])
    func `what cannot be done is refused with its remedy`(path: String, size: String, words: String) {
        let refusal = #expect(throws: TreeRefusal.self) { try Self.resized(path, size) }
        #expect(refusal?.description.contains(words) == true)
    }
}
