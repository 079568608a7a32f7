// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import Glibc
import NIOCore
import Testing

@testable import BlockStores

@Suite("Residency")
struct ResidencyTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("disk")
    }

    /// Whether blocks can be sent once they have been read. A host that is short of memory may take a page back at once,
    /// so that more than one try is due.
    private func canSend(_ range: BlockRange, of store: FileStore) async throws -> Bool {
        for _ in 0..<20 {
            _ = try await store.read(range)
            if store.canSend(range) { return true }
        }
        return false
    }

    @Test func `blocks can be sent while they are in memory, and until a reader relies on whole writes`() async throws {
        let store = try FileStore(path: self.path, options: .init(size: 1 << 20), pool: pool)
        defer { try? store.close() }
        let range = BlockRange(lba: 3, count: 300)
        let all = BlockRange(lba: 0, count: 2048)
        try await store.write(all, [UInt8](repeating: 1, count: 1 << 20))
        #expect(try await self.canSend(all, of: store) && store.canSend(range))
        _ = try await store.performed(.flush)
        _ = posix_fadvise(store.descriptor, 0, 0, POSIX_FADV_DONTNEED)
        #expect(!store.canSend(range) && !store.canSend(all))
        #expect(try await self.canSend(all, of: store))
        let block = ByteBuffer(repeating: 1, count: 512)
        _ = try await store.performed(
            .compareAndWrite(.init(lba: 0, count: 1), expected: block, replacement: block, durable: false))
        #expect(!store.canSend(range))
    }

    @Test func `blocks beyond the end of a file that has grown or shrunk are not`() async throws {
        let store = try FileStore(path: self.path, options: .init(size: 1 << 20), pool: pool)
        defer { try? store.close() }
        try await store.write(BlockRange(lba: 0, count: 2048), [UInt8](repeating: 1, count: 1 << 20))
        #expect(try store.grow(to: 2 << 20) == 4096)
        #expect(!store.canSend(BlockRange(lba: 2000, count: 100)))
        #expect(unsafe truncate(self.path, 65_536) == 0)
        #expect(try await self.canSend(BlockRange(lba: 0, count: 128), of: store))
        #expect(!store.canSend(BlockRange(lba: 0, count: 256)))
    }

    @Test func `past the page cache nothing is sent from it`() async throws {
        let store = try FileStore(path: self.path, options: .init(size: 1 << 20, isDirect: true), pool: pool)
        defer { try? store.close() }
        try await store.write(BlockRange(lba: 0, count: 2048), [UInt8](repeating: 1, count: 1 << 20))
        #expect(!store.canSend(BlockRange(lba: 0, count: 256)))
    }
}
