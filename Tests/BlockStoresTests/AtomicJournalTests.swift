// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Glibc
import NIOCore
import Testing
import Wire

@Suite("Atomic writes to files")
struct AtomicJournalTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("disk")
        let store = try FileStore(path: self.path, options: .init(size: 1 << 20), pool: pool)
        try store.close()
    }

    func block(_ lba: UInt64) async throws -> [UInt8] {
        let store = try FileStore(path: self.path, pool: pool)
        defer { try? store.close() }
        return try await store.read(BlockRange(lba: lba, count: 1))
    }

    /// What a power cut in the middle of an atomic write leaves beside the disk.
    func leaveJournal(_ change: (inout [UInt8]) -> Void = { _ in }) throws {
        let data = [UInt8](repeating: 0x5A, count: 512)
        var header = ByteBuffer(string: "APUSATOM")
        header.writeMultipleIntegers(UInt64(3 * 512), UInt64(data.count))
        var covered = header
        covered.writeBytes(data)
        header.writeInteger(CRC32C.checksum(covered.readableBytesSpan))
        header.writeRepeatingByte(0, count: 4096 - header.readableBytes)
        header.writeBytes(data)
        var bytes = Array(header.readableBytesView)
        change(&bytes)
        // The C functions read the bytes and keep nothing.
        guard let file = unsafe fopen(self.path + ".atomic", "w") else {
            throw TemporaryFolder.SystemFailure(code: errno)
        }
        _ = unsafe fwrite(bytes, 1, bytes.count, file)
        _ = unsafe fclose(file)
    }

    @Test func `an interrupted one is finished when the disk is opened, and once only`() async throws {
        try self.leaveJournal()
        #expect(try await self.block(3) == [UInt8](repeating: 0x5A, count: 512))
        #expect(try await self.block(2).allSatisfy { $0 == 0 })
        let store = try FileStore(path: self.path, pool: pool)
        try await store.write(BlockRange(lba: 3, count: 1), [UInt8](repeating: 1, count: 512))
        try store.close()
        #expect(try await self.block(3).allSatisfy { $0 == 1 })
    }

    @Test(arguments: [0, 15, 23, 27, 4096, 4607])
    func `one whose record was not complete did not happen`(_ damaged: Int) async throws {
        try self.leaveJournal { $0[damaged] ^= 0xFF }
        #expect(try await self.block(3).allSatisfy { $0 == 0 })
    }

    @Test func `a record that ends early did not happen`() async throws {
        try self.leaveJournal { $0.removeLast(100) }
        #expect(try await self.block(3).allSatisfy { $0 == 0 })
    }

    @Test func `a disk with an interrupted one is not served read-only`() throws {
        try self.leaveJournal()
        let error = #expect(throws: BlockError.self) {
            try FileStore(path: self.path, options: .init(readOnly: true), pool: pool)
        }
        #expect(error?.description.contains("export it writable once") == true)
    }

    @Test func `nothing stays beside the disk when it is closed in order`() async throws {
        let store = try FileStore(path: self.path, pool: pool)
        let data = ByteBuffer(repeating: 7, count: 1024)
        _ = try await store.performed(.writeAtomic(BlockRange(lba: 9, count: 2), data, durable: false))
        #expect(status(self.path + ".atomic").st_size > 0)
        try store.close()
        #expect(status(self.path + ".atomic").st_size == 0)
        #expect(try await self.block(10) == [UInt8](repeating: 7, count: 512))
    }

    @Test func `a file tells what it takes and what is free`() async throws {
        let store = try FileStore(path: self.path, pool: pool)
        defer { try? store.close() }
        try await store.write(BlockRange(lba: 0, count: 1024), [UInt8](repeating: 7, count: 512 << 10))
        _ = try await store.performed(.flush)
        guard case .usage(let taken, let free) = try await store.performed(.usage) else {
            Issue.record("no usage")
            return
        }
        #expect((512 << 10...1 << 20).contains(taken))
        #expect(free > 0)
    }
}
