// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import SystemPackage
import Testing

@testable import BlockStores

@Suite("LoopRings")
struct LoopRingTests {
    let folder: TemporaryFolder
    let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("disk")
    }

    static let group = MultiThreadedEventLoopGroup.singleton

    static func forbid() throws(Errno) { throw .notPermitted }

    @Test func `where the kernel forbids rings, threads take their place, and it is told why`() throws {
        let choice = try LoopRings.choose(.automatic, group: Self.group, probe: Self.forbid)
        #expect(choice.rings == nil)
        #expect(choice.description == "threads, as io_uring cannot be used: Operation not permitted")
    }

    @Test func `rings that are asked for and forbidden are an error with its remedy`() {
        let error = #expect(throws: BlockError.self) {
            _ = try LoopRings.choose(.ring, group: Self.group, probe: Self.forbid)
        }
        #expect(
            error?.description
                == "use io_uring: Operation not permitted; kernel.io_uring_disabled or a container's seccomp filter may "
                + "forbid it (choose threads)")
    }

    @Test func `threads that are asked for are not looked for`() throws {
        let choice = try LoopRings.choose(.threads, group: Self.group, probe: Self.forbid)
        #expect(choice.rings == nil && choice.description == "threads")
    }

    /// A store whose reads and writes wait for the medium: what it has in the page cache is dropped.
    func coldStore(_ rings: LoopRings, _ data: [UInt8]) async throws -> FileStore {
        let store = try FileStore(
            path: self.path, options: .init(size: UInt64(data.count)), pool: pool, rings: rings)
        try await store.write(BlockRange(lba: 0, count: UInt32(data.count / 512)), data)
        _ = try await store.performed(.flush)
        self.cool()
        return store
    }

    func cool() {
        let descriptor = unsafe open(self.path, O_RDONLY)
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        _ = close(descriptor)
    }

    @Test func `more transfers than a ring takes at a time all come back, each with its own data`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let choice = try LoopRings.choose(.ring, group: group)
        let own = try #require(choice.rings)
        let count = 4 * Limits.ringTransfers
        let data = (0..<count * 512).map { UInt8(truncatingIfNeeded: $0 / 512 &* 31 &+ $0) }
        let store = try await self.coldStore(own, data)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lba in 0..<count {
                tasks.addTask {
                    guard case .data(let block) = try await store.performed(.read(.init(lba: UInt64(lba), count: 1)))
                    else { throw Errno.badAddress }
                    #expect(Array(block.readableBytesView) == Array(data[lba * 512..<(lba + 1) * 512]))
                }
            }
            try await tasks.waitForAll()
        }
        try store.close()
        await own.close()
        try await group.shutdownGracefully()
    }

    @Test func `a read beyond the end of a file that has shrunk fails, and tells so`() async throws {
        let own = try #require(loopRings)
        let store = try await self.coldStore(own, [UInt8](repeating: 7, count: 1 << 20))
        defer { try? store.close() }
        #expect(unsafe truncate(self.path, 4096) == 0)
        let error = await #expect(throws: BlockError.self) {
            _ = try await store.performed(.read(BlockRange(lba: 0, count: 64)))
        }
        #expect(error?.description == "read 32768 bytes at 0 of \(self.path): it has shrunk")
    }

    @Test func `what the kernel does in part is asked for again`() throws {
        let medium = OpenMedium(
            descriptor: try .open(FilePath("/dev/null"), .readOnly), path: "disk", kind: .file)
        defer { try? medium.descriptor.close() }
        var slot = RingSlot(
            RingTransfer(medium: medium, offset: 0, work: .read(byteCount: 1000)) { _ in })
        _ = slot.request(context: 0)
        guard case .unfinished = slot.answered(400), case .unfinished = slot.answered(-EINTR),
            case .finished(.success(.data(let data))) = slot.answered(600)
        else {
            Issue.record("the rest was not asked for")
            return
        }
        #expect(data.readableBytes == 1000)
    }

    @Test func `a kernel that always puts a transfer off fails it in the end`() throws {
        let medium = OpenMedium(
            descriptor: try .open(FilePath("/dev/null"), .readOnly), path: "disk", kind: .file)
        defer { try? medium.descriptor.close() }
        var slot = RingSlot(
            RingTransfer(medium: medium, offset: 512, work: .write(ByteBuffer(repeating: 1, count: 512))) { _ in })
        for _ in 1..<Limits.ringRefusals {
            guard case .unfinished = slot.answered(-EAGAIN) else {
                Issue.record("given up too early")
                return
            }
        }
        guard case .finished(.failure(let error)) = slot.answered(-EAGAIN) else {
            Issue.record("never given up")
            return
        }
        #expect(error.description == "write 512 bytes at 512 of disk: Resource temporarily unavailable")
    }

    @Test(arguments: [512, 4096])
    func `memory for reads and writes past the page cache is aligned`(_ alignment: Int) {
        let data = ByteBuffer(repeating: 3, count: 10_000)
        let odd = data.getSlice(at: 1, length: 9_000) ?? ByteBuffer()
        let aligned = odd.aligned(to: alignment)
        #expect(aligned == odd)
        unsafe aligned.withUnsafeReadableBytes { bytes in
            #expect(Int(bitPattern: bytes.baseAddress).isMultiple(of: alignment))
        }
        var room = ByteBuffer.aligned(9_000, to: alignment)
        #expect(room.readableBytes == 0 && room.writableBytes >= 9_000 && room.writesAligned(to: alignment))
    }
}
