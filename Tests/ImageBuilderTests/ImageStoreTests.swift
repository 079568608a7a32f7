// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Model
import SystemPackage
import Testing

@testable import ImageBuilder

@Suite("Image store")
struct ImageStoreTests {
    /// A store in a folder of its own, gone after the test.
    private static func withStore(_ body: (ImageStore) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try body(ImageStore(folder: FilePath(folder.path)))
    }

    private static func add(_ name: String, to store: ImageStore, format: Int = 1) throws {
        var manifest = ImageManifest(
            name: name, recipeHash: "00", suite: "bookworm", architecture: "amd64", hostname: name,
            kernelRelease: "6.1", rootArgument: "root=UUID=1", kernelArguments: ["root=UUID=1"], sizeBytes: 1 << 30,
            created: "2026-11-22T00:00:00Z")
        manifest.format = format
        let folder = store.folder(of: name)
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        try JSONEncoder().encode(manifest).write(to: URL(filePath: folder.appending(ImageLayout.manifest).string))
        try Data(repeating: 1, count: 4096).write(to: URL(filePath: folder.appending(ImageLayout.disk).string))
    }

    @Test func `images are listed by name, and nothing else is`() throws {
        try Self.withStore { store in
            #expect(try store.entries().isEmpty)
            for name in ["b", "a"] { try Self.add(name, to: store) }
            for name in [".c.building", "empty"] { try Files.makeFolder(store.folder(of: name), mode: 0o700) }
            let entries = try store.entries()
            #expect(entries.map(\.manifest.name) == ["a", "b"])
            #expect(entries.allSatisfy { $0.usedBytes >= 4096 && $0.usedBytes < 1 << 20 })
        }
    }

    @Test func `a store that does not exist has no images`() throws {
        #expect(try ImageStore(folder: "/nonexistent/images").entries().isEmpty)
    }

    @Test func `a removed image is gone, and a second removal says so`() throws {
        try Self.withStore { store in
            try Self.add("a", to: store)
            try store.remove("a")
            #expect(try store.entry("a") == nil)
            #expect(try FileManager.default.contentsOfDirectory(atPath: store.folder.string) == [".a.log"])
            let error = #expect(throws: ImageError.self) { try store.remove("a") }
            #expect(error?.kind == .unknownImage)
        }
    }

    @Test(arguments: ["", ".", "..", "../etc", "a/b", ".a"])
    func `no name leads out of the store`(_ name: String) throws {
        try Self.withStore { store in
            #expect(throws: ImageError.self) { try store.remove(name) }
            #expect(throws: ImageError.self) { try store.existingEntry(name) }
        }
    }

    @Test func `only one may build or remove an image at a time`() throws {
        try Self.withStore { store in
            try Self.add("a", to: store)
            let lock = try store.lock("a")
            let error = #expect(throws: ImageError.self) { try store.remove("a") }
            #expect(error?.kind == .busy)
            try store.lock("b").release()
            lock.release()
            try store.remove("a")
        }
    }

    @Test func `a manifest that cannot be read, or is of a later version, is told`() throws {
        try Self.withStore { store in
            try Self.add("later", to: store, format: 99)
            let later = #expect(throws: ImageError.self) { try store.existingEntry("later") }
            #expect(later?.kind == .damaged && later?.message.contains("later version") == true)
            try Self.add("torn", to: store)
            try Data("{".utf8).write(to: URL(filePath: store.folder(of: "torn").appending(ImageLayout.manifest).string))
            let torn = #expect(throws: ImageError.self) { try store.existingEntry("torn") }
            #expect(torn?.kind == .damaged)
        }
    }

    @Test func `replacing keeps what was there aside, or puts it back`() throws {
        try Self.withStore { store in
            for name in ["old", "new"] {
                try Files.makeFolder(store.folder(of: name), mode: 0o700)
                try Files.write(Array(name.utf8), to: store.folder(of: name).appending("x"), mode: [.ownerReadWrite])
            }
            func content(_ name: String) -> String? {
                (try? Files.read(store.folder(of: name).appending("x"))).map { String(decoding: $0, as: UTF8.self) }
            }
            try Files.replace(store.folder(of: "old"), with: store.folder(of: "new"), aside: store.folder(of: "aside"))
            #expect(content("old") == "new" && content("aside") == "old" && content("new") == nil)
            #expect(throws: Errno.self) {
                try Files.replace(
                    store.folder(of: "old"), with: store.folder(of: "new"), aside: store.folder(of: "aside2"))
            }
            #expect(content("old") == "new")
        }
    }

    @Test(arguments: [
        (Duration.milliseconds(50), "   0.0 s"), (.seconds(83.16), "  83.1 s"), (.seconds(4000), "4000.0 s"),
    ])
    func `seconds are in a column`(_ duration: Duration, _ text: String) {
        #expect(BuildProgress.seconds(duration) == text)
    }
}
