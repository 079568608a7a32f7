// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Glibc
import Testing

@Suite("BlockDeviceStore")
struct BlockDeviceStoreTests {
    @Test(arguments: ["/dev/null", "/var/tmp", "/dev/no-such-disk"])
    func `what is no block device is refused by name`(_ path: String) {
        #expect(!BlockDeviceStore.isDevice(path))
        let error = #expect(throws: BlockError.self) { try BlockDeviceStore(path: path, pool: pool) }
        #expect(error?.description == "open \(path): it is no block device")
    }

    /// A block device that may be overwritten: a zram or a loop device made for the purpose.
    static let scratchDevice = unsafe getenv("APUS_TEST_DEVICE").map { unsafe String(cString: $0) }

    @Test(.enabled(if: scratchDevice != nil, "APUS_TEST_DEVICE names no device that may be overwritten"))
    func `a device keeps what is written, and forgets what is zeroed`() async throws {
        let path = try #require(Self.scratchDevice)
        let store = try BlockDeviceStore(path: path, pool: pool)
        let count = UInt32((64 << 10) / store.info.geometry.blockSize)
        let range = BlockRange(lba: store.info.geometry.blockCount - UInt64(count), count: count)
        let data = (0..<(64 << 10)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await store.write(range, data)
        _ = try await store.performed(.flush)
        #expect(try await store.read(range) == data)
        _ = try await store.performed(.writeZeroes(range, mayUnmap: true, durable: true))
        #expect(try await store.read(range).allSatisfy { $0 == 0 })
        if store.info.capabilities.contains(.unmap) {
            _ = try await store.performed(.unmap([range]))
        }
        let error = #expect(throws: BlockError.self) { try BlockDeviceStore(path: path, pool: pool) }
        #expect(error?.description.hasPrefix("open \(path): it is mounted or otherwise in use") == true)
        try store.close()
        try BlockDeviceStore(path: path, pool: pool).close()
    }
}
