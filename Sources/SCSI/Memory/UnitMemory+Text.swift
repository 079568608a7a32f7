// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
internal import Wire

/// The memory as a file: lines of words, checked to the last byte when they are read again.
///
///     apus-unit-memory 1
///     unit 6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5
///     reservations 2
///     registration aaaa000000000001 iqn.2023-04.com.example:server 1 iqn.2023-04.com.example:node,i,0x00023d000001
///     registration bbbb000000000002 * 0 iqn.2023-04.com.example:other,i,0x00023d000001
///     reservation 5 0
///     mode-page 0800 0812…
///     port-group 5 0 2                      (a group that SET TARGET PORT GROUPS brought from state 0 to 2)
///     sanitize overwrite 1 aa 3 inverts     (or: block-erase 1, cryptographic-erase 1, failed 1)
///     checksum 8d1f0a2c
///
/// `*` is a registration through all target ports; a reservation names its type and its holder's line, from 0.
/// The number after a kind of sanitize operation says whether a failed one may be left; an overwrite tells its pattern, how
/// often it is written, and whether every second pass turns it over.
/// Whatever is not graphic ASCII in a name is written as `%` and two hexadecimal digits.
extension UnitMemory {
    /// The text that `read` takes back. `serial` says whose memory it is.
    package func text(ofUnit serial: String) -> ByteBuffer {
        var lines = ["apus-unit-memory 1", "unit \(Self.escaped(serial))"]
        if let reservations {
            lines.append("reservations \(reservations.registrations.count)")
            for registration in reservations.registrations {
                let port = registration.port.targetPort
                lines.append(
                    "registration \(Self.hex(registration.key, digits: 16)) "
                        + "\(port.map { Self.escaped($0.targetName) } ?? "*") \(port?.relativePort ?? 0) "
                        + Self.escaped(registration.port.initiatorPort))
            }
            if let reservation = reservations.reservation,
                let holder = reservations.registrations.firstIndex(where: { $0.port == reservation.holder })
            {
                lines.append("reservation \(reservation.type.rawValue) \(holder)")
            }
        }
        for (code, bytes) in self.modePages.sorted(by: { $0.key < $1.key }) {
            let digits = bytes.map { Self.hex(UInt64($0), digits: 2) }.joined()
            lines.append("mode-page \(Self.hex(UInt64(code), digits: 4)) \(digits)")
        }
        for (type, bytes) in self.identifyingInformation.sorted(by: { $0.key < $1.key }) {
            let digits = bytes.map { Self.hex(UInt64($0), digits: 2) }.joined()
            lines.append("identifying \(Self.hex(UInt64(type), digits: 2)) \(digits)")
        }
        for (id, state) in self.portStates.sorted(by: { $0.key < $1.key }) {
            lines.append("port-group \(id) \(state.configured.rawValue) \(state.set.rawValue)")
        }
        if let sanitizing { lines.append("sanitize " + sanitizing.words) }
        var text = ByteBuffer(string: lines.map { $0 + "\n" }.joined())
        let checksum = CRC32C.checksum(text.readableBytesSpan)
        text.writeString("checksum \(Self.hex(UInt64(checksum), digits: 8))\n")
        return text
    }

    /// Reads what `text(ofUnit:)` wrote. Another unit's memory, left over under the same name, is nobody's: the
    /// result is then empty.
    package static func read(_ text: ByteBuffer, ofUnit serial: String) throws(UnitMemoryFlaw) -> UnitMemory {
        guard text.readableBytes <= Limits.memoryBytes else { throw UnitMemoryFlaw(line: 1, "it is too long") }
        let string = String(buffer: text)
        guard string.utf8.last == UInt8(ascii: "\n"), string.utf8.count == text.readableBytes else {
            throw UnitMemoryFlaw(line: 1, "it is no text or ends within a line")
        }
        var lines = string.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let checksum = lines.popLast() ?? ""
        let checked =
            text.getSlice(
                at: text.readerIndex, length: text.readableBytes - checksum.utf8.count - 1) ?? ByteBuffer()
        let sum = CRC32C.checksum(checked.readableBytesSpan)
        guard checksum == "checksum \(Self.hex(UInt64(sum), digits: 8))" else {
            throw UnitMemoryFlaw(line: lines.count + 1, "the checksum is wrong or missing")
        }
        var reader = UnitMemoryReader()
        for (index, line) in lines.enumerated() {
            guard try reader.take(line.split(separator: " ", omittingEmptySubsequences: false), number: index + 1)
            else {
                throw UnitMemoryFlaw(line: index + 1, "\"\(line)\" makes no sense there")
            }
        }
        let (memory, owner) = try reader.finish(atLine: lines.count)
        return owner == serial ? memory : UnitMemory()
    }

