// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The bounds of the boot protocols: what a peer may make us hold or repeat.
package enum Limits {
    /// Addresses in one DHCP range. A /16 is more than any broadcast domain that machines are booted on.
    package static let leasesMax = 65_536

    /// How long an offered address waits for its DHCPREQUEST. Slow firmware tries other cards in between.
    package static let offerSeconds: UInt64 = 120

    /// How long an address that a client declined (another machine answers on it) stays out of use.
    package static let declineSeconds: UInt64 = 600

    /// Other DHCP servers that are told of: who answers with more than this many names is nobody to listen to.
    package static let otherServersMax = 16

    /// The smallest DHCP message that every client accepts, without IP and UDP headers (RFC 2131 §2).
    package static let dhcpMessageBytesMin = 548

    /// The largest DHCP message that we send: one Ethernet frame.
    package static let dhcpMessageBytesMax = 1472

    /// TFTP without options sends 512 bytes in a block (RFC 1350 §2).
    package static let tftpBlockBytesDefault = 512

    /// The smallest and largest block of RFC 2348.
    package static let tftpBlockBytes = 8...65_464

    /// The largest request packet of RFC 2347 §2.
    package static let tftpRequestBytesMax = 512

    /// Bytes sent ahead of an acknowledgement, whatever window the client asks for: what one transfer may hold.
    package static let tftpWindowBytesMax = 128 * 1024

    /// Blocks sent ahead of an acknowledgement. More gains nothing on a local network and overruns small cards.
    package static let tftpWindowBlocksMax = 64

    /// What one read of the file asks for: enough that a hand-over to another thread is rare.
    package static let tftpReadBytes = 64 * 1024

    /// Retransmissions of the same block before a transfer is given up: with the waits below 20 to 30 seconds, for
    /// firmware pauses to erase flash or to draw its menu.
    package static let tftpRetriesMax = 10

    /// The first wait for an acknowledgement, in milliseconds, while the round trip is not known yet.
    package static let tftpFirstWaitMilliseconds: UInt64 = 500

    /// The waits for an acknowledgement once the round trip is known, unless the client chose its own: four round
    /// trips, doubled with each retransmission. Clients themselves wait a second or more, so ours come first.
    package static let tftpWaitMilliseconds: ClosedRange<UInt64> = 100...4_000
}
