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

    /// Addresses whose machine is remembered for the events' sake.
    static let knownAddressesMax = 65_536

    /// iPXE's programs have 70 to 300 KB; whatever is larger in that folder is not one of them.
    static let programBytesMax = 16 << 20

    /// IPv4 and UDP headers and a TFTP block's own: what a frame holds beside the block.
    static let tftpOverheadBytes = 32
}
