// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore

/// A store's work done on a plain array, and a record of what was asked.
struct ArrayMedium {
    let geometry: BlockGeometry
    var bytes: [UInt8]
    /// The names of the requests, in order.
    var log: [String] = []
    /// What the next requests of a kind fail with.
    var failure: BlockError?
    /// Done once, before the next compare-and-write: another initiator that gets in between.
    var interference: (lba: UInt64, block: [UInt8])?

    init(geometry: BlockGeometry) {
        self.geometry = geometry
        self.bytes = [UInt8](repeating: 0, count: min(Int(geometry.blockCount), 4096) * geometry.blockSize)
    }

    func block(_ lba: UInt64) -> [UInt8] {
        Array(self.bytes[self.slice(BlockRange(lba: lba, count: 1))])
    }

    /// Whether all that the request touches exists.
    func contains(_ request: BlockRequest) -> Bool {
        switch request {
        case .read(let range), .writeZeroes(let range, _, _), .writeSame(let range, _, _), .extent(let range):
            self.geometry.contains(range)
        case .write(let range, let data, _), .writeAtomic(let range, let data, _), .compare(let range, let data):
            self.geometry.contains(range) && data.readableBytes == self.geometry.byteCount(range)
        case .compareAndWrite(let range, let expected, let replacement, _):
            self.geometry.contains(range) && expected.readableBytes == self.geometry.byteCount(range)
                && replacement.readableBytes == expected.readableBytes
        case .unmap(let ranges): ranges.allSatisfy { self.geometry.contains($0) }
        case .flush, .usage, .replaceKey: true
        }
    }

    mutating func perform(_ request: BlockRequest) -> Result<BlockReply, BlockError> {
        if let failure { return .failure(failure) }
        switch request {
        case .read(let range):
            self.log.append("read \(range.lba)+\(range.count)")
            return .success(.data(ByteBuffer(bytes: self.bytes[self.slice(range)])))
        case .write(let range, let data, let durable):
            self.log.append("write \(range.lba)+\(range.count)\(durable ? " durable" : "")")
            self.store(data, at: range.lba)
        case .writeAtomic(let range, let data, let durable):
            self.log.append("write atomic \(range.lba)+\(range.count)\(durable ? " durable" : "")")
            self.store(data, at: range.lba)
        case .usage:
            self.log.append("usage")
            return .success(self.usage)
        case .replaceKey:
            self.log.append("replace key")
            for index in self.bytes.indices { self.bytes[index] ^= 0x5A }
        case .flush:
            self.log.append("flush")
        case .unmap(let ranges):
            self.log.append("unmap " + ranges.map { "\($0.lba)+\($0.count)" }.joined(separator: " "))
            for range in ranges {
                self.bytes.replaceSubrange(
                    self.slice(range), with: repeatElement(0, count: self.geometry.byteCount(range)))
            }
        case .writeZeroes(let range, let mayUnmap, let durable):
            self.log.append(
                "zero \(range.lba)+\(range.count)\(mayUnmap ? " unmap" : "")\(durable ? " durable" : "")")
            self.bytes.replaceSubrange(self.slice(range), with: repeatElement(0, count: self.geometry.byteCount(range)))
        case .writeSame(let range, let pattern, let durable):
            self.log.append("same \(range.lba)+\(range.count)\(durable ? " durable" : "")")
            for index in 0..<UInt64(range.count) { self.store(pattern, at: range.lba + index) }
        case .compare(let range, let data):
            self.log.append("compare \(range.lba)+\(range.count)")
            return .success(self.difference(range, data).map { .miscompare(byteOffset: $0) } ?? .done)
        case .extent(let range):
            self.log.append("extent \(range.lba)+\(range.count)")
            return .success(
                self.extents.isEmpty ? .extent(count: range.count, .deallocated) : self.extents.removeFirst())
        case .compareAndWrite(let range, let expected, let replacement, let durable):
            self.log.append("compare and write \(range.lba)+\(range.count)\(durable ? " durable" : "")")
            if let interference {
                self.store(ByteBuffer(bytes: interference.block), at: interference.lba)
                self.interference = nil
            }
            if let difference = self.difference(range, expected) {
                return .success(.miscompare(byteOffset: difference))
            }
            self.store(replacement, at: range.lba)
        }
        return .success(.done)
    }

    var usage = BlockReply.usage(takenBytes: 3 << 20, freeBytes: 5 << 20)

    /// What is answered to the next questions for extents; then everything is unmapped.
    var extents: [BlockReply] = []

    private func slice(_ range: BlockRange) -> Range<Int> {
        let start = Int(range.lba) * self.geometry.blockSize
        return start..<(start + self.geometry.byteCount(range))
    }

    private mutating func store(_ data: ByteBuffer, at lba: UInt64) {
        let start = Int(lba) * self.geometry.blockSize
        self.bytes.replaceSubrange(start..<(start + data.readableBytes), with: data.readableBytesView)
    }

    private func difference(_ range: BlockRange, _ data: ByteBuffer) -> Int? {
        let pairs = zip(self.bytes[self.slice(range)], data.readableBytesView)
        return pairs.enumerated().first { $0.element.0 != $0.element.1 }?.offset
    }
}
