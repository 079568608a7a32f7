// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// Every bound of the server, with its reason.
package enum ServerLimits {
    /// Connections at once. Each costs a descriptor and, idle, some tens of KiB.
    package static let connections = 16_384

    /// The longest that event loops may poll after an answer: beyond a hundredth of a second, sleeping costs nothing that
    /// could be felt.
    package static let pollingMicroseconds = 10_000

    /// Initiators that a portal group remembers to have let in by demo mode; later ones it forgets.
    package static let rememberedInitiators = 4_096

    /// Bytes of one socket read: many commands or much data, and still in the core's cache when the store takes it.
    package static let receiveBufferBytes = 131_072

    /// The largest piece of memory that is kept for the next one when it is freed: what a socket read brought and what an
    /// answer was made of, several times over.
    package static let reusedPieceBytes = 4 << 20

    /// Freed memory that each of malloc's heaps, of which there are a few for each core, may keep.
    package static let keptFreedBytes = 32 << 20

    /// Output of one pass beyond which it is handed to the socket before more Data-In is read from the store.
    package static let passOutputBytes = 262_144

    /// Data-In from this length on is sent from the file where the store allows it: below, the system calls that takes cost
    /// more than the copy that it spares.
    package static let sentFromFileBytes = 32_768

    /// Files that one connection has open to send from. Data of further ones is copied.
    package static let filesSentFrom = 4

    /// Output that may wait for the peer. Above it, Data-In waits and no more PDUs are read; below half, both go on.
    package static let pendingOutputBytes = 1_048_576

    /// Bytes that one read from a store brings when it has to be waited for, or cut into odd segments.
    package static let readChunkBytes = 262_144

    /// How fast a sanitize operation writes, and a self-test in the background reads: a tenth of what a store in memory takes, so that the other units of the host
    /// keep their pace. A terabyte takes two hours, as on a hard disk.
    package static let backgroundBytesPerSecond: UInt64 = 128 << 20

    /// How often a thin unit's space is looked at: soon enough to act before a file system that is nearly full is so.
    package static let spaceInterval = TimeAmount.seconds(5)

    /// Bytes that stores may be bringing for one connection's reads at a time; further reads wait.
    package static let requestedReadBytes = 16 * Self.readChunkBytes
}

extension TimeAmount {
    /// The span of polling that an option asks for: 0 for none.
    package static func polling(microseconds: Int) -> TimeAmount? {
        microseconds > 0 ? .microseconds(Int64(microseconds)) : nil
    }
}

/// How long the server waits for a peer.
package struct ServerTimes: Sendable {
    /// A login that takes longer is dropped (LIO's default).
    package var login: TimeAmount

    /// Silence after which an initiator that knows pings is pinged; twice that without an answer ends its connection.
    package var keepAlive: TimeAmount

    /// How long a peer may take to read its last answers before the connection is closed all the same.
    package var closing: TimeAmount

    /// How long an initiator that is asked to log out has for it, before its connection is dropped.
    package var logout: TimeAmount

    /// At error recovery level 1 and above: how long data that was asked for may stay away before it is asked for again
    /// (LIO's dataout_timeout).
    package var dataOut: TimeAmount

    /// How long an initiator has to send the data that it was asked for, once it has aborted the tasks.
    package var abandonedData: TimeAmount

    package init(
        login: TimeAmount = .seconds(15), keepAlive: TimeAmount = .seconds(30), closing: TimeAmount = .seconds(15),
        logout: TimeAmount = .seconds(2), dataOut: TimeAmount = .seconds(3), abandonedData: TimeAmount = .seconds(2)
    ) {
        self.login = login
        self.keepAlive = keepAlive
        self.closing = closing
        self.logout = logout
        self.dataOut = dataOut
        self.abandonedData = abandonedData
    }
}
