// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A target port group's asymmetric access state (SPC-4 §5.15).
package enum AccessState: UInt8, Sendable, CaseIterable {
    case activeOptimized = 0x0
    case activeNonOptimized = 0x1
    case standby = 0x2
    case unavailable = 0x3
    case offline = 0xE
    case transitioning = 0xF

    /// Whether every command is executed.
    var isActive: Bool { self == .activeOptimized || self == .activeNonOptimized }

    /// The state's bit among those that a group supports, as REPORT TARGET PORT GROUPS returns them.
    var supportBit: UInt8 {
        switch self {
        case .activeOptimized: 0x01
        case .activeNonOptimized: 0x02
        case .standby: 0x04
        case .unavailable: 0x08
        case .offline: 0x40
        case .transitioning: 0x80
        }
    }

    /// Why a command is not executed through a port in this state, nil where it is. In standby the unit's
    /// configuration can be looked at and its reservations changed; otherwise little more than who it is can be asked.
    func refusal(of cdb: CDB) -> Sense? {
        let code: AdditionalSense
        switch self {
        case .activeOptimized, .activeNonOptimized: return nil
        case .standby: code = .targetPortInStandbyState
        case .unavailable: code = .targetPortInUnavailableState
        case .offline: code = .logicalUnitOffline
        case .transitioning: code = .accessStateTransition
        }
        switch cdb.operationCode {
        case 0x12, 0xA0, 0x03:  // INQUIRY, REPORT LUNS, REQUEST SENSE
            return nil
        case 0xA3 where cdb.serviceAction == 0x0A, 0xA4 where cdb.serviceAction == 0x0A:  // … TARGET PORT GROUPS
            return self == .offline ? Sense(.notReady, code) : nil
        case 0x15, 0x55, 0x1A, 0x5A, 0x4C, 0x4D,  // MODE SELECT, MODE SENSE, LOG SELECT, LOG SENSE
            0x1C, 0x1D, 0x5E, 0x5F, 0x25, 0xA3:  // diagnostics, PERSISTENT RESERVE, READ CAPACITY (10), MAINTENANCE IN
            return self == .standby ? nil : Sense(.notReady, code)
        case 0x9E where cdb.serviceAction == 0x10:  // READ CAPACITY (16)
            return self == .standby ? nil : Sense(.notReady, code)
        default:
            return Sense(.notReady, code)
        }
    }
}
