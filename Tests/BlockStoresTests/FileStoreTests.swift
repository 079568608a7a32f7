// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Glibc
import NIOCore
import Testing

@Suite("FileStore")
struct FileStoreTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("disk")
    }

    func open(_ options: FileStore.Options) throws -> FileStore {
        try FileStore(path: self.path, options: options, pool: pool)
    }

    @Test func `with its space reserved where that is asked for`() throws {
        let store = try FileStore(path: self.path, options: .init(size: 3 << 20, reserves: true), pool: pool)
        #expect(store.origin == .created)
        #expect(status(self.path).st_blocks >= 3 << 11)
        try store.close()
        // One that is longer already is left as it is, one that is extended gets what is added.
        try FileStore(path: self.path, options: .init(size: 5 << 20, reserves: true), pool: pool).close()
        #expect(status(self.path).st_size == 5 << 20 && status(self.path).st_blocks >= 5 << 11)
    }

    @Test func `where it cannot be as long as asked for, no file is left`() throws {
        let error = #expect(throws: BlockError.self) { try self.open(.init(size: 1 << 60)) }
        #expect(error?.description.hasPrefix("extend \(self.path) to 1152921504606846976 bytes: ") == true)
        #expect(unsafe access(self.path, F_OK) != 0)
    }

    @Test func `a file that is not there is created sparse with the size asked for`() throws {
        let store = try self.open(.init(size: 1 << 30))
        #expect(store.origin == .created)
        #expect(store.info.geometry.blockCount == 1 << 21)
        #expect(status(self.path).st_blocks == 0)
        try store.close()
    }

    @Test func `a longer file keeps its size and a shorter one is extended`() throws {
        try self.open(.init(size: 1 << 20)).close()
        let longer = try self.open(.init(size: 1 << 19))
        #expect(longer.origin == .existing)
        #expect(longer.info.geometry.blockCount == 1 << 11)
        try longer.close()
        let shorter = try self.open(.init(size: 1 << 21))
        #expect(shorter.origin == .extended(from: 1 << 20))
        #expect(status(self.path).st_size == 1 << 21)
        try shorter.close()
    }

    @Test func `what was written is there after reopening`() async throws {
        let store = try self.open(.init(size: 1 << 20))
        let data = (0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await store.write(BlockRange(lba: 5, count: 16), data)
        try store.close()
        let again = try self.open(.init(readOnly: true))
        #expect(try await again.read(BlockRange(lba: 5, count: 16)) == data)
        try again.close()
    }

    @Test func `unmapped blocks are given back to the file system`() async throws {
        let store = try self.open(.init(size: 4 << 20))
        try #require(store.info.capabilities.contains([.unmap, .unmapZeroes]))
        try await store.write(BlockRange(lba: 0, count: 8192), [UInt8](repeating: 0xA5, count: 4 << 20))
        _ = try await store.performed(.flush)
        let full = status(self.path).st_blocks
        _ = try await store.performed(.unmap([BlockRange(lba: 0, count: 2048), BlockRange(lba: 4096, count: 2048)]))
        _ = try await store.performed(.flush)
        #expect(full - status(self.path).st_blocks >= 4000)
        #expect(try await store.read(BlockRange(lba: 2047, count: 1)).allSatisfy { $0 == 0 })
        #expect(try await store.read(BlockRange(lba: 2048, count: 1)).allSatisfy { $0 == 0xA5 })
        try store.close()
    }

    @Test func `space is kept for blocks that hold nothing, where the file system tells of it`() async throws {
        let store = try self.open(.init(size: 1 << 20))
        defer { try? store.close() }
        // ext4, XFS and Btrfs do; other file systems write zeroes instead.
        guard store.info.capabilities.contains(.anchors) else { return }
        try await store.write(BlockRange(lba: 64, count: 64), [UInt8](repeating: 1, count: 64 * 512))
        _ = try await store.performed(.flush)
        _ = try await store.performed(.writeZeroes(BlockRange(lba: 64, count: 128), mayUnmap: false, durable: true))
        #expect(status(self.path).st_blocks >= 128)
        var states: [String] = []
        var lba: UInt64 = 0
        while lba < 2048 {
            let rest = BlockRange(lba: lba, count: UInt32(2048 - lba))
            guard case .extent(let count, let state) = try await store.performed(.extent(rest)) else { break }
            states.append("\(state) \(lba)+\(count)")
            lba += UInt64(count)
        }
        #expect(states == ["deallocated 0+64", "anchored 64+128", "deallocated 192+1856"])
        #expect(try await store.read(BlockRange(lba: 64, count: 128)).allSatisfy { $0 == 0 })
    }

    @Test func `zeroes may give space back only where that is allowed`() async throws {
        let store = try self.open(.init(size: 1 << 20))
        let all = BlockRange(lba: 0, count: 2048)
        try await store.write(all, [UInt8](repeating: 1, count: 1 << 20))
        _ = try await store.performed(.writeZeroes(all, mayUnmap: false, durable: true))
        let kept = status(self.path).st_blocks
        #expect(kept >= 2048)
        _ = try await store.performed(.writeZeroes(all, mayUnmap: true, durable: true))
        #expect(status(self.path).st_blocks < kept)
        try store.close()
    }

    @Test(arguments: [1, 7, 8, 300] as [UInt32])
    func `tmpfs cannot zero a range, so zeroes are written`(count: UInt32) async throws {
        let folder = try TemporaryFolder(in: "/dev/shm")
        let store = try FileStore(path: folder.file("disk"), options: .init(size: 1 << 20), pool: pool)
        let all = BlockRange(lba: 0, count: 2048)
        let range = BlockRange(lba: 3, count: count)
        try await store.write(all, [UInt8](repeating: 1, count: 1 << 20))
        _ = try await store.performed(.writeZeroes(range, mayUnmap: false, durable: false))
        #expect(try await store.read(range).allSatisfy { $0 == 0 })
        #expect(try await store.read(BlockRange(lba: 3 + UInt64(count), count: 1)).allSatisfy { $0 == 1 })
        try store.close()
    }

    @Test func `a second writer is told which file is in use`() throws {
        let store = try self.open(.init(size: 1 << 20))
        let error = #expect(throws: BlockError.self) { try self.open(.init()) }
        #expect(error?.description.contains(self.path) == true)
        #expect(error?.description.contains("another program has it open") == true)
        let reader = #expect(throws: BlockError.self) { try self.open(.init(readOnly: true)) }
        #expect(reader?.description.contains("open for writing") == true)
        try store.close()
        try self.open(.init()).close()
    }

    @Test func `several readers share a file and keep writers out`() throws {
        try self.open(.init(size: 1 << 20)).close()
        let first = try self.open(.init(readOnly: true))
        let second = try self.open(.init(readOnly: true))
        #expect(throws: BlockError.self) { try self.open(.init()) }
        try first.close()
        try second.close()
    }

    @Test func `a read-only store refuses every write`() async throws {
        try self.open(.init(size: 1 << 20)).close()
        let store = try self.open(.init(readOnly: true))
        let range = BlockRange(lba: 0, count: 8)
        let data = ByteBuffer(repeating: 1, count: 4096)
        let requests: [BlockRequest] = [
            .write(range, data, durable: false), .unmap([range]),
            .writeZeroes(range, mayUnmap: true, durable: false),
            .writeSame(range, pattern: ByteBuffer(repeating: 1, count: 512), durable: false),
            .compareAndWrite(range, expected: data, replacement: data, durable: false),
        ]
        for request in requests {
            let error = await #expect(throws: BlockError.self) { try await store.performed(request) }
            #expect(error?.kind == .readOnly, "\(request)")
        }
        try store.close()
    }

    @Test func `a read that the page cache has is done inline`() async throws {
        let store = try self.open(.init(size: 1 << 20))
        let range = BlockRange(lba: 8, count: 8)
        try await store.write(range, [UInt8](repeating: 3, count: 4096))
        var buffer = ByteBuffer()
        var inline = false
        try buffer.writeWithOutputRawSpan(minimumWritableBytes: 4096) { span throws(BlockError) in
            inline = try store.readNow(range, into: &span)
        }
        #expect(inline)
        #expect(buffer.readableBytes == 4096)
        try store.close()
    }

    @Test func `a write without a write cache is not done inline`() throws {
        let store = try self.open(.init(size: 1 << 20, writeCache: false))
        #expect(!store.info.capabilities.contains(.writeCache))
        let data = ByteBuffer(repeating: 1, count: 4096)
        #expect(try !store.writeNow(BlockRange(lba: 0, count: 8), from: data.readableBytesSpan))
        try store.close()
    }

    @Test func `a file that shrinks behind the store gives a read error`() async throws {
        let store = try self.open(.init(size: 1 << 20))
        unsafe truncate(self.path, 4096)
        let error = await #expect(throws: BlockError.self) {
            try await store.performed(.read(BlockRange(lba: 100, count: 1)))
        }
        #expect(error?.kind == .read)
        try store.close()
    }

    @Test(arguments: [
        ("/var/tmp", FileStore.Options(), "folder"),
        ("/var/tmp/no-such-file", FileStore.Options(), "give a size to create it"),
        ("/var/tmp/no-such-folder/disk", FileStore.Options(size: 4096), "no such file or folder"),
        ("/dev/null", FileStore.Options(), "no regular file"),
        ("/var/tmp/x", FileStore.Options(size: 4096, blockSize: 1000), "512 or 4096"),
    ])
    func `what cannot be opened is said with its path and the reason`(
        _ path: String, _ options: FileStore.Options, _ reason: String
    ) {
        let error = #expect(throws: BlockError.self) { try FileStore(path: path, options: options, pool: pool) }
        #expect(error?.description.contains(path) == true)
        #expect(error?.description.contains(reason) == true)
    }

    @Test func `an empty file is refused`() throws {
        let descriptor = unsafe Glibc.open(self.path, O_CREAT | O_RDWR, 0o600)
        Glibc.close(descriptor)
        let error = #expect(throws: BlockError.self) { try self.open(.init()) }
        #expect(error?.description.contains("it is empty") == true)
    }
}
