// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import NIOCore
import Testing

/// What every store must do, on each of them.
@Suite("BlockStore")
struct EveryStoreTests {
    enum Kind: CaseIterable {
        case file512, file4096, thickFile, writeThroughFile, ram512, ram4096, thickRAM, encryptedFile, encryptedRAM
        case ringFile512, ringFile4096, writeThroughRingFile, encryptedRingFile
        case directFile512, directFile4096, directRingFile512, directRingFile4096

        var blockSize: Int {
            switch self {
            case .file4096, .ram4096, .encryptedRAM, .ringFile4096, .directFile4096, .directRingFile4096: 4096
            default: 512
            }
        }

        var isDirect: Bool {
            [.directFile512, .directFile4096, .directRingFile512, .directRingFile4096].contains(self)
        }

        /// The rings of a store that has to use them: where the kernel forbids them, its tests fail.
        var rings: LoopRings? {
            get throws {
                let usesRings: Set<Kind> = [
                    .ringFile512, .ringFile4096, .writeThroughRingFile, .encryptedRingFile, .directRingFile512,
                    .directRingFile4096,
                ]
                guard usesRings.contains(self) else { return nil }
                let rings: LoopRings = try #require(loopRings)
                return rings
            }
        }

        func open(_ folder: TemporaryFolder, blocks: UInt64) throws -> any BlockStore {
            let size = blocks * UInt64(self.blockSize)
            switch self {
            case .file512, .file4096, .thickFile, .writeThroughFile, .ringFile512, .ringFile4096,
                .writeThroughRingFile, .directFile512, .directFile4096, .directRingFile512, .directRingFile4096:
                let options = FileStore.Options(
                    size: size, blockSize: self.blockSize,
                    writeCache: self != .writeThroughFile && self != .writeThroughRingFile, thin: self != .thickFile,
                    isDirect: self.isDirect)
                return try FileStore(path: folder.file("disk"), options: options, pool: pool, rings: self.rings)
            case .encryptedFile, .encryptedRingFile:
                return try EncryptedStore.file(
                    path: folder.file("disk"), options: .init(size: size), pool: pool, rings: self.rings)
            case .encryptedRAM:
                return EncryptedStore.memory(try RAMStore(size: size, blockSize: self.blockSize), pool: pool)
            case .ram512, .ram4096, .thickRAM:
                return try RAMStore(size: size, blockSize: self.blockSize, thin: self != .thickRAM)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `random requests leave what a plain array would hold`(_ kind: Kind) async throws {
        let folder = try TemporaryFolder()
        let blocks: UInt64 = 600
        let store = try kind.open(folder, blocks: blocks)
        defer { try? store.close() }
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var model = [UInt8](repeating: 0, count: Int(blocks) * kind.blockSize)

        for step in 0..<400 {
            let lba = UInt64.random(in: 0..<blocks, using: &random)
            let range = BlockRange(
                lba: lba, count: UInt32.random(in: 1...UInt32(min(blocks - lba, 40)), using: &random))
            let bytes = Int(lba) * kind.blockSize..<Int(lba + UInt64(range.count)) * kind.blockSize
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                let read = try await store.read(range)
                #expect(read == Array(model[bytes]), "step \(step), seed \(seed)")
            case 2, 3:
                let data = (0..<bytes.count).map { _ in UInt8.random(in: 0...255, using: &random) }
                try await store.write(range, data)
                model.replaceSubrange(bytes, with: data)
            case 4:
                let mayUnmap = Bool.random(using: &random)
                _ = try await store.performed(.writeZeroes(range, mayUnmap: mayUnmap, durable: step % 50 == 0))
                model.replaceSubrange(bytes, with: [UInt8](repeating: 0, count: bytes.count))
            case 5 where store.info.capabilities.contains(.unmap):
                _ = try await store.performed(.unmap([range]))
                model.replaceSubrange(bytes, with: [UInt8](repeating: 0, count: bytes.count))
            case 6:
                let block = (0..<kind.blockSize).map { _ in UInt8.random(in: 0...255, using: &random) }
                _ = try await store.performed(.writeSame(range, pattern: ByteBuffer(bytes: block), durable: false))
                model.replaceSubrange(bytes, with: (0..<range.count).flatMap { _ in block })
            default:
                var expected = Array(model[bytes])
                let replacement = (0..<bytes.count).map { _ in UInt8.random(in: 0...255, using: &random) }
                let wrongAt = Bool.random(using: &random) ? Int.random(in: 0..<bytes.count, using: &random) : nil
                if let wrongAt { expected[wrongAt] ^= 0x10 }
                let reply = try await store.performed(
                    .compareAndWrite(
                        range, expected: ByteBuffer(bytes: expected), replacement: ByteBuffer(bytes: replacement),
                        durable: false))
                switch (reply, wrongAt) {
                case (.done, nil): model.replaceSubrange(bytes, with: replacement)
                case (.miscompare(let offset), .some(let wrongAt)): #expect(offset == wrongAt, "seed \(seed)")
                default: Issue.record("step \(step): \(reply), seed \(seed)")
                }
            }
        }
        _ = try await store.performed(.flush)
        #expect(try await store.read(BlockRange(lba: 0, count: UInt32(blocks))) == model, "seed \(seed)")
    }

    @Test(arguments: [Kind.file512, .file4096, .ram512, .ram4096, .encryptedFile, .directRingFile4096])
    func `extents tell mapped blocks from unmapped ones`(_ kind: Kind) async throws {
        let folder = try TemporaryFolder()
        let store = try kind.open(folder, blocks: 800)
        defer { try? store.close() }
        let mapped = BlockRange(lba: 80, count: 160)
        try await store.write(mapped, [UInt8](repeating: 7, count: store.info.geometry.byteCount(mapped)))
        _ = try await store.performed(.unmap([BlockRange(lba: 160, count: 16)]))
        for (lba, count, isMapped) in [
            (UInt64(0), UInt32(80), false), (80, 80, true), (100, 60, true), (160, 16, false), (176, 64, true),
            (240, 560, false), (799, 1, false),
        ] {
            let rest = BlockRange(lba: lba, count: UInt32(800 - lba))
            guard case .extent(let found, let state) = try await store.performed(.extent(rest)) else {
                Issue.record("no extent at \(lba)")
                return
            }
            #expect((state == .mapped) == isMapped, "at \(lba)")
            // A ramdisk looks at one mebibyte at most.
            #expect(
                found == min(count, UInt32((1 << 20) / store.info.geometry.blockSize)) || found == count, "at \(lba)")
        }
    }

