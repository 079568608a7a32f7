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
    private func makeImage(_ folder: TemporaryFolder, _ letter: String, slot: ArgumentSlot? = nil) throws {
        let image = folder.path + "/images/lab"
        if (try? FilePath(image).stat()) == nil {
            for path in [folder.path + "/images", image] { try makeFolder(path) }
        }
        let manifest = ImageManifest(
            name: "lab", recipeHash: letter, suite: "bookworm", architecture: "amd64", hostname: "lab",
            kernelRelease: "6.1", rootArgument: "root=UUID=1", kernelArguments: ["root=UUID=1"], argumentSlot: slot,
            sizeBytes: 1 << 20,
            created: "2026-11-22T15:00:00Z")
        let text = try JSONText.pretty(manifest)
        try write(String(decoding: text.readableBytesView, as: UTF8.self), to: image + "/manifest.json")
        var disk = letter + String(repeating: "\0", count: (1 << 20) - 1)
        if let slot {
            let start = disk.index(disk.startIndex, offsetBy: Int(slot.offsetBytes))
            let line = ArgumentSlot.emptyLine + "\n"
            disk.replaceSubrange(start..<disk.index(start, offsetBy: line.count), with: line)
        }
        try write(disk, to: image + "/disk.img")
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

    @Test func `a machine's own kernel arguments are written to its disk, unless its file has moved`() async throws {
        let slot = ArgumentSlot(offsetBytes: 65536)
        var client = BootClient(name: "pc1", mac: "52:54:00:00:00:01", source: .image("lab"))
        client.kernelArguments = "quiet"
        let stage = try Stage(
            Configuration(boot: Boot(services: services, clients: [client])),
            stores: FileStoreOpening(pool: NIOThreadPool.singleton))
        try self.makeImage(stage.folder, "A", slot: slot)
        try await stage.daemon.start()
        #expect(try self.line(at: slot, stage.folder) == slot.line("quiet"))

        _ = try await stage.daemon.change(Self.arguments("debug"))
        #expect(try self.line(at: slot, stage.folder) == slot.line("debug"))

        // The machine has written that file anew: it is its own now.
        let disk = try FileDescriptor.open(FilePath(stage.folder.path + "/disks/pc1.img"), .writeOnly)
        let taken = [UInt8](repeating: UInt8(ascii: "#"), count: slot.lineBytes)
        try disk.closeAfter { _ = try disk.writeAll(toAbsoluteOffset: Int64(slot.offsetBytes), taken) }
        _ = try await stage.daemon.change(Self.arguments("splash"))
        #expect(try self.line(at: slot, stage.folder) == taken)
        await stage.daemon.stop()
    }

    private static func arguments(_ text: String) -> Change {
        .patchClient(name: "pc1", patch: .object(["kernel_arguments": .string(text)]))
    }

    private func line(at slot: ArgumentSlot, _ folder: TemporaryFolder) throws -> [UInt8] {
        let disk = try FileDescriptor.open(FilePath(folder.path + "/disks/pc1.img"), .readOnly)
        return try disk.closeAfter {
            var bytes = [UInt8](repeating: 0, count: slot.lineBytes)
            _ = try unsafe bytes.withUnsafeMutableBytes {
                try unsafe disk.read(fromAbsoluteOffset: Int64(slot.offsetBytes), into: $0)
            }
            return bytes
        }
    }
}
