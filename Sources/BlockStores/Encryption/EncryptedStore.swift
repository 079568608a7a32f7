// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore
package import NIOPosix
internal import Synchronization

/// Keeps what it is given encrypted in the store below, and can forget all of it at once by replacing the key.
///
///     read ───► store below ─► pool: decrypt ─► reply          write ─► pool: encrypt ─► store below ─► reply
///
/// Nothing is done inline: a mebibyte takes milliseconds to encrypt, which is too long for an event loop. Zeroes that the
/// store writes by itself (unmapping, WRITE SAME of zeroes) stay zeroes below; see `SectorCipher`.
package final class EncryptedStore: GrowingStore {
    package let info: BlockInfo
    private let below: any BlockStore
    private let pool: NIOThreadPool
    private let gate = AccessGate()
    private let secret: Mutex<Secret>

    private struct Secret {
        var key: MediumKey
        var cipher: SectorCipher
    }

    private typealias Completion = @Sendable (Result<BlockReply, BlockError>) -> Void

    /// The cipher's work, and the writing of a new key, are done on `pool`.
    package init(_ below: any BlockStore, key: MediumKey, pool: NIOThreadPool) {
        self.below = below
        self.pool = pool
        var info = below.info
        info.capabilities.insert(.encrypts)
        self.info = info
        self.secret = Mutex(Secret(key: key, cipher: SectorCipher(key.key, blockSize: info.geometry.blockSize)))
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        false
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        false
    }

    package func grow(to bytes: UInt64?) throws(BlockError) -> UInt64 {
        guard let below = self.below as? any GrowingStore else { return self.info.geometry.blockCount }
        return try below.grow(to: bytes)
    }

    package func close() throws(BlockError) {
        try self.below.close()
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        let mode: AccessGate.Mode =
            switch request {
            case .compareAndWrite, .writeAtomic, .replaceKey: .exclusive
            default: .shared
            }
        self.gate.enter(mode) {
            self.begin(request) { result in
                self.gate.leave(mode)
                completion(result)
            }
        }
    }

    private func begin(_ request: BlockRequest, _ completion: @escaping Completion) {
        switch request {
        case .flush, .unmap, .writeZeroes, .extent, .usage:
            self.below.perform(request, completion: completion)
        case .read(let range):
            self.read(range, completion) { .data($0) }
        case .compare(let range, let data):
            self.read(range, completion) { Self.difference($0, data).map { .miscompare(byteOffset: $0) } ?? .done }
        case .write(let range, let data, let durable):
            self.onPool(completion) { () throws(BlockError) in
                .write(range, try self.cipher.encrypt(data, lba: range.lba), durable: durable)
            }
        case .writeAtomic(let range, let data, let durable):
            self.onPool(completion) { () throws(BlockError) in
                .writeAtomic(range, try self.cipher.encrypt(data, lba: range.lba), durable: durable)
            }
        case .writeSame(let range, let pattern, let durable):
            self.writeSame(range, pattern, durable: durable, completion)
        case .compareAndWrite(let range, let expected, let replacement, let durable):
            self.read(
                range,
                { result in
                    guard case .success(.done) = result else { return completion(result) }
                    self.begin(.write(range, replacement, durable: durable), completion)
                },
                { Self.difference($0, expected).map { .miscompare(byteOffset: $0) } ?? .done })
        case .replaceKey:
            self.replaceKey(completion)
        }
    }

    private var cipher: SectorCipher { self.secret.withLock { $0.cipher } }

    /// Reads the range; `reply` makes the answer from what is there.
    private func read(
        _ range: BlockRange, _ completion: @escaping Completion, _ reply: @escaping @Sendable (ByteBuffer) -> BlockReply
    ) {
        self.below.perform(.read(range)) { result in
            guard case .success(.data(let data)) = result else { return completion(result) }
            self.submit(completion) { () throws(BlockError) in reply(try self.cipher.decrypt(data, lba: range.lba)) }
        }
    }

    /// Makes a request on the pool, and performs it below.
    private func onPool(
        _ completion: @escaping Completion, _ make: @escaping @Sendable () throws(BlockError) -> BlockRequest
    ) {
        self.pool.submit { state in
            guard state == .active else { return completion(.failure(Self.shuttingDown)) }
            do throws(BlockError) {
                self.below.perform(try make(), completion: completion)
            } catch {
                completion(.failure(error))
            }
        }
    }

    private func submit(
        _ completion: @escaping Completion, _ reply: @escaping @Sendable () throws(BlockError) -> BlockReply
    ) {
        self.pool.submit { state in
            guard state == .active else { return completion(.failure(Self.shuttingDown)) }
            do throws(BlockError) {
                completion(.success(try reply()))
            } catch {
                completion(.failure(error))
            }
        }
    }

    /// Every block comes out otherwise, so the pattern is written piece by piece.
    private func writeSame(
        _ range: BlockRange, _ pattern: ByteBuffer, durable: Bool, _ completion: @escaping Completion
    ) {
        let count = min(range.count, UInt32(Limits.pieceBytes / self.info.geometry.blockSize))
        guard count > 0 else { return completion(.success(.done)) }
        var piece = ByteBuffer()
        piece.reserveCapacity(Int(count) * pattern.readableBytes)
        for _ in 0..<count { piece.writeImmutableBuffer(pattern) }
        self.begin(.write(BlockRange(lba: range.lba, count: count), piece, durable: durable)) { result in
            guard case .success = result else { return completion(result) }
            let rest = BlockRange(lba: range.lba + UInt64(count), count: range.count - count)
            self.writeSame(rest, pattern, durable: durable, completion)
        }
    }

    /// The new key is on stable storage before it is used, and the old one is gone with that.
    private func replaceKey(_ completion: @escaping Completion) {
        self.submit(completion) { () throws(BlockError) in
            let key = try self.secret.withLock { $0.key }.replaced()
            self.secret.withLock { secret in
                secret = Secret(key: key, cipher: SectorCipher(key.key, blockSize: self.info.geometry.blockSize))
            }
            return .done
        }
    }

    private static func difference(_ found: ByteBuffer, _ wanted: ByteBuffer) -> Int? {
        guard found != wanted else { return nil }
        return zip(found.readableBytesView, wanted.readableBytesView).prefix { $0 == $1 }.count
    }

    private static let shuttingDown = BlockError(.unavailable, "encrypt", reason: "shutting down")
}
