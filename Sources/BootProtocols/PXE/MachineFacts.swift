// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine, or the relay agent before it, tells of the machine besides its MAC.
package struct MachineFacts: Hashable, Sendable {
    /// Of its system board, as text in small letters.
    package var uuid: String?
    package var serial: String?
    /// The port that the request came in by, and the relay agent, as that agent names them (RFC 3046 §3.1, §3.2).
    package var circuitID: [UInt8]?
    package var remoteID: [UInt8]?

    package init(
        uuid: String? = nil, serial: String? = nil, circuitID: [UInt8]? = nil, remoteID: [UInt8]? = nil
    ) {
        self.uuid = uuid
        self.serial = serial
        self.circuitID = circuitID
        self.remoteID = remoteID
    }

    package init(_ message: DHCPMessage) {
        let identifier: [UInt8]? = message.first {
            if case .clientMachineIdentifier(let bytes) = $0 { bytes } else { nil }
        }
        let relay: [UInt8]? = message.first { if case .relayAgentInformation(let bytes) = $0 { bytes } else { nil } }
        self.uuid = identifier.flatMap(Self.uuid)
        self.circuitID = relay.flatMap { Self.suboption(1, of: $0) }
        self.remoteID = relay.flatMap { Self.suboption(2, of: $0) }
    }

    package var isEmpty: Bool { self == MachineFacts() }

    /// These facts and, where nothing is known of something, what `others` know of it.
    package func filled(from others: MachineFacts) -> MachineFacts {
        MachineFacts(
            uuid: self.uuid ?? others.uuid, serial: self.serial ?? others.serial,
            circuitID: self.circuitID ?? others.circuitID, remoteID: self.remoteID ?? others.remoteID)
    }

    /// A type byte, 0 for a GUID, and sixteen bytes (RFC 4578 §2.3), of which firmware sends the first three fields
    /// least significant byte first, as SMBIOS keeps them.
    private static func uuid(_ identifier: [UInt8]) -> String? {
        guard identifier.count == 17, identifier[0] == 0 else { return nil }
        let order = [3, 2, 1, 0, 5, 4, 7, 6] + Array(8..<16)
        return order.enumerated().map { position, index in
            let byte = identifier[1 + index]
            let hyphen = [4, 6, 8, 10].contains(position) ? "-" : ""
            return hyphen + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }

    private static func suboption(_ code: UInt8, of information: [UInt8]) -> [UInt8]? {
        var rest = information[...]
        while let found = rest.popFirst(), let length = rest.popFirst(), Int(length) <= rest.count {
            let value = rest.prefix(Int(length))
            if found == code { return Array(value) }
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }
}

/// An unknown machine's wish to be known, as whoever stands before it chose.
package struct EnrolmentRequest: Hashable, Sendable {
    package var mac: MACAddress
    package var facts: MachineFacts
    package var name: String
    package var image: String

    package init(mac: MACAddress, facts: MachineFacts, name: String, image: String) {
        self.mac = mac
        self.facts = facts
        self.name = name
        self.image = image
    }
}
