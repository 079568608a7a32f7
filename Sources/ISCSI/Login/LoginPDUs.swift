// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// The stages of a login (RFC 7143 §6.3): CSG and NSG.
package enum LoginStage: UInt8, Sendable {
    case securityNegotiation = 0
    case operationalNegotiation = 1
    case fullFeature = 3
}

/// The initiator's half of a session's name: ISID, unique among its sessions with one portal group (RFC 7143 §11.12.5).
package struct ISID: Hashable, Sendable, CustomStringConvertible {
    /// Six bytes in the low places.
    package var value: UInt64

    package init(_ value: UInt64) {
        self.value = value & 0xffff_ffff_ffff
    }

    /// Twelve hexadecimal digits, as the initiator port's name ends.
    package var description: String {
        let digits = String(self.value, radix: 16)
        return String(repeating: "0", count: 12 - digits.utf8.count) + digits
    }
}

/// A Login Request (RFC 7143 §11.12).
package struct LoginRequest: Sendable {
    package var wantsTransit: Bool
    package var isContinued: Bool
    /// CSG and NSG as they came; nil for the reserved value 2.
    package var currentStage: LoginStage?
    package var nextStage: LoginStage?
    package var versionMin: UInt8
    package var isid: ISID
    package var tsih: UInt16
    package var initiatorTaskTag: UInt32
    package var connectionID: UInt16
    package var cmdSN: UInt32
    package var text: ByteBuffer

    package init(_ pdu: PDU) {
        let header = pdu.header
        self.wantsTransit = header.flags & 0x80 != 0
        self.isContinued = header.flags & 0x40 != 0
        self.currentStage = LoginStage(rawValue: header.flags >> 2 & 0x03)
        self.nextStage = LoginStage(rawValue: header.flags & 0x03)
        self.versionMin = UInt8(truncatingIfNeeded: header.opcodeSpecific)
        self.isid = ISID(header.lun >> 16)
        self.tsih = UInt16(truncatingIfNeeded: header.lun)
        self.initiatorTaskTag = header.initiatorTaskTag
        self.connectionID = UInt16(truncatingIfNeeded: header[field: 20] >> 16)
        self.cmdSN = header[field: 24]
        self.text = pdu.data
    }
}

/// Status-Class and Status-Detail of a Login Response (RFC 7143 §11.13.5).
package enum LoginStatus: UInt16, Sendable {
    case success = 0x0000
    case targetMovedTemporarily = 0x0101
    case targetMovedPermanently = 0x0102
    case initiatorError = 0x0200
    case authenticationFailure = 0x0201
    case authorizationFailure = 0x0202
    case targetNotFound = 0x0203
    case targetRemoved = 0x0204
    case unsupportedVersion = 0x0205
    case tooManyConnections = 0x0206
    case missingParameter = 0x0207
    case cannotIncludeInSession = 0x0208
    case sessionTypeNotSupported = 0x0209
    case sessionDoesNotExist = 0x020a
    case invalidDuringLogin = 0x020b
    case targetError = 0x0300
    case serviceUnavailable = 0x0301
    case outOfResources = 0x0302
}

/// A Login Response but for its sequence numbers (RFC 7143 §11.13).
package struct LoginResponse: Sendable {
    package var transits = false
    package var currentStage: LoginStage
    package var nextStage: LoginStage?
    package var isid: ISID
    package var tsih: UInt16
    package var initiatorTaskTag: UInt32
    package var status: LoginStatus
    package var text = ByteBuffer()

    /// The header, without data segment length and sequence numbers.
    package var header: BasicHeaderSegment {
        var flags = self.currentStage.rawValue << 2
        if self.transits, let next = self.nextStage {
            flags |= 0x80 | next.rawValue
        }
        var header = BasicHeaderSegment(.loginResponse, flags: flags)
        header.lun = self.isid.value << 16 | UInt64(self.tsih)
        header.initiatorTaskTag = self.initiatorTaskTag
        header[field: 36] = UInt32(self.status.rawValue) << 16
        return header
    }
}
