// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The work of a store on an open file or block device: the data path inline, everything else on a thread pool.
final class MediumEngine: Sendable {
    let info: BlockInfo
    let medium: OpenMedium
    private let pool: NIOThreadPool
    private let gate = AccessGate()
    private let flushes: FlushGroup
    private let inlineWrites = InlineWrites()
    private let hasWriteCache: Bool
    /// Made for the first atomic write, which is alone in the gate, as the last one to close is.
    private let journal = Mutex<AtomicJournal?>(nil)

    init(medium: OpenMedium, info: BlockInfo, pool: NIOThreadPool) {
        self.medium = medium
        self.info = info
        self.pool = pool
        self.hasWriteCache = info.capabilities.contains(.writeCache)
        self.flushes = FlushGroup(pool: pool) { () throws(BlockError) in try medium.sync() }
    }

    func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard self.gate.tryEnter() else { return false }
        defer { self.gate.leave(.shared) }
        let geometry = self.info.geometry
        return try self.medium.readCached(
            geometry.byteCount(range), at: geometry.byteOffset(range.lba), into: &destination)
    }

    func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        let offset = self.info.geometry.byteOffset(range.lba)
        precondition(source.byteCount == self.info.geometry.byteCount(range))
        // Without a write cache every write waits for the medium. A write of part of a page may have to read it first.
        guard self.hasWriteCache, offset % UInt64(Limits.pageBytes) == 0, source.byteCount % Limits.pageBytes == 0
        else { return false }
        let start = NIODeadline.now()
        guard self.inlineWrites.areAllowed(at: start), self.gate.tryEnter() else { return false }
        defer { self.gate.leave(.shared) }
        try self.refuseIfReadOnly()
        try self.medium.write(source, at: offset)
        self.inlineWrites.finished(from: start, to: .now())
        return true
    }

    func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        if case .flush = request { return self.flushes.flush(completion) }
        let mode: AccessGate.Mode =
            switch request {
            case .compareAndWrite, .writeAtomic: .exclusive
            default: .shared
            }
        self.gate.enter(mode) {
            self.pool.submit { state in
                let result: Result<BlockReply, BlockError> =
                    state == .active
                    ? self.result(of: request)
                    : .failure(BlockError(.unavailable, "\(self.medium.path): shutting down"))
                self.gate.leave(mode)
                guard case .success(.done) = result, self.mustFlush(after: request) else {
                    return completion(result)
                }
                self.flushes.flush(completion)
            }
        }
    }

    func close() throws(BlockError) {
        var failure = self.flushes.lost
        if failure == nil, !self.info.capabilities.contains(.readOnly) {
            do { try self.medium.sync() } catch { failure = error }
        }
        if failure == nil {
            do { try self.journal.withLock { $0 }?.remove() } catch { failure = error }
        }
        try self.medium.close()
        if let failure { throw failure }
    }

    /// FUA, or no write cache to leave the data in.
    private func mustFlush(after request: BlockRequest) -> Bool {
        switch request {
        case .write(_, _, let durable), .writeZeroes(_, _, let durable), .writeSame(_, _, let durable),
            .compareAndWrite(_, _, _, let durable):
            durable || !self.hasWriteCache
        case .unmap: !self.hasWriteCache
        // An atomic write is durable when it is done.
        case .read, .flush, .compare, .extent, .usage, .writeAtomic, .replaceKey: false
        }
    }

    private func result(of request: BlockRequest) -> Result<BlockReply, BlockError> {
        do {
            return .success(try self.performNow(request))
        } catch {
            return .failure(error)
        }
    }

    private func performNow(_ request: BlockRequest) throws(BlockError) -> BlockReply {
        let geometry = self.info.geometry
        switch request {
        case .read(let range):
            var data = ByteBuffer()
            try self.medium.read(geometry.byteCount(range), at: geometry.byteOffset(range.lba), into: &data)
            return .data(data)
        case .write(let range, let data, _):
            precondition(data.readableBytes == geometry.byteCount(range))
            try self.refuseIfReadOnly()
            try self.medium.write(data.readableBytesSpan, at: geometry.byteOffset(range.lba))
        case .writeAtomic(let range, let data, _):
            precondition(data.readableBytes == geometry.byteCount(range))
            try self.refuseIfReadOnly()
            try self.writeAtomic(data, at: geometry.byteOffset(range.lba))
        case .usage:
            return try self.medium.usage()
        case .replaceKey:
            throw BlockError(.unsupported, "replace the key of \(self.medium.path)")
        case .flush:
            try self.medium.sync()
        case .unmap(let ranges):
            try self.refuseIfReadOnly()
            guard self.info.capabilities.contains(.unmap) else {
                throw BlockError(.unsupported, "unmap \(self.medium.path)")
            }
            for range in ranges where range.count > 0 {
                try self.medium.punchHole(at: geometry.byteOffset(range.lba), UInt64(geometry.byteCount(range)))
            }
        case .writeZeroes(let range, let mayUnmap, _):
            try self.refuseIfReadOnly()
            try self.medium.zero(
                at: geometry.byteOffset(range.lba), UInt64(geometry.byteCount(range)),
                mayUnmap: mayUnmap && self.info.capabilities.contains(.unmap))
        case .writeSame(let range, let pattern, _):
            precondition(pattern.readableBytes == geometry.blockSize)
            try self.refuseIfReadOnly()
            try self.medium.fill(
                at: geometry.byteOffset(range.lba), UInt64(geometry.byteCount(range)), with: pattern)
        case .compare(let range, let data):
            let offset = geometry.byteOffset(range.lba)
            if let difference = try self.medium.firstDifference(at: offset, from: data) {
                return .miscompare(byteOffset: difference)
            }
        case .compareAndWrite(let range, let expected, let replacement, _):
            try self.refuseIfReadOnly()
            let offset = geometry.byteOffset(range.lba)
            if let difference = try self.medium.firstDifference(at: offset, from: expected) {
                return .miscompare(byteOffset: difference)
            }
            try self.medium.write(replacement.readableBytesSpan, at: offset)
        case .extent(let range):
            let extent = self.medium.extent(
                at: geometry.byteOffset(range.lba), UInt64(geometry.byteCount(range)))
            // Where an extent ends within a block, that block counts as mapped.
            let blockSize = UInt64(geometry.blockSize)
            let blocks = (extent.count + (extent.state == .mapped ? blockSize - 1 : 0)) / blockSize
            return blocks > 0 ? .extent(count: UInt32(blocks), extent.state) : .extent(count: 1, .mapped)
        }
        return .done
    }

    private func writeAtomic(_ data: ByteBuffer, at offset: UInt64) throws(BlockError) {
        let journal: AtomicJournal
        if let made = self.journal.withLock({ $0 }) {
            journal = made
        } else {
            journal = try AtomicJournal(of: self.medium)
            self.journal.withLock { $0 = journal }
        }
        try journal.write(data, at: offset) { () throws(BlockError) in try self.flushes.syncNow() }
    }

    private func refuseIfReadOnly() throws(BlockError) {
        if self.info.capabilities.contains(.readOnly) {
            throw BlockError(.readOnly, "write \(self.medium.path)", reason: "it was opened read-only")
        }
    }
}
