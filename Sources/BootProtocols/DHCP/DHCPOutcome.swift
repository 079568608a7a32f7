// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What becomes of a DHCP message: an answer or none, and what to tell about it.
package struct DHCPOutcome: Hashable, Sendable {
    package var reply: DHCPReply?
    package var remark: Remark

    package enum Remark: Hashable, Sendable {
        case offered(IPv4Address?, bootFile: String?)
        case acknowledged(IPv4Address?, bootFile: String?)
        /// The client asked us and is refused or left alone, which an admin wants to know.
        case refused(String)
        case released(IPv4Address)
        /// Not meant for us.
        case ignored(String)
    }

    static func silent(_ remark: Remark) -> DHCPOutcome {
        DHCPOutcome(reply: nil, remark: remark)
    }
}

/// A message and where it goes.
package struct DHCPReply: Hashable, Sendable {
    package var message: DHCPMessage
    package var destination: Destination
    /// What the client can take (option 57).
    package var bytesMax: Int

    package enum Destination: Hashable, Sendable {
        /// To 255.255.255.255, port 68.
        case broadcast
        /// To the client's own address, port 68.
        case client(IPv4Address)
        /// To a relay agent, port 67.
        case relay(IPv4Address)
        /// Back to where the request came from (port 4011).
        case sender
    }

    /// RFC 2131 §4.1: to the relay agent, else to the client's address, else as a broadcast.
    ///
    /// Deviates: a client without an address and without the broadcast flag would be sent a unicast to its hardware
    /// address, which needs a raw socket or an entry in the kernel's ARP table, both privileged. Every client has to
    /// take broadcasts as well (the same section: the answer MAY be broadcast where unicasting is not possible).
    init(_ message: DHCPMessage, to request: DHCPMessage) {
        self.message = message
        self.bytesMax = request.replyBytesMax
        if request.relayAddress != .any {
            self.destination = .relay(request.relayAddress)
            // RFC 2131 §4.3.2: the relay agent is to broadcast a NAK, for the client's address may be wrong.
            if message.type == .nak { self.message.flags |= 0x8000 }
        } else if request.clientAddress != .any, message.type != .nak {
            self.destination = .client(request.clientAddress)
        } else {
            self.destination = .broadcast
        }
    }
}
