// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A DHCPv4 message (RFC 2131 §2).
///
///      0                   1                   2                   3
///     +---------------+---------------+---------------+---------------+
///     |    op (1)     |   htype (1)   |   hlen (1)    |   hops (1)    |
///     +---------------+---------------+---------------+---------------+  0
///     |                            xid (4)                            |
///     +-------------------------------+-------------------------------+  4
///     |           secs (2)            |           flags (2)           |
///     +-------------------------------+-------------------------------+  8
///     |        ciaddr (4), yiaddr (4), siaddr (4), giaddr (4)         |
///     +---------------------------------------------------------------+ 28
///     |            chaddr (16), sname (64), file (128)                |
///     +---------------------------------------------------------------+ 236
///     |        magic cookie (4), options (variable)                   |
///     +---------------------------------------------------------------+
package struct DHCPMessage: Hashable, Sendable {
    package var operation: Operation
    package var hardwareType: UInt8
    package var hardwareLength: UInt8
    package var hops: UInt8
    package var transaction: UInt32
    package var seconds: UInt16
    package var flags: UInt16
    /// The address that the client has and answers on.
    package var clientAddress: IPv4Address
    /// "Your" address: what the server gives.
    package var yourAddress: IPv4Address
    /// The server of the next step of the boot (TFTP), not of this message.
    package var nextServer: IPv4Address
    package var relayAddress: IPv4Address
    /// The sixteen bytes of chaddr.
    package var hardwareAddress: [UInt8]
    package var serverName: String
    package var bootFile: String
    package var options: [DHCPOption]

    package enum Operation: UInt8, Sendable {
        case request = 1
        case reply = 2
    }

    package init(
        operation: Operation, hardwareType: UInt8 = 1, hardwareLength: UInt8 = 6, hops: UInt8 = 0,
        transaction: UInt32, seconds: UInt16 = 0, flags: UInt16 = 0, clientAddress: IPv4Address = .any,
        yourAddress: IPv4Address = .any, nextServer: IPv4Address = .any, relayAddress: IPv4Address = .any,
        hardwareAddress: [UInt8], serverName: String = "", bootFile: String = "", options: [DHCPOption] = []
    ) {
        self.operation = operation
        self.hardwareType = hardwareType
        self.hardwareLength = hardwareLength
        self.hops = hops
        self.transaction = transaction
        self.seconds = seconds
        self.flags = flags
        self.clientAddress = clientAddress
        self.yourAddress = yourAddress
        self.nextServer = nextServer
        self.relayAddress = relayAddress
        self.hardwareAddress = hardwareAddress
        self.serverName = serverName
        self.bootFile = bootFile
        self.options = options
    }

    /// The client cannot receive unicast before it has its address (RFC 2131 §4.1).
    package var wantsBroadcast: Bool {
        self.flags & 0x8000 != 0
    }

    /// The client's Ethernet address; nil for other hardware and for the null address.
    package var mac: MACAddress? {
        guard self.hardwareType == 1, self.hardwareLength == 6, self.hardwareAddress.count >= 6,
            self.hardwareAddress.prefix(6).contains(where: { $0 != 0 })
        else { return nil }
        return MACAddress([6 of UInt8] { self.hardwareAddress[$0] })
    }

    /// The first option for which `pick` has a value.
    package func first<Value>(_ pick: (DHCPOption) -> Value?) -> Value? {
        for option in self.options {
            if let value = pick(option) { return value }
        }
        return nil
    }

    package var type: DHCPMessageType? {
        self.first { if case .messageType(let type) = $0 { type } else { nil } }
    }

    package var serverIdentifier: IPv4Address? {
        self.first { if case .serverIdentifier(let address) = $0 { address } else { nil } }
    }

    package var requestedAddress: IPv4Address? {
        self.first { if case .requestedAddress(let address) = $0 { address } else { nil } }
    }

    package var parameterRequestList: [UInt8] {
        self.first { if case .parameterRequestList(let codes) = $0 { codes } else { nil } } ?? []
    }

    /// The largest message that the client takes, without IP and UDP headers, within our own bounds.
    package var replyBytesMax: Int {
        let asked: UInt16? = self.first { if case .maximumMessageSize(let size) = $0 { size } else { nil } }
        guard let asked else { return Limits.dhcpMessageBytesMin }
        return min(max(Int(asked) - 28, Limits.dhcpMessageBytesMin), Limits.dhcpMessageBytesMax)
    }

    /// The answer's frame: everything that RFC 2131 §4.3.1 table 3 copies from the request, and the options that a
    /// server gives back (RFC 6842, RFC 3046 §2.2).
    package func reply(_ type: DHCPMessageType, from server: IPv4Address) -> DHCPMessage {
        var reply = DHCPMessage(
            operation: .reply, hardwareType: self.hardwareType, hardwareLength: self.hardwareLength,
            transaction: self.transaction, flags: self.flags, relayAddress: self.relayAddress,
            hardwareAddress: self.hardwareAddress)
        reply.options = [.messageType(type), .serverIdentifier(server)]
        return reply
    }

    /// What must come back as it was sent. RFC 3046 §2.2 wants the relay's option last.
    package var echoedOptions: [DHCPOption] {
        let echoed: [UInt8] = [
            DHCPOptionCode.clientIdentifier, DHCPOptionCode.clientMachineIdentifier,
            DHCPOptionCode.relayAgentInformation,
        ]
        return echoed.compactMap { code in self.options.first { $0.code == code } }
    }
}
