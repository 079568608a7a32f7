// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// REPORT and SET IDENTIFYING INFORMATION (SPC-4): what an administrator calls the unit. Where nothing is remembered,
    /// nothing can be set.
    static let identifyingInformation: [CommandDescriptor] = [
        CommandDescriptor(
            "REPORT IDENTIFYING INFORMATION",
            [0xA3, 0x05, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x04], serviceAction: 0x05,
            .reads, handler: { unit, cdb, _ in unit.reportIdentifyingInformation(cdb) }),
        CommandDescriptor(
            "SET IDENTIFYING INFORMATION",
            [0xA4, 0x06, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x04], serviceAction: 0x06,
            .writes, .needsMemory, handler: { unit, cdb, _ in unit.setIdentifyingInformation(cdb) }),
    ]
}

/// A kind of identifying information.
package enum InformationType: UInt8, Sendable, CaseIterable {
    case identification = 0x00
    /// UTF-8, ended by NUL.
    case text = 0x02

    /// The most bytes.
    var limit: Int {
        switch self {
        case .identification: 64
        case .text: 256
        }
    }

    static let supportedTypes: UInt8 = 0x7F
}

extension LogicalUnit {
    fileprivate func reportIdentifyingInformation(_ cdb: CDB) -> TaskStep {
        let code = cdb[10] >> 1
        var body = ByteBuffer()
        if code == InformationType.supportedTypes {
            for type in InformationType.allCases {
                body.writeMultipleIntegers(type.rawValue << 1, UInt8(0), UInt16(type.limit))
            }
        } else {
            guard let type = InformationType(rawValue: code) else { return self.check(.invalidFieldInCDB(10, bit: 7)) }
            body.writeBytes(self.identifyingInformation[type.rawValue] ?? [])
        }
        var data = ByteBuffer()
        data.writeInteger(UInt16(0))
        data.writeInteger(UInt16(body.readableBytes))
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: Int(clamping: cdb.uint32(6)))))
    }

    fileprivate mutating func setIdentifyingInformation(_ cdb: CDB) -> TaskStep {
        guard let type = InformationType(rawValue: cdb[10] >> 1) else {
            return self.check(.invalidFieldInCDB(10, bit: 7))
        }
        let length = cdb.uint32(6)
        guard length <= UInt32(type.limit) else { return self.check(.invalidFieldInCDB(6)) }
        guard length > 0 else { return self.setIdentifyingInformation(type, 0, ByteBuffer()) }
        return .collect(byteCount: Int(length), .setIdentifyingInformation(type, length: Int(length)))
    }

    /// The information has come; none takes away what there is.
    mutating func setIdentifyingInformation(_ type: InformationType, _ length: Int, _ data: ByteBuffer) -> TaskStep {
        guard data.readableBytes == length else { return self.check(.parameterListLengthError) }
        let bytes = Array(data.readableBytesView)
        if type == .text, length > 0 {
            guard bytes.last == 0, String(validating: bytes.dropLast(), as: UTF8.self) != nil else {
                return self.check(.invalidFieldInParameterList(0))
            }
        }
        self.identifyingInformation[type.rawValue] = bytes.isEmpty ? nil : bytes
        return self.remembering(.good)
    }
}
