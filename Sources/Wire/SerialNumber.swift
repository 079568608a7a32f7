// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A 32-bit counter that wraps, compared as RFC 1982 defines it.
///
/// CmdSN, StatSN and their kin (RFC 7143 §4.2.2) pass through zero in the life of a session, so `<` on plain
/// integers would be wrong once every four milliards of commands.
package struct SerialNumber: Hashable, Sendable {
    package var value: UInt32

    @inlinable
    package init(_ value: UInt32) {
        self.value = value
    }

    /// Whether this number comes before `other`; false for two numbers exactly half the circle apart.
    @inlinable
    package func precedes(_ other: SerialNumber) -> Bool {
        let distance = other.value &- self.value
        return distance != 0 && distance < 0x8000_0000
    }

    /// The number `steps` after this one.
    @inlinable
    package func advanced(by steps: UInt32) -> SerialNumber {
        SerialNumber(self.value &+ steps)
    }

    /// How many steps lead from `earlier` to this number.
    @inlinable
    package func distance(from earlier: SerialNumber) -> UInt32 {
        self.value &- earlier.value
    }
}
