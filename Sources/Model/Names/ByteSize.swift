// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A number of bytes as people write it: `512`, `64K`, `10G`, `1T`, with powers of 1024.
package struct ByteSize: Hashable, Sendable, CustomStringConvertible {
    package var bytes: UInt64

    package init(bytes: UInt64) {
        self.bytes = bytes
    }

    /// Reads digits and one of K, M, G, T, P, with or without `B` or `iB`, in either case.
    package init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        let unit = text.dropFirst(digits.count).lowercased()
        guard
            let power = Self.units.firstIndex(where: {
                unit == $0 || (!$0.isEmpty && (unit == $0 + "b" || unit == $0 + "ib"))
            })
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (10 * UInt64(power)))
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    private static let units = ["", "k", "m", "g", "t", "p"]

    /// With one decimal in the largest unit that leaves a whole number: `10.0GiB`.
    package var description: String {
        let power = min(Self.units.count - 1, (63 - max(self.bytes, 1).leadingZeroBitCount) / 10)
        guard power > 0 else { return "\(self.bytes)B" }
        let unit = UInt64(1) << (10 * UInt64(power))
        let tenths = (self.bytes / (unit / 8) * 10 + 4) / 8
        return "\(tenths / 10).\(tenths % 10)\(Self.units[power].uppercased())iB"
    }
}
