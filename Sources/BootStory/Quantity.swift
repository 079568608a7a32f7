// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Amounts in words, in decimal units.
package enum Quantity {
    /// `174 kB`, `25.4 MB`.
    package static func bytes(_ count: UInt64) -> String {
        var value = count
        var remainder: UInt64 = 0
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        while value >= 1000 {
            remainder = value % 1000
            value /= 1000
            unit += 1
        }
        // One decimal for small numbers, none for bytes and kilobytes where it would say nothing.
        return unit >= 2 && value < 100 ? "\(value).\(remainder / 100) \(units[unit])" : "\(value) \(units[unit])"
    }

    /// `0.2 s`, `75 s`, `12 min`.
    package static func seconds(_ seconds: Double) -> String {
        let tenths = Int64((seconds * 10).rounded())
        if tenths < 100 { return "\(tenths / 10).\(tenths % 10) s" }
        let whole = Int64(seconds.rounded())
        if whole < 180 { return "\(whole) s" }
        if whole < 3 * 3600 { return "\(whole / 60) min" }
        if whole < 2 * 86_400 { return "\(whole / 3600) h" }
        return "\(whole / 86_400) d"
    }

    package static func traffic(_ read: UInt64, _ written: UInt64) -> String {
        "\(Self.bytes(read)) read, \(Self.bytes(written)) written"
    }
}
