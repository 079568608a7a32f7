// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

private import CCRC32C

/// CRC32C, the checksum of iSCSI's digests (RFC 7143 §11.2.3; polynomial 11EDC6F41h, reflected).
package enum CRC32C {
    /// The digest of `bytes`.
    package static func checksum(_ bytes: RawSpan) -> UInt32 {
        Self.checksum(bytes, by: Self.bestWay)
    }

    /// The ways to compute it, the slower ones first.
    package enum Way: Int, CaseIterable, Sendable {
        case table, steps, folding, wideFolding
    }

    /// The best way that this processor has.
    package static let bestWay = Way(rawValue: Int(apus_crc32c_best_way().rawValue)) ?? .table

    /// - Parameter way: One that this processor has.
    package static func checksum(_ bytes: RawSpan, by way: Way) -> UInt32 {
        guard way != .table else { return Self.table(bytes) }
        // The C function reads exactly the bytes of the span and keeps nothing.
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe ~apus_crc32c(apus_crc32c_way(UInt32(way.rawValue)), ~0, buffer.baseAddress, buffer.count)
        }
    }

    /// The digest that was sent at `offset`: the one field of iSCSI that is stored with its lowest byte first.
    package static func stored(_ bytes: RawSpan, at offset: Int) -> UInt32 {
        bytes.bigEndian(offset, as: UInt32.self).byteSwapped
    }

    /// The checked fallback for processors without the instructions, a byte at a time.
    package static func table(_ bytes: RawSpan) -> UInt32 {
        var crc: UInt32 = ~0
        for offset in 0..<bytes.byteCount {
            crc = Self.remainders[Int((crc ^ UInt32(bytes.byte(offset))) & 0xff)] ^ crc >> 8
        }
        return ~crc
    }

    private static let remainders: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in
            crc & 1 == 1 ? 0x82f6_3b78 ^ crc >> 1 : crc >> 1
        }
    }
}
