// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Leases as a text file has them, a line each: when it ends in seconds since 1970, the machine, the address.
///
///     1795377600 52:54:00:12:34:56 10.77.0.52
package enum LeaseText {
    /// - Parameter now: The same moment on the leases' own clock and in seconds since 1970.
    package static func write(_ leases: [Lease], now: (clock: UInt64, epoch: UInt64)) -> String {
        leases.map { lease in
            let expires = Int64(now.epoch) + Int64(clamping: lease.expires) - Int64(now.clock)
            return "\(max(0, expires)) \(lease.mac) \(lease.address)\n"
        }.joined()
    }

    /// Reads what `write` wrote. A line that makes no sense, as a crash or a hand may leave it, is passed over; a lease
    /// that has ended is kept as one that has.
    package static func read(_ text: String, now: (clock: UInt64, epoch: UInt64)) -> [Lease] {
        text.split(whereSeparator: \.isNewline).prefix(Limits.leasesMax).compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let expires = UInt64(words[0]), let mac = MACAddress(String(words[1])),
                let address = IPv4Address(words[2])
            else { return nil }
            let left = expires > now.epoch ? min(expires - now.epoch, UInt64(UInt32.max)) : 0
            return Lease(mac: mac, address: address, expires: now.clock + left, isBound: left > 0)
        }
    }
}
