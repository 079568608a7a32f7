// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The router advertisement that says "no router, no addresses here" (RFC 4861 §4.2).
///
/// iPXE waits thirteen seconds for any router advertisement before it goes on without IPv6. One with router lifetime
/// zero and without options ends the wait and configures nothing, for no host takes its sender for a router.
package enum RouterAdvertisement {
    package static let solicitationType: UInt8 = 133
    package static let advertisementType: UInt8 = 134

    /// Type, code, checksum (the kernel fills it in), hop limit 0 (unspecified), flags, lifetime, reachable time and
    /// retransmission timer, all zero (unspecified).
    package static let empty: [UInt8] = [advertisementType] + [UInt8](repeating: 0, count: 15)
}
