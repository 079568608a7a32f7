// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Glibc
import NIOCore
import Testing

@Suite("Encryption of what is stored")
struct EncryptedStoreTests {
    private let folder: TemporaryFolder
    private let range = BlockRange(lba: 8, count: 4)
    private let data = [UInt8](repeating: 0x5A, count: 2048)

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private var path: String { self.folder.file("disk") }

    private func open(size: UInt64? = 1 << 20) throws -> EncryptedStore {
        try EncryptedStore.file(path: self.path, options: .init(size: size), pool: pool)
    }

    /// The raw file's bytes of the range.
    private func raw() async throws -> [UInt8] {
        let file = try FileStore(path: self.path, pool: pool)
        defer { try? file.close() }
        return try await file.read(self.range)
    }

    @Test func `the key comes back with the file, and the file holds nothing of the data`() async throws {
        var store = try self.open()
        #expect(store.info.capabilities.contains(.encrypts))
        try await store.write(self.range, self.data)
        try store.close()
        #expect(status(self.path + ".key").st_mode & 0o777 == 0o600)
        let raw = try await self.raw()
        for start in stride(from: 0, to: raw.count, by: 16) {
            #expect(Array(raw[start..<start + 16]) != Array(self.data[..<16]))
        }
        store = try self.open(size: nil)
        #expect(try await store.read(self.range) == self.data)
        try store.close()
    }

    /// Known answer, made with OpenSSL 3.0 from the key file below: `aes-256-ecb` of the LBA under the key's SHA-256, then
    /// `aes-256-cbc` without padding.
    @Test func `a block is AES-256-CBC with an ESSIV, as dm-crypt's aes-cbc-essiv-sha256`() async throws {
        let digits = (0..<32).map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        let text = "apus-medium-key 1\n\(digits)\n".utf8
        try StateFile(path: self.path + ".key").write(ByteBuffer(bytes: text))
        let store = try self.open()
        try await store.write(BlockRange(lba: 8, count: 1), [UInt8](repeating: 0x41, count: 512))
        try store.close()
        let raw = try await self.raw()
        let first: [UInt8] = [
            0xBE, 0x8E, 0xE7, 0x21, 0x6A, 0xA8, 0xE3, 0x9A, 0x25, 0xD7, 0x91, 0x9F, 0xC2, 0xD6, 0x86, 0x19,
        ]
        let last: [UInt8] = [
            0xFB, 0x8F, 0x1D, 0xC4, 0x00, 0x88, 0xF5, 0x47, 0x44, 0x68, 0x95, 0xF9, 0x9F, 0x02, 0xAE, 0x11,
        ]
        #expect(Array(raw[..<16]) == first)
        #expect(Array(raw[496..<512]) == last)
    }

    @Test func `the same data differs from block to block`() async throws {
        let store = try self.open()
        try await store.write(self.range, [UInt8](repeating: 0x55, count: 2048))
        try store.close()
        let raw = try await self.raw()
        let blocks = (0..<4).map { index in Array(raw[(index * 512)...].prefix(512)) }
        #expect(Set(blocks).count == 4)
    }

    @Test func `a replaced key leaves nothing readable, and is the one in the file`() async throws {
        var store = try self.open()
        try await store.write(self.range, self.data)
        let before = try String(contentsOf: self.path + ".key")
        guard case .done = try await store.performed(.replaceKey) else {
            Issue.record("not replaced")
            return
        }
        let after = try String(contentsOf: self.path + ".key")
        #expect(before != after)
        #expect(before.utf8.count == after.utf8.count)
        let seen = try await store.read(self.range)
        for start in stride(from: 0, to: seen.count, by: 16) {
            #expect(Array(seen[start..<start + 16]) != Array(self.data[..<16]))
        }
        // What was never written has nothing to lose.
        #expect(try await store.read(BlockRange(lba: 0, count: 8)).allSatisfy { $0 == 0 })
        try await store.write(self.range, self.data)
        try store.close()
        store = try self.open(size: nil)
        #expect(try await store.read(self.range) == self.data)
        try store.close()
    }

    @Test func `a file that is there already is not taken for an encrypted one`() throws {
        let plain = try FileStore(path: self.path, options: .init(size: 1 << 20), pool: pool)
        try plain.close()
        let error = #expect(throws: BlockError.self) { try self.open() }
        #expect(error?.description.contains("disk.key is not") == true)
        #expect(unsafe access(self.path + ".key", F_OK) != 0)
    }

    @Test func `a damaged key is no key`() throws {
        try self.open().close()
        #expect(unsafe truncate(self.path + ".key", 30) == 0)
        let error = #expect(throws: BlockError.self) { try self.open() }
        #expect(error?.description.contains("holds no key") == true)
    }

    @Test func `a key in memory is gone with the disk`() async throws {
        let disk = try RAMStore(size: 1 << 20)
        let one = EncryptedStore.memory(disk, pool: pool)
        try await one.write(self.range, self.data)
        #expect(try await one.read(self.range) == self.data)
        let another = EncryptedStore.memory(disk, pool: pool)
        #expect(try await another.read(self.range) != self.data)
    }

    @Test func `it grows as the store below does`() async throws {
        let store = try self.open()
        defer { try? store.close() }
        #expect(try store.grow(to: 2 << 20) == 4096)
        let last = BlockRange(lba: 4092, count: 4)
        try await store.write(last, self.data)
        #expect(try await store.read(last) == self.data)
    }
}

extension String {
    fileprivate init(contentsOf path: String) throws {
        let text = try StateFile(path: path).read(limit: 4096)
        self.init(buffer: text ?? ByteBuffer())
    }
}
