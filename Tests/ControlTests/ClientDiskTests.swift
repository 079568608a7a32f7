// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import Control
import ControlAPI
import Model
import NIOCore
import NIOPosix
import SystemPackage
import Testing

@Suite("A machine's own disk")
struct ClientDiskTests {
    private func open(_ folder: TemporaryFolder, size: Int? = nil) async throws -> any BlockStore {
        let stores = FileStoreOpening(pool: NIOThreadPool.singleton)
        return try await stores.open(
            Backstore(
                kind: .file(
                    path: folder.path + "/disks/pc1.img", size: size, writeBack: true,
                    original: folder.path + "/image.img"),
                product: "pc1", serial: "s"))
    }

    /// 8 MiB: a letter at 0 and one at 5 MiB, holes elsewhere.
    private func makeImage(_ folder: TemporaryFolder) throws {
        let file = try FileDescriptor.open(
            FilePath(folder.path + "/image.img"), .readWrite, options: [.create], permissions: .ownerReadWrite)
        try file.closeAfter {
            try file.resize(to: 8 << 20)
            _ = try file.writeAll(toAbsoluteOffset: 0, "A".utf8)
            _ = try file.writeAll(toAbsoluteOffset: 5 << 20, "B".utf8)
        }
    }

    @Test func `it is a copy of the image with its holes, made once`() async throws {
        let folder = try TemporaryFolder()
        try self.makeImage(folder)
        try await self.open(folder).close()
        let path = FilePath(folder.path + "/disks/pc1.img")
        let status = try path.stat()
        #expect(status.size == 8 << 20)
        #expect(status.sizeAllocated < 1 << 20)
        #expect(try self.byte(path, at: 0) == UInt8(ascii: "A"))
        #expect(try self.byte(path, at: 5 << 20) == UInt8(ascii: "B"))
        #expect(try self.byte(path, at: 1 << 20) == 0)
        let copy = try FileDescriptor.open(path, .readWrite)
        try copy.closeAfter { _ = try copy.writeAll(toAbsoluteOffset: 0, "Z".utf8) }
        try await self.open(folder).close()
        #expect(try self.byte(path, at: 0) == UInt8(ascii: "Z"))
        #expect(try self.byte(FilePath(folder.path + "/image.img"), at: 0) == UInt8(ascii: "A"))
    }

    @Test func `an image that has lost its end is refused, with what to do`() async throws {
        let folder = try TemporaryFolder()
        try self.makeImage(folder)
        let manifest = ImageManifest(
            name: "lab", recipeHash: "", suite: "", architecture: "", hostname: "", kernelRelease: "", rootArgument: "",
            kernelArguments: [], sizeBytes: 9 << 20, created: "")
        let file = try FileDescriptor.open(
            FilePath(folder.path + "/manifest.json"), .writeOnly, options: [.create], permissions: .ownerReadWrite)
        let text = try JSONText.pretty(manifest)
        try file.closeAfter { _ = try file.writeAll(text.readableBytesView) }
        let problem = await #expect(throws: FileProblem.self) { try await self.open(folder) }
        #expect(problem?.description.contains("its disk has 8388608 bytes, its manifest says 9437184") == true)
        #expect(problem?.description.contains("build or import it anew") == true)
        #expect(throws: Errno.noSuchFileOrDirectory) { try FilePath(folder.path + "/disks/pc1.img").stat() }
    }

    @Test func `it can be larger than the image`() async throws {
        let folder = try TemporaryFolder()
        try self.makeImage(folder)
        let store = try await self.open(folder, size: 16 << 20)
        #expect(store.info.geometry.blockCount == 32_768)
        try store.close()
    }

    @Test func `without its image nothing is left behind`() async throws {
        let folder = try TemporaryFolder()
        await #expect(throws: FileProblem.self) { try await self.open(folder) }
        #expect((try? FilePath(folder.path + "/disks/pc1.img").stat()) == nil)
        #expect((try? FilePath(folder.path + "/disks/pc1.img.new").stat()) == nil)
    }

    private func byte(_ path: FilePath, at offset: Int64) throws -> UInt8? {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var byte: [UInt8] = [0]
            let count = unsafe try byte.withUnsafeMutableBytes {
                unsafe try file.read(fromAbsoluteOffset: offset, into: $0)
            }
            return count == 1 ? byte[0] : nil
        }
    }
}
