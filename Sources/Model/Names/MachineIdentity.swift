// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine is known by, each in its canonical form.
package struct MachineIdentity: Hashable, Sendable {
    package var mac: String?
    package var uuid: String?
    package var serial: String?
    package var circuitID: String?
    package var remoteID: String?

    package init(
        mac: String? = nil, uuid: String? = nil, serial: String? = nil, circuitID: String? = nil,
        remoteID: String? = nil
    ) {
        self.mac = mac
        self.uuid = uuid
        self.serial = serial
        self.circuitID = circuitID
        self.remoteID = remoteID
    }

    package var isEmpty: Bool {
        self.mac == nil && self.uuid == nil && self.serial == nil && self.circuitID == nil
    }

    /// In words: `52:54:00:12:34:56`, `UUID …`.
    package var words: String {
        let parts = [
            self.mac, self.uuid.map { "UUID \($0)" }, self.serial.map { "serial \($0)" },
            self.circuitID.map { "circuit \($0)" }, self.remoteID.map { "of \($0)" },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}

/// Finds the machine that was seen among those that are configured.
///
/// The order of precedence is from what is the machine's own to what only says where it stands:
///
///     1. MAC       of the card that asks
///     2. UUID      of the system board (DHCP option 97, iPXE's ${uuid})
///     3. serial    of the maker (iPXE's ${serial})
///     4. circuit   and relay agent (DHCP option 82), the pair before the circuit alone
///
/// What comes first decides: a machine whose MAC names one entry and whose UUID names another is the first.
package struct MachineIndex: Sendable {
    private struct Place: Hashable {
        var circuit: String
        var agent: String?
    }

    private var macs: [String: String] = [:]
    private var uuids: [String: String] = [:]
    private var serials: [String: String] = [:]
    private var places: [Place: String] = [:]

    package init() {}

    package init(_ machines: [String: MachineIdentity]) {
        for (name, identity) in machines {
            if let mac = identity.mac { self.macs[mac] = name }
            if let uuid = identity.uuid { self.uuids[uuid] = name }
            if let serial = identity.serial { self.serials[serial] = name }
            if let circuit = identity.circuitID {
                self.places[Place(circuit: circuit, agent: identity.remoteID)] = name
            }
        }
    }

    /// The name of the machine that `seen` is.
    package func name(of seen: MachineIdentity) -> String? {
        if let name = seen.mac.flatMap({ self.macs[$0] }) { return name }
        if let uuid = seen.uuid, let name = self.uuids[uuid] ?? self.uuids[UUIDText.otherOrder(uuid)] { return name }
        if let name = seen.serial.flatMap({ self.serials[$0] }) { return name }
        guard let circuit = seen.circuitID else { return nil }
        let exact = seen.remoteID.flatMap { self.places[Place(circuit: circuit, agent: $0)] }
        return exact ?? self.places[Place(circuit: circuit, agent: nil)]
    }
}

/// UUIDs as text.
package enum UUIDText {
    /// In small letters with hyphens, whether written so, without hyphens or with capitals; nil for what is none, and
    /// for those of zeros and ones alone, which boards have that were never given one.
    package static func canonical(_ text: String) -> String? {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }.compactMap(Naming.hexDigit)
        let hyphens = text.utf8.count - digits.count
        guard digits.count == 32, hyphens == 0 || hyphens == 4,
            text.utf8.count(where: { Naming.hexDigit($0) != nil }) == 32,
            !digits.allSatisfy({ $0 == 0 }), !digits.allSatisfy({ $0 == 15 })
        else { return nil }
        let hex = digits.map { String($0, radix: 16) }.joined()
        return Self.grouped(hex)
    }

    /// The same bytes with the first three fields in the other order.
    ///
    /// SMBIOS keeps those three least significant byte first, and firmware copies them so into option 97; older boards
    /// and some firmware keep all in the order in which they are written.
    package static func otherOrder(_ canonical: String) -> String {
        let hex = Array(canonical.filter { $0 != "-" })
        guard hex.count == 32 else { return canonical }
        let order = [3, 2, 1, 0, 5, 4, 7, 6] + Array(8..<16)
        return Self.grouped(order.map { String(hex[2 * $0...2 * $0 + 1]) }.joined())
    }

    /// Hexadecimal digits in the groups of a UUID.
    static func grouped(_ hex: String) -> String {
        var groups: [Substring] = []
        var rest = hex[...]
        for length in [8, 4, 4, 4, 12] {
            groups.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return groups.joined(separator: "-")
    }
}

/// Serial numbers as makers write them.
package enum SerialText {
    /// Without blanks around it; nil for what makers leave in boards that were never given one.
    package static func canonical(_ text: String) -> String? {
        let trimmed = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        let isPrintable = trimmed.utf8.allSatisfy { (0x20...0x7e).contains($0) }
        let placeholders = [
            "", "none", "not specified", "to be filled by o.e.m.", "default string", "system serial number", "0",
            "not applicable", "n/a",
        ]
        guard isPrintable, trimmed.utf8.count <= Limits.identifierBytes,
            !placeholders.contains(trimmed.lowercased())
        else { return nil }
        return trimmed
    }
}

/// A relay agent's identifiers, which are bytes of any kind (RFC 3046 §3.1).
package enum CircuitText {
    /// The bytes as text where all of them can be read, else as `0x…`.
    package static func canonical(_ bytes: [UInt8]) -> String {
        let isText =
            !bytes.isEmpty && bytes.allSatisfy { (0x21...0x7e).contains($0) } && !bytes.starts(with: [0x30, 0x78])
        guard !isText else { return String(decoding: bytes, as: UTF8.self) }
        return "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Reads `eth0/1` or `0x00040001`.
    package static func canonical(_ text: String) -> String {
        guard text.hasPrefix("0x"), text.utf8.count.isMultiple(of: 2) else { return Self.canonical(Array(text.utf8)) }
        let digits = text.utf8.dropFirst(2).compactMap(Naming.hexDigit)
        guard digits.count == text.utf8.count - 2 else { return Self.canonical(Array(text.utf8)) }
        return Self.canonical(stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}
