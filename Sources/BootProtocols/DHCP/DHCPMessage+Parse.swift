// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Wire

/// Why bytes are not a DHCP message.
package enum DHCPParseError: Error, Equatable {
    /// Shorter than the fixed fields and the magic cookie.
    case truncated(bytes: Int)
    /// Neither BOOTREQUEST nor BOOTREPLY.
    case unknownOperation(UInt8)
    /// BOOTP vendor information that is not RFC 2132's.
    case noMagicCookie
}

extension DHCPMessage {
    static let magicCookie: UInt32 = 0x6382_5363
    static let optionsStart = 240
    static let serverNameField = 44..<108
    static let bootFileField = 108..<236

    /// Reads a message. Options that run past the end of their field end the parsing of that field: what came before
    /// stands.
    package static func parse(_ bytes: RawSpan) throws(DHCPParseError) -> DHCPMessage {
        guard bytes.byteCount >= self.optionsStart else { throw .truncated(bytes: bytes.byteCount) }
        guard let operation = Operation(rawValue: bytes.byte(0)) else { throw .unknownOperation(bytes.byte(0)) }
        guard bytes.bigEndian(236, as: UInt32.self) == self.magicCookie else { throw .noMagicCookie }

        var fields = OptionFields()
        fields.collect(bytes, self.optionsStart..<bytes.byteCount)
        let overload = fields.overload
        // RFC 2131 §4.1: the options field first, then file, then sname.
        if overload & 1 != 0 { fields.collect(bytes, self.bootFileField) }
        if overload & 2 != 0 { fields.collect(bytes, self.serverNameField) }

        return DHCPMessage(
            operation: operation, hardwareType: bytes.byte(1), hardwareLength: bytes.byte(2), hops: bytes.byte(3),
            transaction: bytes.bigEndian(4), seconds: bytes.bigEndian(8), flags: bytes.bigEndian(10),
            clientAddress: IPv4Address(bytes.bigEndian(12, as: UInt32.self)),
            yourAddress: IPv4Address(bytes.bigEndian(16, as: UInt32.self)),
            nextServer: IPv4Address(bytes.bigEndian(20, as: UInt32.self)),
            relayAddress: IPv4Address(bytes.bigEndian(24, as: UInt32.self)),
            hardwareAddress: bytes.array(28..<44),
            serverName: overload & 2 != 0 ? "" : Self.text(bytes, self.serverNameField),
            bootFile: overload & 1 != 0 ? "" : Self.text(bytes, self.bootFileField),
            options: fields.options)
    }

    private static func text(_ bytes: RawSpan, _ field: Range<Int>) -> String {
        String(decoding: bytes.array(field).prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// The options of all fields, with the parts of long ones put together in the order of their arrival (RFC 3396 §7).
private struct OptionFields {
    private var values: [UInt8: [UInt8]] = [:]
    private var order: [UInt8] = []

    mutating func collect(_ bytes: RawSpan, _ field: Range<Int>) {
        var at = field.lowerBound
        while at < field.upperBound {
            let code = bytes.byte(at)
            at += 1
            if code == DHCPOptionCode.pad { continue }
            if code == DHCPOptionCode.end { return }
            guard at < field.upperBound else { return }
            let length = Int(bytes.byte(at))
            at += 1
            guard length <= field.upperBound - at else { return }
            if self.values[code] == nil { self.order.append(code) }
            self.values[code, default: []].append(contentsOf: bytes.array(at..<at + length))
            at += length
        }
    }

    /// RFC 2132 §9.3: 1 = the file field holds options, 2 = sname, 3 = both.
    var overload: UInt8 {
        guard let value = self.values[DHCPOptionCode.overload], value.count == 1, (1...3).contains(value[0]) else {
            return 0
        }
        return value[0]
    }

    var options: [DHCPOption] {
        self.order.filter { $0 != DHCPOptionCode.overload }.map { code in
            DHCPOption(code: code, value: self.values[code, default: []])
        }
    }
}
