// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

extension DHCPMessage {
    /// The message's bytes, at most `maximumBytes`, padded to the 300 bytes of BOOTP that some relays insist on.
    ///
    /// Options go into the options field; what finds no room there goes into file and sname where those are free
    /// (option overload, RFC 2132 §9.3). Values beyond 255 bytes are split (RFC 3396 §5). The order of `options` is
    /// the order of importance: what fits nowhere is left out, and its codes are returned.
    package func encode(maximumBytes: Int = Limits.dhcpMessageBytesMax) -> (bytes: ByteBuffer, omitted: [UInt8]) {
        precondition(maximumBytes >= Limits.dhcpMessageBytesMin)
        // A name that its field cannot hold (with its NUL) would be cut: the caller sends option 67 instead.
        precondition(self.serverName.utf8.count < 64 && self.bootFile.utf8.count < 128)

        var areas = [OptionArea(room: maximumBytes - Self.optionsStart - OptionArea.overloadBytes)]
        areas.append(OptionArea(room: self.bootFile.isEmpty ? Self.bootFileField.count : 0))
        areas.append(OptionArea(room: self.serverName.isEmpty ? Self.serverNameField.count : 0))
        var omitted: [UInt8] = []
        for option in self.options where !Self.place(option, in: &areas) {
            omitted.append(option.code)
        }
        let overload: UInt8 = (areas[1].bytes.isEmpty ? 0 : 1) | (areas[2].bytes.isEmpty ? 0 : 2)
        if overload != 0 {
            areas[0].bytes.append(contentsOf: [DHCPOptionCode.overload, 1, overload])
        }

        var buffer = ByteBufferAllocator().buffer(capacity: max(300, Self.optionsStart + areas[0].bytes.count + 1))
        buffer.writeMultipleIntegers(
            self.operation.rawValue, self.hardwareType, self.hardwareLength, self.hops, self.transaction)
        buffer.writeMultipleIntegers(self.seconds, self.flags)
        buffer.writeMultipleIntegers(
            self.clientAddress.value, self.yourAddress.value, self.nextServer.value, self.relayAddress.value)
        Self.write(self.hardwareAddress[...], to: &buffer, field: 16)
        Self.write(areas[2].field(or: self.serverName), to: &buffer, field: Self.serverNameField.count)
        Self.write(areas[1].field(or: self.bootFile), to: &buffer, field: Self.bootFileField.count)
        buffer.writeInteger(Self.magicCookie)
        buffer.writeBytes(areas[0].bytes)
        buffer.writeInteger(DHCPOptionCode.end)
        if buffer.readableBytes < 300 {
            buffer.writeRepeatingByte(DHCPOptionCode.pad, count: 300 - buffer.readableBytes)
        }
        return (buffer, omitted)
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to buffer: inout ByteBuffer, field: Int) {
        buffer.writeBytes(bytes.prefix(field))
        buffer.writeRepeatingByte(0, count: max(0, field - bytes.count))
    }

    /// Puts the option into the first area that holds it whole; a long one may be spread over what is left.
    private static func place(_ option: DHCPOption, in areas: inout [OptionArea]) -> Bool {
        let value = option.value
        let wireBytes = value.count + 2 * max(1, (value.count + 254) / 255)
        if let area = areas.firstIndex(where: { $0.free >= wireBytes }) {
            areas[area].append(option.code, value[...])
            return true
        }
        // Only values that need several parts anyway are spread: few clients put small options together again.
        guard value.count > 255, areas.reduce(0, { $0 + $1.payload }) >= value.count else { return false }
        var rest = value[...]
        for area in areas.indices where !rest.isEmpty {
            let part = rest.prefix(areas[area].payload)
            guard !part.isEmpty else { continue }
            areas[area].append(option.code, part)
            rest = rest.dropFirst(part.count)
        }
        return true
    }
}

/// One of the three places where options may stand.
private struct OptionArea {
    /// An overload option: code, length, value.
    static let overloadBytes = 3

    var bytes: [UInt8] = []
    /// Bytes available, without the end option.
    private let room: Int

    init(room: Int) {
        self.room = max(0, room - 1)
    }

    var free: Int {
        self.room - self.bytes.count
    }

    /// The longest value that can still be added, split into parts of 255.
    var payload: Int {
        let whole = self.free / 257
        return whole * 255 + max(0, self.free % 257 - 2)
    }

    mutating func append(_ code: UInt8, _ value: ArraySlice<UInt8>) {
        var rest = value
        repeat {
            let part = rest.prefix(255)
            self.bytes.append(contentsOf: [code, UInt8(part.count)])
            self.bytes.append(contentsOf: part)
            rest = rest.dropFirst(part.count)
        } while !rest.isEmpty
    }

    /// What the field of this area holds: options with their end, or the text that belongs there.
    func field(or text: String) -> ArraySlice<UInt8> {
        self.bytes.isEmpty ? Array(text.utf8)[...] : (self.bytes + [DHCPOptionCode.end])[...]
    }
}
