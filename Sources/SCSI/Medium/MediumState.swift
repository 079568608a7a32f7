// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// Whether the medium is there, and may be taken out.
struct MediumState: Sendable {
    /// START STOP UNIT with LOEJ took the medium out.
    var isEjected = false
    /// The nexuses that prevent medium removal.
    var preventing: Set<UInt64> = []

    /// Why commands that need the medium are refused, nil when they are not.
    var notReady: Sense? {
        self.isEjected ? Sense(.notReady, .mediumNotPresent) : nil
    }
}

extension CommandDescriptor {
    /// What asks for, and changes, the unit's readiness (SPC-4; SBC-3).
    static let unitState: [CommandDescriptor] = [
        CommandDescriptor(
            "TEST UNIT READY", [0x00, 0x00, 0x00, 0x00, 0x00, 0x04], .unlessReserved, .needsMedium,
            handler: { _, _, _ in .finish(.good) }),
        CommandDescriptor(
            "REQUEST SENSE", [0x03, 0x01, 0x00, 0x00, 0xFF, 0x04], .always, .ignoresUnitAttention,
            handler: { unit, cdb, nexus in unit.requestSense(cdb, nexus) }),
        CommandDescriptor(
            "START STOP UNIT", [0x1B, 0x01, 0x00, 0x00, 0xF7, 0x04], .always,
            handler: { unit, cdb, nexus in unit.startStop(cdb, nexus) }),
        CommandDescriptor(
            "PREVENT ALLOW MEDIUM REMOVAL", [0x1E, 0x00, 0x00, 0x00, 0x03, 0x04], .always,
            handler: { unit, cdb, nexus in unit.preventAllow(cdb, nexus) }),
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
            sense = self.sanitizeStanding ?? self.medium.notReady ?? self.selfTestStanding ?? Sense(.noSense, .none)
        }
        return .finish(.good(sense.encode(format).cut(to: Int(cdb[4]))))
    }

    /// Nothing spins, so starting and power conditions change nothing. Stopping flushes, and LOEJ takes a removable
    /// medium out or puts it back.
    fileprivate mutating func startStop(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        let start = cdb.has(0x01, at: 4)
        let loadOrEject = cdb.has(0x02, at: 4)
        let hasPowerCondition = cdb[4] & 0xF0 != 0
        // Another's reservation lets the unit be started, and nothing else (SBC-3).
        if !start || loadOrEject || hasPowerCondition, self.conflicts(.writes, nexus) {
            return .finish(.reservationConflict)
        }
        guard !hasPowerCondition else { return .finish(.good) }
        if loadOrEject {
            guard self.settings.removable else { return self.check(.invalidFieldInCDB(4, bit: 1)) }
            guard self.medium.preventing.isEmpty else {
                return self.check(Sense(.illegalRequest, .mediumRemovalPrevented))
            }
            if self.medium.isEjected == start {
                self.medium.isEjected = !start
                if start { self.attentions.addForAll(.mediumMayHaveChanged, except: nexus.id) }
            }
        }
        let flushes = !start && !cdb.has(0x04, at: 4) && self.info.capabilities.contains(.writeCache)
        return flushes ? .perform(.flush, .good) : .finish(.good)
    }

    /// PREVENT counts once for each nexus, and ends with it (SBC-3).
    fileprivate mutating func preventAllow(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        guard cdb[4] & 0x02 == 0 else { return self.check(.invalidFieldInCDB(4, bit: 1)) }
        if cdb.has(0x01, at: 4) {
            guard !self.conflicts(.writes, nexus) else {
                return .finish(.reservationConflict)
            }
            self.medium.preventing.insert(nexus.id)
        } else {
            self.medium.preventing.remove(nexus.id)
        }
        return .finish(.good)
    }

    /// Why the medium cannot be written by a nexus, nil when it can.
    func writeProtection(_ nexus: borrowing Nexus) -> Sense? {
        if nexus.isWriteProtected { return Sense(.dataProtect, .writeProtected) }
        if self.info.capabilities.contains(.readOnly) { return Sense(.dataProtect, .writeProtected) }
        if self.modes.control.softwareWriteProtect { return Sense(.dataProtect, .softwareWriteProtected) }
        return nil
    }
}
