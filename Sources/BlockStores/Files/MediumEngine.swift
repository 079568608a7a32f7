// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import SystemPackage

/// The work of a store on an open file or block device: the data path inline, what has to wait for the medium by the
/// event loops' rings where there are some, everything else on a thread pool.
final class MediumEngine: Sendable {
    let info: BlockInfo
    let medium: OpenMedium
    private let pool: NIOThreadPool
    private let rings: LoopRings?
    private let gate = AccessGate()
    private let flushes: FlushGroup
    private let inlineWrites = InlineWrites()
    private let hasWriteCache: Bool
    /// Nil where blocks cannot be sent from the page cache.
    private let residency: Residency?
    /// Whether somebody relies on readers that find all of a write or nothing.
    private let isShared = Atomic(false)
    /// Made for the first atomic write, which is alone in the gate, as the last one to close is.
    private let journal = Mutex<AtomicJournal?>(nil)

    init(medium: OpenMedium, info: BlockInfo, pool: NIOThreadPool, rings: LoopRings?) {
        self.medium = medium
        self.info = info
        self.pool = pool
        self.rings = rings
        let bytes = info.geometry.blockCount.multipliedReportingOverflow(by: UInt64(info.geometry.blockSize))
        self.residency =
            medium.direct == nil && !bytes.overflow ? Residency(medium.descriptor, byteCount: bytes.partialValue) : nil
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
        // Past the page cache, too.
        guard self.hasWriteCache, self.medium.direct == nil, offset % UInt64(Limits.pageBytes) == 0,
            source.byteCount % Limits.pageBytes == 0
        else { return false }
        let start = NIODeadline.now()
        guard self.inlineWrites.areAllowed(at: start), self.gate.tryEnter() else { return false }
        defer { self.gate.leave(.shared) }
        try self.refuseIfReadOnly()
        try self.medium.write(source, at: offset)
        self.inlineWrites.finished(from: start, to: .now())
        return true
    }

    var descriptor: CInt { self.medium.descriptor.rawValue }

    /// What is sent from the page cache is read when it leaves: a later write can still change it, which is as good as
    /// any order of the two, but not where one of them has to be whole.
    func canSend(_ range: BlockRange) -> Bool {
        guard let residency, !self.isShared.load(ordering: .relaxed) else { return false }
        let geometry = self.info.geometry
        return residency.holds(geometry.byteOffset(range.lba), geometry.byteCount(range))
    }

    func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        if case .flush = request { return self.flushes.flush(completion) }
        let mode = self.mode(of: request)
        if mode == .exclusive { self.isShared.store(true, ordering: .relaxed) }
        self.gate.enter(mode) {
            let done: @Sendable (Result<BlockReply, BlockError>) -> Void = { result in
                self.gate.leave(mode)
                guard case .success(.done) = result, self.mustFlush(after: request) else {
                    return completion(result)
                }
                self.flushes.flush(completion)
            }
            guard let rings = self.rings, let transfer = self.transfer(for: request, done) else {
                return self.perform(onThread: request, done)
            }
            rings.begin(transfer) { self.perform(onThread: request, done) }
        }
    }

    private func perform(
        onThread request: BlockRequest, _ done: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        self.pool.submit { state in
            done(
                state == .active
                    ? self.result(of: request)
                    : .failure(BlockError(.unavailable, "\(self.medium.path): shutting down")))
        }
    }

    private func mode(of request: BlockRequest) -> AccessGate.Mode {
        switch request {
        case .compareAndWrite, .writeAtomic:
            return .exclusive
        case .write(let range, _, _):
            // A part of what the medium writes at once is read, changed and written through the page cache: nothing may
            // be written past it meanwhile.
            let geometry = self.info.geometry
            let goesPast = self.medium.direct?.allows(geometry.byteOffset(range.lba), geometry.byteCount(range))
            return goesPast == false ? .exclusive : .shared
        default:
            return .shared
        }
    }

    /// The request as one that a ring can do, nil where it is none.
    private func transfer(
        for request: BlockRequest, _ done: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) -> RingTransfer? {
        let geometry = self.info.geometry
        switch request {
        case .read(let range) where range.count > 0:
            return RingTransfer(
                medium: self.medium, offset: geometry.byteOffset(range.lba),
                work: .read(byteCount: geometry.byteCount(range)), completion: done)
        case .write(let range, let data, _) where range.count > 0 && !self.info.capabilities.contains(.readOnly):
            precondition(data.readableBytes == geometry.byteCount(range))
            return RingTransfer(
                medium: self.medium, offset: geometry.byteOffset(range.lba), work: .write(data), completion: done)
        default:
            return nil
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
            var data = ByteBuffer.aligned(geometry.byteCount(range), to: self.medium.memoryAlignment)
            try self.medium.read(geometry.byteCount(range), at: geometry.byteOffset(range.lba), into: &data)
            return .data(data)
        case .write(let range, let data, _):
            precondition(data.readableBytes == geometry.byteCount(range))
            try self.refuseIfReadOnly()
            let aligned = data.aligned(to: self.medium.memoryAlignment)
            try self.medium.write(aligned.readableBytesSpan, at: geometry.byteOffset(range.lba))
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
