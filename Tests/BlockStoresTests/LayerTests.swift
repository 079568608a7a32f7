// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite("Layers")
struct LayerTests {
    let ram: RAMStore
    let range = BlockRange(lba: 8, count: 8)
    let data = [UInt8](repeating: 0x77, count: 4096)

    init() throws {
        self.ram = try RAMStore(size: 1 << 20)
    }

    @Test func `a read-only layer refuses changes, says so in advance, and reads`() async throws {
        try await self.ram.write(self.range, self.data)
        let layer = ReadOnlyLayer(self.ram)
        #expect(layer.info.capabilities == [.readOnly])
        #expect(try await layer.read(self.range) == self.data)
        let error = await #expect(throws: BlockError.self) { try await layer.write(self.range, self.data) }
        #expect(error?.kind == .readOnly)
        for request in [
            BlockRequest.unmap([self.range]), .writeZeroes(self.range, mayUnmap: false, durable: false),
            .write(self.range, ByteBuffer(bytes: self.data), durable: true),
        ] {
            let error = await #expect(throws: BlockError.self) { try await layer.performed(request) }
            #expect(error?.kind == .readOnly)
        }
        _ = try await layer.performed(.flush)
    }

    @Test func `an error layer fails what its rules name, as often as they say`() async throws {
        let layer = ErrorLayer(
            self.ram,
            rules: [.init(.read, on: [.read], blocks: 10..<12), .init(.full, on: [.write], times: 2)])
        let read = await #expect(throws: BlockError.self) { try await layer.read(self.range) }
        #expect(read?.kind == .read)
        #expect(try await layer.read(BlockRange(lba: 12, count: 4)).count == 2048)
        #expect(try await layer.read(BlockRange(lba: 9, count: 1)).count == 512)
        for _ in 0..<2 {
            let write = await #expect(throws: BlockError.self) { try await layer.write(self.range, self.data) }
            #expect(write?.kind == .full)
        }
        try await layer.write(self.range, self.data)
        layer.setRules([.init(.write, on: [.flush])])
        let flush = await #expect(throws: BlockError.self) { try await layer.performed(.flush) }
        #expect(flush?.kind == .write)
        #expect(try await layer.read(self.range) == self.data)
    }

    @Test func `a delay layer does nothing inline, and everything later`() async throws {
        let delay = TimeAmount.milliseconds(30)
        let layer = DelayLayer(self.ram, delays: [.write: delay], loop: MultiThreadedEventLoopGroup.singleton.any())
        let buffer = ByteBuffer(bytes: self.data)
        #expect(try !layer.writeNow(self.range, from: buffer.readableBytesSpan))
        let start = NIODeadline.now()
        try await layer.write(self.range, self.data)
        #expect(NIODeadline.now() - start >= delay)
        #expect(try await layer.read(self.range) == self.data)
    }

    @Test func `a log layer tells what was asked and what came of it`() async throws {
        let lines = Lines()
        let layer = LogLayer(ErrorLayer(self.ram, rules: [.init(.write, on: [.flush])])) { entry in
            let ranges = entry.ranges.map { "\($0.lba)+\($0.count)" }.joined(separator: ",")
            lines.add("\(entry.operation) \(ranges) \(entry.inline ? "inline" : "later") \(entry.error?.kind as Any)")
        }
        try await layer.write(self.range, self.data)
        _ = try await layer.read(self.range)
        _ = try await layer.performed(.unmap([self.range, BlockRange(lba: 0, count: 1)]))
        await #expect(throws: BlockError.self) { try await layer.performed(.flush) }
        #expect(
            lines.all == [
                "write 8+8 inline nil", "read 8+8 inline nil", "unmap 8+8,0+1 later nil",
                "flush  later Optional(Block.BlockError.Kind.write)",
            ])
    }

    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    /// 40 writes of 4 KiB at 1 MB/s: the first 100 ms worth pass at once, and the rest takes the time that it must.
    @Test func `a rate layer lets through what the limit allows`() async throws {
        let layer = RateLayer(
            self.ram, limit: .init(bytesPerSecond: 1_000_000), loop: MultiThreadedEventLoopGroup.singleton.any())
        let start = NIODeadline.now()
        for _ in 0..<40 {
            try await layer.write(self.range, self.data)
        }
        let elapsed = NIODeadline.now() - start
        #expect(elapsed >= .milliseconds(50))
        #expect(try await layer.read(self.range) == self.data)
    }

    @Test func `a rate layer limits requests, and lets a burst pass`() async throws {
        let layer = RateLayer(
            self.ram, limit: .init(requestsPerSecond: 100), loop: MultiThreadedEventLoopGroup.singleton.any())
        let start = NIODeadline.now()
        for _ in 0..<10 { _ = try await layer.performed(.flush) }
        let burst = NIODeadline.now() - start
        for _ in 0..<5 { _ = try await layer.performed(.flush) }
        #expect(NIODeadline.now() - start >= .milliseconds(40))
        #expect(burst < NIODeadline.now() - start)
    }
}
