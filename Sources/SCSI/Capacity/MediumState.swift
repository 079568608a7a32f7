// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// Whether the medium is there, and turning.
struct MediumState: Sendable {
    /// START STOP UNIT with LOEJ took the medium out.
    var isEjected = false
    /// START STOP UNIT stopped the unit.
    var isStopped = false
    /// The nexuses that prevent medium removal.
    var preventing: Set<UInt64> = []

    /// Why commands that need the medium are refused, nil when they are not.
    var notReady: Sense? {
        if self.isEjected { return Sense(.notReady, .mediumNotPresent) }
        if self.isStopped { return Sense(.notReady, .initializingCommandRequired) }
        return nil
    }
}

extension CommandDescriptor {
    /// What asks for, and changes, the unit's readiness (SPC-4 §6.39, §6.47; SBC-3 §5.15, §5.17).
    static let unitState: [CommandDescriptor] = [
        CommandDescriptor(
            "TEST UNIT READY", [0x00, 0x00, 0x00, 0x00, 0x00, 0x04], .unlessReserved, .needsMedium,
            handler: { _, _, _ in .finish(.good) }),
        CommandDescriptor(
            "REQUEST SENSE", [0x03, 0x01, 0x00, 0x00, 0xFF, 0x04], .always, .ignoresUnitAttention,
            handler: { unit, cdb, nexus in unit.requestSense(cdb, nexus) }),
    ]
}

extension LogicalUnit {
    /// Tells, and clears, the oldest unit attention; otherwise whether the medium is ready. Autosense has delivered
    /// everything else already.
    fileprivate mutating func requestSense(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        let format: SenseFormat = cdb.has(0x01, at: 1) ? .descriptor : .fixed
        let sense: Sense
        if let code = self.attentions.take(for: nexus.id) {
            sense = Sense(.unitAttention, code)
        } else {
            sense = self.medium.notReady ?? Sense(.noSense, .none)
        }
        return .finish(.good(sense.encode(format).cut(to: Int(cdb[4]))))
    }

    /// Why the medium cannot be written, nil when it can.
    var writeProtection: Sense? {
        if self.info.capabilities.contains(.readOnly) { return Sense(.dataProtect, .writeProtected) }
        if self.modes.control.softwareWriteProtect { return Sense(.dataProtect, .softwareWriteProtected) }
        return nil
    }
}
