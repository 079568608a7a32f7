// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Control
import ControlAPI
import Glibc
import Model
import NIOCore
import SystemPackage
import Testing

@Suite("Configuration file")
struct ConfigurationFileTests {
    @Test func `no file is the empty configuration`() throws {
        let folder = try TemporaryFolder()
        let loaded = try ConfigurationFile(path: folder.path + "/c.json").load()
        #expect(loaded.configuration == Configuration())
        #expect(loaded.problems.isEmpty)
    }

    @Test func `what is saved is loaded, readable by its owner only, and its predecessors are kept`() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/deeper/c.json")
        for number in 1...3 {
            try file.save(Configuration(boot: Boot(clients: [disk("pc\(number)", number)])))
        }
        #expect(try file.load().configuration.boot.clients.map(\.name) == ["pc3"])
        #expect(try FilePath(file.path).stat().permissions == .ownerReadWrite)
        #expect(file.history().map(\.number) == [1, 2])
        #expect(try ConfigurationFile.load(file.history()[0].path).configuration.boot.clients.map(\.name) == ["pc1"])
        #expect(file.generation == 3)
    }

    @Test func `a relative path is one from the current folder`() throws {
        let folder = try TemporaryFolder()
        // The root folder's parent is itself.
        let root = String(repeating: "../", count: 32)
        let file = ConfigurationFile(path: root + folder.path.dropFirst() + "/deeper/c.json")
        try file.save(Configuration())
        try file.save(Configuration(boot: Boot(clients: [disk("pc1", 1)])))
        #expect(file.history().map(\.number) == [1])
        #expect(
            try ConfigurationFile(path: folder.path + "/deeper/c.json").load().configuration.boot.clients.count == 1)
    }

    @Test func `no more versions are kept than there is room for`() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/c.json")
        try file.save(Configuration())
        try file.save(Configuration())
        let kept = Model.Limits.versionsKept
        for number in 2...(kept + 2) { try write("{}", to: "\(file.path).history/\(number).json") }
        try file.save(Configuration())
        #expect(file.history().count == kept)
        #expect(file.history().first?.number == 4)
        #expect(file.history().last?.number == kept + 3)
        try file.save(Configuration(versionsKept: 3))
        #expect(file.history().map(\.number) == [kept + 2, kept + 3, kept + 4])
    }

    @Test func `ten versions are kept whatever their size, and more only where they are small`() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/c.json")
        try file.save(Configuration())
        try file.save(Configuration())
        for number in 2...20 {
            let path = "\(file.path).history/\(number).json"
            try write("{}", to: path)
            // As long as ten megabytes, taking none.
            #expect(unsafe truncate(path, 10 << 20) == 0)
        }
        try file.save(Configuration())
        #expect(file.history().map(\.number) == Array(12...21))
    }

    @Test func `a half-written successor is ignored and overwritten`() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/c.json")
        let good = Configuration(boot: Boot(clients: [disk("pc1", 1)]))
        try file.save(good)
        try write("{\"boot\": {\"cli", to: file.path + ".new")
        #expect(try file.load().configuration == good)
        try file.save(Configuration())
        #expect(try file.load().configuration == Configuration())
    }

    @Test(arguments: ["", "{", "{\"boot\": [}", "nonsense"])
    func `what is not JSON is one clear error`(text: String) throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/c.json")
        try write(text, to: file.path)
        let problem = #expect(throws: FileProblem.self) { try file.load() }
        #expect(problem?.kind == .badContent)
        #expect(problem?.description.contains("is not JSON") == true)
        #expect(problem?.description.contains("\n") == false)
    }

    @Test func `only one has the lock, and it goes with its holder`() throws {
        let folder = try TemporaryFolder()
        let file = ConfigurationFile(path: folder.path + "/c.json")
        var lock: ConfigurationLock? = try ConfigurationLock(of: file)
        #expect(try ConfigurationLock.ifFree(of: file) == nil)
        #expect(lock != nil)
        lock = nil
        #expect(try ConfigurationLock.ifFree(of: file) != nil)
    }

    @Test func `a text made after another is the text made alone`() throws {
        var configuration = Configuration.read(
            .object([
                "storage_objects": .array([.object(["name": .integer(7)])]), "other": .object(["a": .null]),
                "targets": .array([.string("broken")]),
            ])
        ).configuration
        var text = ConfigurationText()
        func check(_ what: Comment) {
            let alone = JSONText.pretty(configuration.json)
            #expect(String(buffer: text.text(of: configuration)) == String(buffer: alone), what)
        }
        check("what cannot be read is kept")
        for number in 0..<5 {
            configuration.storageObjects.append(StorageObject(plugin: "ramdisk", name: "r\(number)", size: 1 << 20))
            configuration.targets.append(Target(wwn: "iqn.2026-11.org.example:t\(number)"))
            check("appended \(number)")
        }
        configuration.storageObjects.remove(at: 2)
        configuration.targets[1].portalGroups[0].luns = [LUN(index: 0, storageObject: "/backstores/ramdisk/r1")]
        check("removed, changed")
        configuration.targets.insert(Target(fabric: "vhost", wwn: "naa.5001405"), at: 0)
        configuration.boot.clients = [disk("pc1", 1)]
        check("inserted")
        configuration = Configuration()
        check("empty")
    }
}

func write(_ text: String, to path: String) throws {
    let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try file.closeAfter { _ = try file.writeAll(text.utf8) }
}
