// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
private import Wire

/// A PDU as an initiator builds it, from bytes alone: nothing of the target's encoder is in it.
package struct Request: Sendable {
    /// The 48 bytes of the basic header segment; lengths are filled in by `encode`.
    package var header: [UInt8]
    package var additionalHeaders: [UInt8] = []
    package var data: [UInt8] = []

    /// - Parameter opcode: byte 0, with the I bit (40h) where it is wanted.
    package init(opcode: UInt8, flags: UInt8 = 0x80) {
        self.header = [UInt8](repeating: 0, count: 48)
        self.header[0] = opcode
        self.header[1] = flags
    }

    /// The big-endian word at byte `offset`.
    package subscript(word offset: Int) -> UInt32 {
        get { self.header[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } }
        set {
            for place in 0..<4 {
                self.header[offset + place] = UInt8(truncatingIfNeeded: newValue >> UInt32(24 - 8 * place))
            }
        }
    }

    package var tag: UInt32 {
        get { self[word: 16] }
        set { self[word: 16] = newValue }
    }

    package var cmdSN: UInt32 {
        get { self[word: 24] }
        set { self[word: 24] = newValue }
    }

    /// The LUN in peripheral device addressing.
    package mutating func setLUN(_ lun: UInt8) {
        self.header[9] = lun
    }

    /// The PDU's bytes; a digest of nothing but the negotiated kind is added.
    package func encode(headerDigest: Bool = false, dataDigest: Bool = false) -> ByteBuffer {
        var whole = self.header
        whole[4] = UInt8(self.additionalHeaders.count / 4)
        whole[5] = UInt8(self.data.count >> 16)
        whole[6] = UInt8(self.data.count >> 8 & 0xff)
        whole[7] = UInt8(self.data.count & 0xff)
        whole += self.additionalHeaders
        var output = ByteBuffer(bytes: whole)
        if headerDigest { output.writeDigest(of: whole) }
        guard !self.data.isEmpty else { return output }
        let segment = self.data + [UInt8](repeating: 0, count: -self.data.count & 3)
        output.writeBytes(segment)
        if dataDigest { output.writeDigest(of: segment) }
        return output
    }
}

extension ByteBuffer {
    /// Appends the CRC32C of `bytes`, lowest byte first.
    package mutating func writeDigest(of bytes: [UInt8]) {
        self.writeInteger(CRC32C.table(ByteBuffer(bytes: bytes).readableBytesSpan), endianness: .little)
    }
}

// MARK: - The kinds of PDU, without a CmdSN

extension Request {
    /// A Login Request of the stage `csg`; with `nsg` it wants to go on there (T bit).
    package static func login(
        csg: UInt8, nsg: UInt8?, isContinued: Bool = false, isid: UInt64 = 0x0002_3d00_0001, tsih: UInt16 = 0,
        tag: UInt32 = 0, cmdSN: UInt32 = 1, connectionID: UInt16 = 0, text: [UInt8]
    ) -> Request {
        var request = Request(opcode: 0x43, flags: csg << 2 | (isContinued ? 0x40 : 0))
        if let nsg { request.header[1] |= 0x80 | nsg }
        for place in 0..<6 {
            request.header[8 + place] = UInt8(truncatingIfNeeded: isid >> UInt64(40 - 8 * place))
        }
        request.header[14] = UInt8(tsih >> 8)
        request.header[15] = UInt8(tsih & 0xff)
        request.tag = tag
        request[word: 20] = UInt32(connectionID) << 16
        request.cmdSN = cmdSN
        request.data = text
        return request
    }

    /// A SCSI Command.
    package static func command(_ cdb: [UInt8], tag: UInt32, flags: UInt8, expectedLength: Int) -> Request {
        var request = Request(opcode: 0x01, flags: flags)
        request.tag = tag
        request[word: 20] = UInt32(expectedLength)
        request.header.replaceSubrange(32..<(32 + min(16, cdb.count)), with: cdb.prefix(16))
        return request
    }

    package static func dataOut(
        tag: UInt32, transferTag: UInt32, dataSN: UInt32, offset: Int, isFinal: Bool, data: [UInt8]
    ) -> Request {
        var request = Request(opcode: 0x05, flags: isFinal ? 0x80 : 0)
        request.tag = tag
        request[word: 20] = transferTag
        request[word: 36] = dataSN
        request[word: 40] = UInt32(offset)
        request.data = data
        return request
    }

    package static func nopOut(tag: UInt32, transferTag: UInt32 = 0xffff_ffff, data: [UInt8] = []) -> Request {
        var request = Request(opcode: 0x00)
        request.tag = tag
        request[word: 20] = transferTag
        request.data = data
        return request
    }

    package static func text(
        tag: UInt32, transferTag: UInt32 = 0xffff_ffff, isFinal: Bool = true, isContinued: Bool = false,
        _ text: [UInt8]
    ) -> Request {
        var request = Request(opcode: 0x04, flags: (isFinal ? 0x80 : 0) | (isContinued ? 0x40 : 0))
        request.tag = tag
        request[word: 20] = transferTag
        request.data = text
        return request
    }

    package static func logout(tag: UInt32, reason: UInt8 = 0, connectionID: UInt16 = 0) -> Request {
        var request = Request(opcode: 0x06, flags: 0x80 | reason)
        request.tag = tag
        request[word: 20] = UInt32(connectionID) << 16
        return request
    }

    package static func snack(
        _ type: UInt8, tag: UInt32 = 0xffff_ffff, transferTag: UInt32 = 0xffff_ffff, begin: UInt32, length: UInt32
    ) -> Request {
        var request = Request(opcode: 0x10, flags: 0x80 | type)
        request.tag = tag
        request[word: 20] = transferTag
        request[word: 40] = begin
        request[word: 44] = length
        return request
    }

    package static func taskManagement(
        _ function: UInt8, tag: UInt32, referencedTag: UInt32 = 0xffff_ffff, referencedCmdSN: UInt32 = 0
    ) -> Request {
        var request = Request(opcode: 0x02, flags: 0x80 | function)
        request.tag = tag
        request[word: 20] = referencedTag
        request[word: 32] = referencedCmdSN
        return request
    }
}

/// `key=value` pairs in their wire format.
package func text(_ pairs: String...) -> [UInt8] {
    pairs.flatMap { Array($0.utf8) + [0] }
}
