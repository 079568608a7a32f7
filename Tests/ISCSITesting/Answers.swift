// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI
private import NIOCore

/// What a target's PDU says, by the fields that RFC 7143 §11 gives it.
extension PDU {
    package var transferTag: UInt32 { self.header[field: 20] }
    package var statSN: UInt32 { self.header[field: 24] }
    package var expCmdSN: UInt32 { self.header[field: 28] }
    package var maxCmdSN: UInt32 { self.header[field: 32] }
    /// DataSN of a Data-In, ExpDataSN of a SCSI Response, R2TSN of an R2T.
    package var dataSN: UInt32 { self.header[field: 36] }
    package var bufferOffset: Int { Int(self.header[field: 40]) }
    /// Desired Data Transfer Length of an R2T.
    package var desiredLength: Int { Int(self.header[field: 44]) }
    package var residualCount: UInt32 { self.header[field: 44] }
    /// The SCSI status of a SCSI Response, and of a Data-In whose S bit is set.
    package var scsiStatus: UInt8 { UInt8(truncatingIfNeeded: self.header.opcodeSpecific) }
    /// The response code of a task management, logout or SCSI response; the reason of a reject.
    package var responseCode: UInt8 { UInt8(truncatingIfNeeded: self.header.opcodeSpecific >> 8) }
    /// Status-Class and Status-Detail of a Login Response.
    package var loginStatus: UInt16 { UInt16(truncatingIfNeeded: self.header[field: 36] >> 16) }
    package var hasStatus: Bool { self.header.opcode == .scsiResponse || self.header.flags & 0x01 != 0 }
    /// AsyncEvent and the three parameters of an Async Message; nil for other PDUs.
    package var asyncMessage: [UInt32]? {
        guard self.header.opcode == .asyncMessage else { return nil }
        let (first, second) = (self.header[field: 36], self.header[field: 40])
        return [first >> 24, first & 0xffff, second >> 16, second & 0xffff]
    }
    /// The key=value pairs of a login or text response.
    package var pairs: [String] {
        String(buffer: self.data).split(separator: "\0").map(String.init)
    }

    /// Sense key, additional sense code and qualifier of fixed or descriptor sense data.
    package var sense: [UInt8] {
        let data = self.data.array
        guard self.header.opcode == .scsiResponse, data.count >= 10 else { return [] }
        return data[2] & 0x7f >= 0x72 ? [data[3] & 0x0f, data[4], data[5]] : [data[4] & 0x0f, data[14], data[15]]
    }

    /// Whether the PDU uses up a StatSN (RFC 7143 §4.2.2.2).
    var advancesStatSN: Bool {
        switch self.header.opcode {
        case .dataIn: self.header.flags & 0x01 != 0
        case .nopIn: self.header.initiatorTaskTag != reservedTag
        case .readyToTransfer: false
        default: true
        }
    }
}
