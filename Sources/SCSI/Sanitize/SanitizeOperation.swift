// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// Whether the unit is being sanitized, or could not be.
enum Sanitizing: Sendable {
    case running(SanitizeOperation)
    case failed(allowsExit: Bool)
}

/// What a unit remembers of it: an operation that was interrupted by a power cut begins anew.
enum SanitizeRecord: Hashable, Sendable {
    case running(SanitizeOperation.Method, allowsExit: Bool)
    case failed(allowsExit: Bool)
}

/// A sanitize operation: the whole medium is written over, as often as asked; a block erase then gives all of it back. A
/// cryptographic erase replaces the key with which the medium is encrypted.
///
///     overwrite     write ─► write … flush ─► next pass …
///     block erase   extent ─► write what takes space ─► extent … flush ─► unmap … flush
struct SanitizeOperation: Sendable {
    enum Method: Hashable, Sendable {
        /// The pattern is repeated in each block; `inverts` turns its bits over in every second pass.
        case overwrite(pattern: [UInt8], passes: Int, inverts: Bool)
        case blockErase
        case cryptographicErase
    }

    private enum Phase: Sendable {
        case replacingKey
        case writing
        case flushing
        case unmapping
        case flushingUnmapped
        case done
    }

    let allowsExit: Bool
    let method: Method
    private var phase: Phase
    private var pass = 0
    private var lba: UInt64 = 0
    /// Blocks from `lba` on that are known to take space.
    private var mapped: UInt64 = 0
    /// What the last request covers.
    private var step: UInt64 = 0

    init(_ method: Method, allowsExit: Bool) {
        self.method = method
        self.allowsExit = allowsExit
        if case .cryptographicErase = method { self.phase = .replacingKey } else { self.phase = .writing }
    }

    mutating func next(_ info: BlockInfo) -> BackgroundStep? {
        let blockCount = info.geometry.blockCount
        switch self.phase {
        case .replacingKey:
            self.phase = .done
            return BackgroundStep(request: .replaceKey, byteCount: 0)
        case .writing:
            guard self.lba < blockCount else {
                self.phase = .flushing
                return BackgroundStep(request: .flush, byteCount: 0)
            }
            if case .blockErase = self.method, self.mapped == 0 {
                let range = BlockRange(lba: self.lba, count: UInt32(clamping: blockCount - self.lba))
                return BackgroundStep(request: .extent(range), byteCount: 0)
            }
            return self.write(info)
        case .flushing:
            self.lba = 0
            guard case .overwrite(_, let passes, _) = self.method else {
                self.phase = .unmapping
                return self.next(info)
            }
            self.pass += 1
            guard self.pass < passes else { return nil }
            self.phase = .writing
            return self.next(info)
        case .unmapping:
            guard self.lba < blockCount else {
                self.phase = .flushingUnmapped
                return BackgroundStep(request: .flush, byteCount: 0)
            }
            self.step = min(blockCount - self.lba, UInt64(max(info.maxUnmapBlocks, 1)))
            let range = BlockRange(lba: self.lba, count: UInt32(self.step))
            return BackgroundStep(request: .unmap([range]), byteCount: 0)
        case .flushingUnmapped, .done:
            return nil
        }
    }

    private mutating func write(_ info: BlockInfo) -> BackgroundStep {
        let blockSize = info.geometry.blockSize
        let left: UInt64
        if case .blockErase = self.method { left = self.mapped } else { left = info.geometry.blockCount - self.lba }
        self.step = min(left, UInt64(Limits.sanitizePieceBytes / blockSize))
        let range = BlockRange(lba: self.lba, count: UInt32(self.step))
        return BackgroundStep(
            request: .writeSame(range, pattern: self.block(blockSize), durable: false),
            byteCount: UInt64(info.geometry.byteCount(range)))
    }

    private func block(_ blockSize: Int) -> ByteBuffer {
        guard case .overwrite(let pattern, _, let inverts) = self.method else {
            return ByteBuffer(repeating: 0, count: blockSize)
        }
        let mask: UInt8 = inverts && self.pass % 2 == 1 ? 0xFF : 0x00
        return ByteBuffer(bytes: (0..<blockSize).map { pattern[$0 % pattern.count] ^ mask })
    }

    mutating func performed(_ reply: BlockReply) {
        switch (self.phase, reply) {
        case (.writing, .extent(let count, let state)):
            // Space that is kept for blocks may hold what was in it before.
            if state != .deallocated { self.mapped = UInt64(count) } else { self.lba += UInt64(count) }
        case (.writing, _):
            self.lba += self.step
            self.mapped -= min(self.mapped, self.step)
        case (.unmapping, _):
            self.lba += self.step
        case (.flushing, _), (.flushingUnmapped, _), (.replacingKey, _), (.done, _):
            break
        }
    }

    /// How far it is, in 65,536ths.
    func progress(_ info: BlockInfo) -> UInt16 {
        let rounds: Double
        let done: Double
        switch self.method {
        case .overwrite(_, let passes, _): (rounds, done) = (Double(passes), Double(self.pass))
        case .cryptographicErase: return 0
        case .blockErase: (rounds, done) = (2, self.phase == .writing || self.phase == .flushing ? 0 : 1)
        }
        let fraction = (done + Double(self.lba) / Double(max(info.geometry.blockCount, 1))) / rounds
        return UInt16(clamping: Int(min(fraction, 1) * 65_535))
    }
}
