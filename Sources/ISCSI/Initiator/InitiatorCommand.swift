// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// A SCSI command as an initiator sends it.
package struct InitiatorCommand: Sendable {
    package enum Transfer: Sendable {
        case none
        /// So many bytes are to come.
        case read(Int)
        case write(ByteBuffer)
    }

    package var lun: UInt64
    /// The CDB's sixteen bytes as two numbers in network order.
    package var cdb: (UInt64, UInt64)
    package var transfer: Transfer

    @inlinable
    package init(lun: UInt64, cdb: (UInt64, UInt64), transfer: Transfer = .none) {
        self.lun = lun
        self.cdb = cdb
        self.transfer = transfer
    }

    /// A LUN below 16384 as eight bytes (SAM-5: peripheral or flat space addressing).
    package static func encode(lun: UInt16) -> UInt64 {
        UInt64(lun < 256 ? lun : lun & 0x3fff | 0x4000) << 48
    }
}

/// How a command ended.
package struct TaskEnding: Sendable {
    /// The SCSI status; nil where the target could not complete the command at all (response code 1).
    package var status: UInt8?
    /// Bytes that were expected and not transferred.
    package var underflow = 0
    /// Sense data, empty where there is none.
    package var sense = ByteBuffer()

    package var isGood: Bool { self.status == 0 }
    /// BUSY or TASK SET FULL: the same command may succeed later (SAM-5).
    package var isBusy: Bool { self.status == 0x08 || self.status == 0x28 }
}

/// What a target's PDU means to the initiator.
package enum InitiatorEvent: Sendable {
    case nothing
    /// Data of the read `task`.
    case data(task: Int, offset: Int, ByteBuffer)
    /// The command `task` has ended, and its last data came with that.
    case dataAndEnd(task: Int, offset: Int, ByteBuffer, TaskEnding)
    case ended(task: Int, TaskEnding)
    /// The answer to a text request; there is more to be asked for where `isFinal` is false.
    case text(ByteBuffer, isFinal: Bool)
    case loggedOut
    /// The target wants the session to end, or ends it (RFC 7143 §11.9).
    case wantsLogout(String)
}

/// What a target did that ends the connection (error recovery level 0).
package enum TargetViolation: Error, Sendable, Equatable {
    case unknownPDU
    case damagedData
    case unknownTask(UInt32)
    case wrongStatSN(expected: UInt32, got: UInt32)
    case wrongDataSN(expected: UInt32, got: UInt32)
    case wrongOffset(expected: Int, got: Int)
    case tooMuchData
    case wrongR2T
    case missingData(expected: Int, got: Int)
    /// It rejected a PDU of ours, for the reason of RFC 7143 §11.17.1.
    case rejected(UInt8)
}

extension TargetViolation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownPDU: "the target sent a PDU that no target sends"
        case .damagedData: "the data digest does not match"
        case .unknownTask(let tag): "the target answers task \(tag), which is not under way"
        case .wrongStatSN(let expected, let got): "the target sent StatSN \(got) where \(expected) was to come"
        case .wrongDataSN(let expected, let got): "the target sent DataSN \(got) where \(expected) was to come"
        case .wrongOffset(let expected, let got):
            "the target sent data at offset \(got) where \(expected) was to come"
        case .tooMuchData: "the target sent more data than it was asked for"
        case .wrongR2T: "the target asks for data that the command does not have"
        case .missingData(let expected, let got):
            "the target reports success after \(got) of \(expected) bytes of data"
        case .rejected(let reason): "the target rejects a PDU, reason \(reason)"
        }
    }
}