    @Test(
        arguments: [
            Kind.file512, .ram512, .encryptedFile, .encryptedRAM, .ringFile512, .directFile512, .directRingFile512,
        ])
    func `concurrent writers and readers never see a block torn by compare and write`(_ kind: Kind) async throws {
        let folder = try TemporaryFolder()
        let store = try kind.open(folder, blocks: 64)
        defer { try? store.close() }
        let range = BlockRange(lba: 8, count: 8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for _ in 0..<100 {
                        let old = try await store.read(range)
                        let value = UInt8(truncatingIfNeeded: Int(old[0]) + writer + 1)
                        _ = try await store.performed(
                            .compareAndWrite(
                                range, expected: ByteBuffer(bytes: old),
                                replacement: ByteBuffer(repeating: value, count: old.count), durable: false))
                    }
                }
            }
            for _ in 0..<2 {
                group.addTask {
                    for _ in 0..<200 {
                        let seen = try await store.read(range)
                        #expect(seen.allSatisfy { $0 == seen[0] })
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(arguments: [Kind.file512, .ram512, .encryptedFile, .encryptedRAM, .ringFile512])
    func `readers find all of an atomic write or nothing`(_ kind: Kind) async throws {
        let folder = try TemporaryFolder()
        let store = try kind.open(folder, blocks: 2048)
        defer { try? store.close() }
        let range = BlockRange(lba: 1, count: min(2047, store.info.maxAtomicBlocks))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for value in UInt8(1)...20 {
                    let data = ByteBuffer(repeating: value, count: store.info.geometry.byteCount(range))
                    _ = try await store.performed(.writeAtomic(range, data, durable: false))
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    let seen = try await store.read(range)
                    #expect(seen.allSatisfy { $0 == seen[0] })
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.read(range).allSatisfy { $0 == 20 })
        #expect(try await store.read(BlockRange(lba: 0, count: 1)).allSatisfy { $0 == 0 })
    }

    @Test(arguments: [Kind.file512, .ram512, .encryptedFile, .ringFile512, .directRingFile512])
    func `compare and write lets exactly one of many rivals win each round`(_ kind: Kind) async throws {
        let folder = try TemporaryFolder()
        let store = try kind.open(folder, blocks: 8)
        defer { try? store.close() }
        let range = BlockRange(lba: 3, count: 1)
        for round in UInt8(0)..<20 {
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let reply = try await store.performed(
                            .compareAndWrite(
                                range, expected: ByteBuffer(repeating: round, count: 512),
                                replacement: ByteBuffer(repeating: round + 1, count: 512), durable: false))
                        guard case .done = reply else { return false }
                        return true
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners == 1)
        }
    }
}
