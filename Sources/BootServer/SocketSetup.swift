// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import NIOCore
import NIOPosix

/// An interface's name as SO_BINDTODEVICE takes it: IFNAMSIZ bytes, NUL-terminated.
struct InterfaceName: Sendable {
    // A tuple, because the kernel reads the value's memory as it stands.
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// Nil for a name that no interface can have.
    init?(_ name: String) {
        guard (1...15).contains(name.utf8.count) else { return nil }
        for (at, byte) in name.utf8.enumerated() {
            if at < 8 {
                self.low |= UInt64(byte) << UInt64(8 * at)
            } else {
                self.high |= UInt64(byte) << UInt64(8 * (at - 8))
            }
        }
        self.low = self.low.littleEndian
        self.high = self.high.littleEndian
    }
}

extension Channel {
    /// Takes packets from this interface only, and sends through it whatever the routing table says.
    func bind(toInterface name: InterfaceName) -> EventLoopFuture<Void> {
        guard let options = self as? any SocketOptionProvider else {
            return self.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        return options.unsafeSetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_BINDTODEVICE), value: name)
    }
}

extension NIODeadline {
    /// The services' clock: milliseconds since the system's start.
    static var milliseconds: UInt64 {
        NIODeadline.now().uptimeNanoseconds / 1_000_000
    }
}