    fileprivate static func hex(_ value: UInt64, digits count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }

    private static func escaped(_ name: String) -> String {
        name.utf8.map { byte in
            let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "*")
            return isPlain ? String(UnicodeScalar(byte)) : "%" + Self.hex(UInt64(byte), digits: 2)
        }.joined()
    }
}

/// Why a text is no unit's memory.
package struct UnitMemoryFlaw: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(line: Int, _ reason: String) {
        self.description = "line \(line): \(reason)"
    }
}

/// The lines of a memory, in the order in which they must come.
private struct UnitMemoryReader {
    private var memory = UnitMemory()
    private var owner: String?
    private var announced = 0

    /// Takes one line; false where it has no place.
    mutating func take(_ words: [Substring], number: Int) throws(UnitMemoryFlaw) -> Bool {
        guard number > 2 else {
            return number == 1 ? try Self.takeVersion(words) : self.takeOwner(words)
        }
        switch words.first {
        case "reservations": return self.takeCount(words)
        case "registration": return self.takeRegistration(words)
        case "reservation": return self.takeReservation(words)
        case "mode-page": return self.takeModePage(words)
        case "port-group": return self.takePortGroup(words)
        case "sanitize": return self.takeSanitize(words)
        case "identifying": return self.takeIdentifyingInformation(words)
        default: return false
        }
    }

    func finish(atLine number: Int) throws(UnitMemoryFlaw) -> (UnitMemory, owner: String) {
        guard let owner else { throw UnitMemoryFlaw(line: number, "it ends too early") }
        guard self.memory.reservations?.registrations.count ?? 0 == self.announced else {
            throw UnitMemoryFlaw(line: number, "registrations are missing")
        }
        return (self.memory, owner)
    }

    private static func takeVersion(_ words: [Substring]) throws(UnitMemoryFlaw) -> Bool {
        guard words.count == 2, words[0] == "apus-unit-memory" else { return false }
        guard words[1] == "1" else {
            throw UnitMemoryFlaw(line: 1, "version \(words[1]) was written by a newer apus; this one reads 1")
        }
        return true
    }

    private mutating func takeOwner(_ words: [Substring]) -> Bool {
        guard words.count == 2, words[0] == "unit", let name = Self.unescaped(words[1]) else { return false }
        self.owner = name
        return true
    }

    private mutating func takeCount(_ words: [Substring]) -> Bool {
        guard self.memory.reservations == nil, words.count == 2, let count = Int(words[1]),
            (0...Limits.registrations).contains(count)
        else { return false }
        self.memory.reservations = .init()
        self.announced = count
        return true
    }

    private mutating func takeRegistration(_ words: [Substring]) -> Bool {
        guard words.count == 5, let count = self.memory.reservations?.registrations.count, count < self.announced,
            let key = Self.number(words[1], digits: 16), key != 0, let relativePort = UInt16(words[3]),
            let initiatorPort = Self.unescaped(words[4]), !initiatorPort.isEmpty
        else { return false }
        var port = PersistentReservations.NexusPorts(initiatorPort: initiatorPort, targetPort: nil)
        if words[2] != "*" {
            guard let name = Self.unescaped(words[2]) else { return false }
            port.targetPort = .init(targetName: name, relativePort: relativePort)
        }
        guard self.memory.reservations?.registrations.contains(where: { $0.port == port }) == false else {
            return false
        }
        self.memory.reservations?.registrations.append(.init(port: port, key: key))
        return true
    }

    private mutating func takeReservation(_ words: [Substring]) -> Bool {
        guard words.count == 3, let reservations = self.memory.reservations, reservations.reservation == nil,
            let type = UInt8(words[1]).flatMap(ReservationType.init), let holder = Int(words[2]),
            reservations.registrations.indices.contains(holder)
        else { return false }
        self.memory.reservations?.reservation = PersistentReservation(
            type: type, holder: reservations.registrations[holder].port)
        return true
    }

