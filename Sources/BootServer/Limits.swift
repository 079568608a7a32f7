// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The bounds of the boot services' sockets and files.
enum Limits {
    /// TFTP transfers at once. Each holds at most a window (128 KiB), one read ahead (64 KiB) and a socket.
    static let tftpTransfersMax = 1024

    /// HTTP connections at once; more wait in the listening socket's queue.
    static let httpConnectionsMax = 1024

    /// What one read for an HTTP body brings: the memory that a slow client may hold.
    static let httpChunkBytes = 256 * 1024

    /// Seconds after which an HTTP connection without a request is closed.
    static let httpIdleSeconds = 60

    /// A line of the file of leases has 50 bytes, and there are at most 65,536.
    static let leaseFileBytesMax = 8 << 20

    /// Milliseconds in which leases that change together are written together. A crash in between costs nothing: a
    /// machine that asks for the address that it had is given it where it is free.
    static let leaseWriteMilliseconds: Int64 = 500

    /// Seconds between two looks for another DHCP server on the network.
    static let otherServerSeconds: Int64 = 300

    /// Addresses whose machine is remembered for the events' sake.
    static let knownAddressesMax = 65_536

    /// iPXE's programs have 70 to 300 KB; whatever is larger in that folder is not one of them.
    static let programBytesMax = 16 << 20

    /// Images in the menu of a machine that is not known: a screen or two.
    static let menuImagesMax = 64

    /// A report of a machine's operating system: a stage and five times.
    static let reportBytesMax = 512

    /// IPv4 and UDP headers and a TFTP block's own: what a frame holds beside the block.
    static let tftpOverheadBytes = 32
}
