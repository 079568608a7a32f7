// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// Sense key and additional sense code of sense data, in either of its formats (SPC-4 §4.5).
struct SenseSummary: Sendable, Equatable, CustomStringConvertible {
    var key: UInt8
    var code: UInt8
    var qualifier: UInt8

    init?(_ sense: ByteBuffer) {
        let bytes = sense.readableBytesSpan
        guard bytes.byteCount >= 4 else { return nil }
        switch bytes.byte(0) & 0x7f {
        case 0x72, 0x73:
            (self.key, self.code, self.qualifier) = (bytes.byte(1) & 0x0f, bytes.byte(2), bytes.byte(3))
        case 0x70, 0x71:
            guard bytes.byteCount >= 14 else { return nil }
            (self.key, self.code, self.qualifier) = (bytes.byte(2) & 0x0f, bytes.byte(12), bytes.byte(13))
        default:
            return nil
        }
    }

    static let unitAttention: UInt8 = 6

    private static let keys = [
        "no sense", "recovered error", "not ready", "medium error", "hardware error", "illegal request",
        "unit attention", "write protected", "blank check", "vendor-specific", "copy aborted", "command aborted",
        "equal", "volume overflow", "miscompare", "completed",
    ]

    var description: String {
        func hex(_ value: UInt8) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
        return "\(Self.keys[Int(self.key)]) (\(hex(self.code))h/\(hex(self.qualifier))h)"
    }
}
