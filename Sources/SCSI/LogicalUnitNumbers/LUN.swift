// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore
internal import Wire

/// A logical unit number as the wire carries it: eight bytes, of which a single-level LUN uses two (SAM-5).
///
///     peripheral device addressing   0x00 LL 00 00 00 00 00 00    LUN 0…255, bus 0
///     flat space addressing          01LLLLLL LLLLLLLL 00 …       LUN 0…16383
package struct LUN: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 0…16383.
    package let number: UInt16

    /// Nil beyond 16383, which flat space addressing cannot express.
    package init?(_ number: UInt16) {
        guard number <= Limits.largestLUN else { return nil }
        self.number = number
    }

    package static let zero = LUN(trusted: 0)

    private init(trusted number: UInt16) {
        self.number = number
    }

    /// Reads eight bytes; nil for a well-known or a hierarchical LUN, or one on another bus, none of which exist here.
    package init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return nil }
        self.init(wire: bytes.bigEndian(0, as: UInt64.self))
    }

    /// The same from the eight bytes as one number.
    package init?(wire: UInt64) {
        guard wire & 0x0000_FFFF_FFFF_FFFF == 0 else { return nil }
        let level = UInt16(wire >> 48)
        switch level >> 14 {
        case 0b00:
            guard level >> 8 == 0 else { return nil }
            self.number = level
        case 0b01:
            self.number = level & 0x3FFF
        default:
            return nil
        }
    }

    /// The eight bytes as one number. LUNs below 256 are sent in peripheral device addressing, as every initiator
    /// knows it; edk2's and iPXE's device paths are made from these bytes.
    package var wire: UInt64 {
        UInt64(self.number < 256 ? self.number : self.number | 0x4000) << 48
    }

    package static func < (left: LUN, right: LUN) -> Bool {
        left.number < right.number
    }

    package var description: String {
        String(self.number)
    }
}
