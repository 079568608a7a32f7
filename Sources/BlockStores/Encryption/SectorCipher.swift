// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials
internal import NIOCore

/// Encrypts each block by itself, to the same length: AES-256 in CBC mode, whose initialization vector is the block's LBA
/// encrypted with the key's SHA-256 (ESSIV). It is what dm-crypt calls `aes-cbc-essiv:sha256`.
///
/// XTS would be today's choice, but the cryptography library has none, and a mode put together here would be worth less
/// than an old one that is proven. Whoever can change the medium can change what is read, as with every cipher that
/// keeps the length; who only sees it learns which blocks are unmapped, and which have changed.
///
/// A block that is all zeroes on the medium is unmapped, or was written with zeroes by the store itself: it reads as
/// zeroes. No data that is encrypted comes out so (one chance in 2^4096).
struct SectorCipher: Sendable {
    private let key: SymmetricKey
    private let vectorKey: SymmetricKey
    private let blockSize: Int

    init(_ key: SymmetricKey, blockSize: Int) {
        self.key = key
        self.vectorKey = unsafe key.withUnsafeBytes { SymmetricKey(data: unsafe SHA256.hash(data: $0)) }
        self.blockSize = blockSize
    }

    /// Whole blocks, the first of which goes to `lba`.
    func encrypt(_ data: ByteBuffer, lba: UInt64) throws(BlockError) -> ByteBuffer {
        try self.transform(data, lba) { block, vector in
            try AES._CBC.encrypt(block, using: self.key, iv: vector, noPadding: true)
        }
    }

    /// Whole blocks, the first of which comes from `lba`.
    func decrypt(_ data: ByteBuffer, lba: UInt64) throws(BlockError) -> ByteBuffer {
        try self.transform(data, lba) { block, vector in
            guard block.contains(where: { $0 != 0 }) else { return Data(block) }
            return try AES._CBC.decrypt(block, using: self.key, iv: vector, noPadding: true)
        }
    }

    private func transform(
        _ data: ByteBuffer, _ lba: UInt64, _ body: ([UInt8], AES._CBC.IV) throws -> Data
    ) throws(BlockError) -> ByteBuffer {
        precondition(data.readableBytes.isMultiple(of: self.blockSize))
        var data = data
        var lba = lba
        var result = ByteBuffer()
        result.reserveCapacity(data.readableBytes)
        do {
            while let block = data.readBytes(length: self.blockSize) {
                result.writeBytes(try body(block, self.vector(lba)))
                lba += 1
            }
        } catch {
            throw BlockError(.unavailable, "encrypt block \(lba)", reason: "\(error)")
        }
        return result
    }

    private func vector(_ lba: UInt64) throws -> AES._CBC.IV {
        var bytes = [UInt8](repeating: 0, count: 16)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: lba >> (8 * index)) }
        try AES.permute(&bytes, key: self.vectorKey)
        return try AES._CBC.IV(ivBytes: bytes)
    }
}
