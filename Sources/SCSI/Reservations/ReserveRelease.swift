// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension CommandDescriptor {
    /// RESERVE and RELEASE (SPC-2). Third-party reservations and extents went out of use with them.
    static let reserveRelease: [CommandDescriptor] = [
        CommandDescriptor(
            "RESERVE (6)", [0x16, 0x00, 0x00, 0x00, 0x00, 0x04], .writes, .reservations,
            handler: { unit, cdb, nexus in unit.reserve(cdb, nexus) }),
        CommandDescriptor(
            "RELEASE (6)", [0x17, 0x00, 0x00, 0x00, 0x00, 0x04], .always, .reservations,
            handler: { unit, cdb, nexus in unit.release(cdb, nexus) }),
        CommandDescriptor(
            "RESERVE (10)", [0x56, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04], .writes, .reservations,
            handler: { unit, cdb, nexus in unit.reserve(cdb, nexus) }),
        CommandDescriptor(
            "RELEASE (10)", [0x57, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04], .always, .reservations,
            handler: { unit, cdb, nexus in unit.release(cdb, nexus) }),
    ]
}

extension LogicalUnit {
    fileprivate mutating func reserve(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        if let sense = self.unsupportedExtent(cdb) { return self.check(sense) }
        // The two kinds of reservation exclude each other (SPC-4, CRH=0).
        guard self.persistent.registrations.isEmpty else { return .finish(.reservationConflict) }
        self.reservation = LegacyReservation(holder: nexus.id)
        return .finish(.good)
    }

    /// Releasing what another holds, or nobody, changes nothing and is no error.
    fileprivate mutating func release(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        if let sense = self.unsupportedExtent(cdb) { return self.check(sense) }
        // The two kinds of reservation exclude each other (SPC-4, CRH=0).
        guard self.persistent.registrations.isEmpty else { return .finish(.reservationConflict) }
        if self.reservation?.holder == nexus.id {
            self.reservation = nil
        }
        return .finish(.good)
    }

    /// 3RDPTY in bit 4 and EXTENT in bit 0 of byte 1.
    private func unsupportedExtent(_ cdb: CDB) -> Sense? {
        if cdb.has(0x10, at: 1) { return .invalidFieldInCDB(1, bit: 4) }
        if cdb.has(0x01, at: 1) { return .invalidFieldInCDB(1, bit: 0) }
        return nil
    }
}
