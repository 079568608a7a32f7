// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// A generator that a seed replays (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next()) }
    }
}

extension IPv4Address: ExpressibleByStringLiteral {
    /// For addresses that a test writes down.
    public init(stringLiteral text: String) {
        self = IPv4Address(text) ?? .any
    }
}

let machine = MACAddress([0x52, 0x54, 0x00, 0x12, 0x34, 0x56])

func mac(_ last: Int) -> MACAddress {
    MACAddress([0x52, 0x54, 0x00, 0x00, UInt8(last >> 8), UInt8(last & 0xff)])
}

extension DHCPMessage {
    /// A client's message.
    static func from(
        _ mac: MACAddress, _ type: DHCPMessageType, options: [DHCPOption] = [], clientAddress: IPv4Address = .any,
        relayAddress: IPv4Address = .any
    ) -> DHCPMessage {
        DHCPMessage(
            operation: .request, transaction: 0x1234_5678, clientAddress: clientAddress, relayAddress: relayAddress,
            hardwareAddress: (0..<6).map { mac.bytes[$0] } + [UInt8](repeating: 0, count: 10),
            options: [.messageType(type)] + options)
    }

    static func parsed(_ bytes: [UInt8]) throws -> DHCPMessage {
        try DHCPMessage.parse(ByteBuffer(bytes: bytes).readableBytesSpan)
    }

    func option(_ code: UInt8) -> DHCPOption? {
        self.options.first { $0.code == code }
    }
}

extension ByteBuffer {
    var array: [UInt8] {
        Array(self.readableBytesView)
    }
}
