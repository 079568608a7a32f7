// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

extension CommandDescriptor {
    /// READ (SBC-3). RDPROTECT is unused in the usage maps: the unit keeps no protection information.
    static let reads: [CommandDescriptor] = [
        CommandDescriptor(
            "READ (6)", [0x08, 0x1F, 0xFF, 0xFF, 0xFF, 0x04], .reads, .needsMedium,
            handler: { unit, cdb, _ in unit.read(.six(cdb), forceUnitAccess: false) }),
        CommandDescriptor(
            "READ (10)", [0x28, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04], .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.read(.ten(cdb), cdb) }),
        CommandDescriptor(
            "READ (12)", [0xA8, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.read(.twelve(cdb), cdb) }),
        CommandDescriptor(
            "READ (16)",
            [
                0x88, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.read(.sixteen(cdb), cdb) }),
    ]
}

extension LogicalUnit {
    fileprivate mutating func read(_ access: BlockAccess, _ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // RDPROTECT
        return self.read(access, forceUnitAccess: cdb.has(0x08, at: 1))
    }

    fileprivate mutating func read(_ access: BlockAccess, forceUnitAccess: Bool) -> TaskStep {
        if let sense = self.invalid(access, maximumBlocks: self.maximumTransferBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        self.counters.reads.add(access.count)
        // FUA: what the initiator reads must be on the medium, not only in the cache (SBC-3).
        if forceUnitAccess, self.info.capabilities.contains(.writeCache) {
            return .perform(.flush, .read(access.range))
        }
        return .read(access.range)
    }
}