    private mutating func takeModePage(_ words: [Substring]) -> Bool {
        guard words.count == 3, let code = Self.number(words[1], digits: 4).flatMap({ UInt16(exactly: $0) }),
            self.memory.modePages[code] == nil, self.memory.modePages.count < Limits.savedModePages,
            (2...Limits.modePageBytes).contains(words[2].utf8.count / 2), let bytes = Self.bytes(words[2])
        else { return false }
        self.memory.modePages[code] = bytes
        return true
    }

    private mutating func takeIdentifyingInformation(_ words: [Substring]) -> Bool {
        guard words.count == 3,
            let type = Self.number(words[1], digits: 2).flatMap({ InformationType(rawValue: UInt8($0)) }),
            self.memory.identifyingInformation[type.rawValue] == nil,
            (1...type.limit).contains(words[2].utf8.count / 2), let bytes = Self.bytes(words[2])
        else { return false }
        self.memory.identifyingInformation[type.rawValue] = bytes
        return true
    }

    private mutating func takePortGroup(_ words: [Substring]) -> Bool {
        guard words.count == 4, let id = UInt16(words[1]), self.memory.portStates[id] == nil,
            let configured = UInt8(words[2]).flatMap(AccessState.init),
            let set = UInt8(words[3]).flatMap(AccessState.init)
        else { return false }
        self.memory.portStates[id] = KeptPortState(configured: configured, set: set)
        return true
    }

    private mutating func takeSanitize(_ words: [Substring]) -> Bool {
        guard self.memory.sanitizing == nil, words.count >= 3, words[2] == "0" || words[2] == "1" else { return false }
        let allowsExit = words[2] == "1"
        switch words[1] {
        case "overwrite":
            guard words.count == 6, (1...Limits.sanitizePatternBytes).contains(words[3].utf8.count / 2),
                let pattern = Self.bytes(words[3]), let passes = Int(words[4]), (1...31).contains(passes),
                words[5] == "inverts" || words[5] == "repeats"
            else { return false }
            let method = SanitizeOperation.Method.overwrite(
                pattern: pattern, passes: passes, inverts: words[5] == "inverts")
            self.memory.sanitizing = .running(method, allowsExit: allowsExit)
        case "block-erase" where words.count == 3:
            self.memory.sanitizing = .running(.blockErase, allowsExit: allowsExit)
        case "cryptographic-erase" where words.count == 3:
            self.memory.sanitizing = .running(.cryptographicErase, allowsExit: allowsExit)
        case "failed" where words.count == 3:
            self.memory.sanitizing = .failed(allowsExit: allowsExit)
        default: return false
        }
        return true
    }

    private static func bytes(_ digits: Substring) -> [UInt8]? {
        guard digits.utf8.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var rest = digits
        while !rest.isEmpty {
            guard let byte = Self.number(rest.prefix(2), digits: 2) else { return nil }
            bytes.append(UInt8(byte))
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func number(_ word: Substring, digits: Int) -> UInt64? {
        guard word.utf8.count == digits, word.first != "+", word.first != "-" else { return nil }
        return UInt64(word, radix: 16)
    }

    private static func unescaped(_ word: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = word
        while let first = rest.popFirst() {
            guard let byte = first.asciiValue else { return nil }
            guard first == "%" else {
                bytes.append(byte)
                continue
            }
            guard let escaped = Self.number(rest.prefix(2), digits: 2) else { return nil }
            bytes.append(UInt8(escaped))
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension SanitizeRecord {
    fileprivate var words: String {
        switch self {
        case .running(.overwrite(let pattern, let passes, let inverts), let allowsExit):
            "overwrite \(allowsExit ? 1 : 0) "
                + pattern.map { UnitMemory.hex(UInt64($0), digits: 2) }.joined()
                + " \(passes) \(inverts ? "inverts" : "repeats")"
        case .running(.blockErase, let allowsExit): "block-erase \(allowsExit ? 1 : 0)"
        case .running(.cryptographicErase, let allowsExit): "cryptographic-erase \(allowsExit ? 1 : 0)"
        case .failed(let allowsExit): "failed \(allowsExit ? 1 : 0)"
        }
    }
}
