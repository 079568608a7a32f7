// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// Standard INQUIRY data (SPC-4).
enum StandardInquiry {
    /// SAM-5, SPC-4 and SBC-3, no version claimed, as SPC-4's table of version descriptors codes them, and iSCSI: 0960h
    /// and the protocol level that was agreed on (RFC 7144 §4.2).
    static func versionDescriptors(_ nexus: Nexus) -> [UInt16] {
        [0x00A0, 0x0460, 0x04C0, 0x0960 + UInt16(nexus.protocolLevel)]
    }

    /// 96 bytes. `peripheral` is byte 0, qualifier and device type; `targetPortGroups` is TPGS.
    static func encode(
        peripheral: UInt8, removable: Bool, targetPortGroups: UInt8 = 0, hasThirdPartyCopy: Bool = false,
        product: String, revision: String,
        versionDescriptors: [UInt16]
    ) -> ByteBuffer {
        var data = ByteBuffer()
        data.reserveCapacity(96)
        data.writeInteger(peripheral)
        data.writeInteger(UInt8(removable ? 0x80 : 0x00))
        data.writeInteger(UInt8(0x06))  // VERSION: SPC-4
        data.writeInteger(UInt8(0x32))  // NORMACA, HISUP, RESPONSE DATA FORMAT 2
        data.writeInteger(UInt8(96 - 5))
        // TPGS and 3PC; no SCCS or protection information.
        data.writeInteger((targetPortGroups & 0x03) << 4 | (hasThirdPartyCopy ? 0x08 : 0x00))
        data.writeInteger(UInt8(0x00))
        data.writeInteger(UInt8(0x02))  // CMDQUE
        data.writePaddedASCII(vendor, count: 8)
        data.writePaddedASCII(product, count: 16)
        data.writePaddedASCII(revision, count: 4)
        data.writeRepeatingByte(0, count: 22)
        for descriptor in versionDescriptors.prefix(8) {
            data.writeInteger(descriptor)
        }
        data.writeRepeatingByte(0, count: 96 - data.readableBytes)
        return data
    }

    static let vendor = "APUS"
}

extension ByteBuffer {
    /// Left-aligned, filled with blanks, cut to `count`; whatever is not graphic ASCII becomes `?` (SPC-4).
    mutating func writePaddedASCII(_ text: String, count: Int) {
        var written = 0
        for scalar in text.unicodeScalars.prefix(count) {
            self.writeInteger((0x20...0x7E).contains(scalar.value) ? UInt8(scalar.value) : UInt8(ascii: "?"))
            written += 1
        }
        self.writeRepeatingByte(UInt8(ascii: " "), count: count - written)
    }
}
