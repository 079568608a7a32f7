// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// Page 83: the names of the logical unit, and of the target and its port that the command came through
/// (SPC-4). The kinds are those that LIO offers, so that udev and multipath find what they look for.
extension LogicalUnit {
    func deviceIdentificationPage(_ nexus: Nexus) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeDesignator(.logicalUnit, type: 0x1, codeSet: .ascii, self.t10Designator)
        body.writeDesignator(.logicalUnit, type: 0x3, codeSet: .binary, self.naaDesignator)

        var relativePort = ByteBuffer()
        relativePort.writeInteger(UInt16(0))
        relativePort.writeInteger(nexus.relativeTargetPort)
        body.writeDesignator(.targetPort, type: 0x4, codeSet: .binary, relativePort)

        if self.offers(.targetPortGroups) {
            var portGroup = ByteBuffer()
            portGroup.writeInteger(UInt16(0))
            portGroup.writeInteger(self.ports.group(of: nexus).id)
            body.writeDesignator(.targetPort, type: 0x5, codeSet: .binary, portGroup)
        }

        body.writeDesignator(.targetPort, type: 0x8, codeSet: .utf8, Self.scsiNameString(nexus.targetPort))
        body.writeDesignator(.targetDevice, type: 0x8, codeSet: .utf8, Self.scsiNameString(nexus.targetName))
        return body
    }

    /// The unit's name by its vendor.
    var t10Designator: ByteBuffer {
        let vendorID = "\(self.identity.product):\(self.identity.serial)"
        var t10 = ByteBuffer()
        t10.writePaddedASCII(StandardInquiry.vendor, count: 8)
        t10.writePaddedASCII(vendorID, count: min(vendorID.unicodeScalars.count, 255 - 8))
        return t10
    }

    /// The unit's name as eight bytes.
    var naaDesignator: ByteBuffer {
        ByteBuffer(integer: LocallyAssignedName.make(from: self.identity.serial))
    }

    /// NUL-terminated and padded to a multiple of four bytes (SPC-4).
    private static func scsiNameString(_ name: String) -> ByteBuffer {
        var buffer = ByteBuffer(string: name)
        buffer.writeRepeatingByte(0, count: 4 - buffer.readableBytes % 4)
        return buffer
    }
}

/// An NAA locally assigned name (NAA=3h): 60 bits that the administrator answers for, as Apus has no IEEE company ID.
enum LocallyAssignedName {
    /// The first 15 hexadecimal digits of the serial, so that the name can be told from it by eye; a serial without
    /// that many gives a hash (FNV-1a) instead.
    static func make(from serial: String) -> UInt64 {
        let digits = serial.unicodeScalars.compactMap { UInt64(String($0), radix: 16) }
        let value: UInt64
        if digits.count >= 15 {
            value = digits.prefix(15).reduce(0) { $0 << 4 | $1 }
        } else {
            value = serial.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
        return 0x3 << 60 | value & 0x0FFF_FFFF_FFFF_FFFF
    }
}

/// What a designator names.
private enum Association: UInt8 {
    case logicalUnit = 0x00
    case targetPort = 0x10
    case targetDevice = 0x20
}

private enum CodeSet: UInt8 {
    case binary = 0x1
    case ascii = 0x2
    case utf8 = 0x3
}

extension ByteBuffer {
    /// Ports and devices say which protocol they speak (5h, iSCSI); PIV marks that.
    fileprivate mutating func writeDesignator(
        _ association: Association, type: UInt8, codeSet: CodeSet, _ designator: ByteBuffer
    ) {
        let hasProtocol = association != .logicalUnit
        self.writeInteger((hasProtocol ? 0x50 : 0x00) | codeSet.rawValue)
        self.writeInteger((hasProtocol ? 0x80 : 0x00) | association.rawValue | type)
        self.writeInteger(UInt8(0))
        self.writeInteger(UInt8(clamping: designator.readableBytes))
        self.writeImmutableBuffer(designator)
    }
}
