// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Control
import ControlAPI
import ISCSIServer
import Model
import NIOCore
import NIOPosix
import SystemPackage
import Testing

@Suite("A disk and its image")
struct DiskResetTests {
    /// Puts an image into the state folder, whose disk begins with `letter`.
    private func makeImage(_ folder: TemporaryFolder, _ letter: String) throws {
        let image = folder.path + "/images/lab"
        if (try? FilePath(image).stat()) == nil {
            for path in [folder.path + "/images", image] { try makeFolder(path) }
        }
        let manifest = ImageManifest(
            name: "lab", recipeHash: letter, suite: "bookworm", architecture: "amd64", hostname: "lab",
            kernelRelease: "6.1", rootArgument: "root=UUID=1", kernelArguments: ["root=UUID=1"], sizeBytes: 1 << 20,
            created: "2026-11-22T15:00:00Z")
        let text = try JSONText.pretty(manifest)
        try write(String(decoding: text.readableBytesView, as: UTF8.self), to: image + "/manifest.json")
        try write(letter + String(repeating: "\0", count: (1 << 20) - 1), to: image + "/disk.img")
    }

    private func firstLetter(_ folder: TemporaryFolder) throws -> UInt8? {
        let file = try FileDescriptor.open(FilePath(folder.path + "/disks/pc1.img"), .readOnly)
        return try file.closeAfter {
            var byte: [UInt8] = [0]
            _ = unsafe try byte.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
            return byte.first
        }
    }

    @Test func `a disk outlives its image's successor, which is told, until it is reset`() async throws {
        let client = BootClient(name: "pc1", mac: "52:54:00:00:00:01", source: .image("lab"))
        let stage = try Stage(
            Configuration(boot: Boot(services: services, clients: [client])),
            stores: FileStoreOpening(pool: NIOThreadPool.singleton))
        try self.makeImage(stage.folder, "A")
        try await stage.daemon.start()
        #expect(await stage.daemon.status().problems.isEmpty)
        try self.makeImage(stage.folder, "B")
        _ = try await stage.daemon.reload()
        let problems = await stage.daemon.status().problems
        #expect(problems.map(\.path) == ["boot.clients[0].image"])
        #expect(problems.first?.remedy.contains("apus client reset pc1") == true)
        #expect(try self.firstLetter(stage.folder) == UInt8(ascii: "A"))

        _ = try await stage.daemon.resetDisk(ofClient: "pc1")
        #expect(await stage.daemon.status().problems.isEmpty)
        #expect(try self.firstLetter(stage.folder) == UInt8(ascii: "B"))
        #expect(await stage.daemon.status().targets.map(\.luns.count) == [1])
        await stage.daemon.stop()
    }

    @Test func `a disk in use, or one of the user's own, is not reset`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)])))
        try await stage.daemon.start()
        let failure = await #expect(throws: ChangeFailure.self) {
            try await stage.daemon.resetDisk(ofClient: "pc1")
        }
        #expect("\(try #require(failure))".contains("no copy of an image"))
        await #expect(throws: ChangeFailure.self) { try await stage.daemon.resetDisk(ofClient: "pc2") }
    }
}
