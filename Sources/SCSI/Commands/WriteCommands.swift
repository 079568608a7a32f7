// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

extension CommandDescriptor {
    /// WRITE (SBC-3). WRPROTECT is unused in the usage maps: the unit keeps no protection information.
    static let writes: [CommandDescriptor] = [
        CommandDescriptor(
            "WRITE (6)", [0x0A, 0x1F, 0xFF, 0xFF, 0xFF, 0x04], .writes, .medium,
            handler: { unit, cdb, _ in unit.write(.six(cdb), forceUnitAccess: false) }),
        CommandDescriptor(
            "WRITE (10)", [0x2A, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04], .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.write(.ten(cdb), cdb) }),
        CommandDescriptor(
            "WRITE (12)", [0xAA, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.write(.twelve(cdb), cdb) }),
        CommandDescriptor(
            "WRITE (16)",
            [
                0x8A, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.write(.sixteen(cdb), cdb) }),
    ]
}

extension CommandDescriptor.Traits {
    /// Changes blocks of the medium.
    static let medium: CommandDescriptor.Traits = [.needsMedium, .writesMedium]
    static let cachedRead: CommandDescriptor.Traits = [.needsMedium, .usesCache]
    static let cachedWrite: CommandDescriptor.Traits = [.needsMedium, .writesMedium, .usesCache]
}

extension LogicalUnit {
    fileprivate mutating func write(_ access: BlockAccess, _ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // WRPROTECT
        return self.write(access, forceUnitAccess: cdb.has(0x08, at: 1))
    }

    fileprivate mutating func write(_ access: BlockAccess, forceUnitAccess: Bool) -> TaskStep {
        if let sense = self.invalid(access, maximumBlocks: self.maximumTransferBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        self.counters.writes.add(access.count)
        return .write(access.range, durable: self.isDurable(forceUnitAccess: forceUnitAccess))
    }
}
