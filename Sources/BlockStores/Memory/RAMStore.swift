// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore
internal import Synchronization

/// A disk in memory. It takes memory as blocks are written, gives it back when they are unmapped, and is gone when the
/// store is closed.
///
/// With `discards` set it stores nothing (LIO's `nullio`): writes are dropped and reads are zeroes. That is for
/// measuring the path to the store.
package final class RAMStore: GrowingStore {
    package let info: BlockInfo
    private let memory: AnonymousMemory
    private let gate = AccessGate()
    private let discards: Bool
    private let blockCount: Atomic<UInt64>

    package init(size: UInt64, blockSize: Int = 512, thin: Bool = true, discards: Bool = false) throws(BlockError) {
        guard blockSize == 512 || blockSize == 4096 else {
            throw BlockError(.unavailable, "ramdisk: a block has 512 or 4096 bytes, not \(blockSize)")
        }
        let blockCount = size / UInt64(blockSize)
        guard blockCount > 0, let bytes = Int(exactly: blockCount * UInt64(blockSize)) else {
            throw BlockError(.unavailable, "ramdisk: \(size) bytes is not a size it can have")
        }
        self.memory = try AnonymousMemory(count: discards ? 0 : bytes)
        self.discards = discards
        self.blockCount = Atomic(blockCount)
        self.info = BlockInfo(
            // Memory comes and goes by pages.
            geometry: BlockGeometry(
                blockSize: blockSize, physicalBlockExponent: blockSize == 512 ? 3 : 0, blockCount: blockCount),
            capabilities: thin && !discards ? [.unmap, .unmapZeroes] : [],
            maxUnmapBlocks: UInt32(clamping: Limits.unmapBytes / UInt64(blockSize)),
            maxAtomicBlocks: UInt32(Limits.atomicBytes / blockSize))
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard self.gate.tryEnter() else { return false }
        defer { self.gate.leave(.shared) }
        let count = self.info.geometry.byteCount(range)
        precondition(destination.freeCapacity >= count)
        if self.discards {
            // Any byte is a valid UInt8, which has no padding.
            unsafe destination.append(repeating: 0, count: count, as: UInt8.self)
        } else {
            self.memory.read(count, at: self.offset(range), into: &destination)
        }
        return true
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        guard self.gate.tryEnter() else { return false }
        defer { self.gate.leave(.shared) }
        precondition(source.byteCount == self.info.geometry.byteCount(range))
        if !self.discards {
            self.memory.write(source, at: self.offset(range))
        }
        return true
    }

    /// Everything is done at once, on the caller's thread: nothing in memory is worth a hand-over.
    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        let mode: AccessGate.Mode =
            switch request {
            case .compareAndWrite, .writeAtomic: .exclusive
            default: .shared
            }
        self.gate.enter(mode) {
            let reply = self.discards ? self.pretend(request) : self.performNow(request)
            self.gate.leave(mode)
            completion(.success(reply))
        }
    }

    package func grow(to bytes: UInt64?) throws(BlockError) -> UInt64 {
        let wanted = (bytes ?? 0) / UInt64(self.info.geometry.blockSize)
        guard self.discards || wanted <= UInt64(self.memory.count / self.info.geometry.blockSize) else {
            throw BlockError(
                .unsupported, "ramdisk: there are addresses for \(self.memory.count) bytes only",
                reason: "it can be larger if it is made so")
        }
        return self.blockCount.max(wanted, ordering: .relaxed).newValue
    }

    package func close() throws(BlockError) {
        // The memory goes with the store.
    }

    private func offset(_ range: BlockRange) -> Int {
        Int(self.info.geometry.byteOffset(range.lba))
    }

    private func performNow(_ request: BlockRequest) -> BlockReply {
        let geometry = self.info.geometry
        switch request {
        case .read(let range):
            let count = geometry.byteCount(range)
            let data = ByteBuffer(initialCapacity: count) { destination in
                self.memory.read(count, at: self.offset(range), into: &destination)
            }
            return .data(data)
        // Memory that a power cut takes, it takes as a whole.
        case .write(let range, let data, _), .writeAtomic(let range, let data, _):
            precondition(data.readableBytes == geometry.byteCount(range))
            self.memory.write(data.readableBytesSpan, at: self.offset(range))
        case .flush:
            break
        case .unmap(let ranges):
            for range in ranges {
                self.memory.zero(geometry.byteCount(range), at: self.offset(range))
            }
        case .writeZeroes(let range, _, _):
            self.memory.zero(geometry.byteCount(range), at: self.offset(range))
        case .writeSame(let range, let pattern, _):
            precondition(pattern.readableBytes == geometry.blockSize)
            for index in 0..<Int(range.count) {
                self.memory.write(pattern.readableBytesSpan, at: self.offset(range) + index * geometry.blockSize)
            }
        case .compare(let range, let data):
            if let difference = self.memory.firstDifference(at: self.offset(range), from: data.readableBytesSpan) {
                return .miscompare(byteOffset: difference)
            }
        case .compareAndWrite(let range, let expected, let replacement, _):
            if let difference = self.memory.firstDifference(at: self.offset(range), from: expected.readableBytesSpan) {
                return .miscompare(byteOffset: difference)
            }
            self.memory.write(replacement.readableBytesSpan, at: self.offset(range))
        case .extent(let range):
            return self.extent(range)
        case .usage:
            preconditionFailure("a ramdisk's info does not say that it tells its usage")
        case .replaceKey:
            preconditionFailure("a ramdisk's info does not say that it encrypts")
        }
        return .done
    }

    /// A block of zeroes is as good as an unmapped one: that is how they are told apart.
    private func extent(_ range: BlockRange) -> BlockReply {
        let blockSize = self.info.geometry.blockSize
        let isZero = { (index: UInt32) in
            self.memory.isZero(blockSize, at: self.offset(range) + Int(index) * blockSize)
        }
        let isMapped = !isZero(0)
        let last = min(range.count, UInt32(Limits.pieceBytes / blockSize))
        let count = (1..<max(last, 1)).first { isZero($0) == isMapped } ?? last
        return .extent(count: max(count, 1), isMapped ? .mapped : .deallocated)
    }

    /// A disk that forgets: comparing finds what it is given.
    private func pretend(_ request: BlockRequest) -> BlockReply {
        switch request {
        case .read(let range): .data(ByteBuffer(repeating: 0, count: self.info.geometry.byteCount(range)))
        case .extent(let range): .extent(count: range.count, .mapped)
        default: .done
        }
    }
}
