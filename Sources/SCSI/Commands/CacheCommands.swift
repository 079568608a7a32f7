// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

extension CommandDescriptor {
    /// SYNCHRONIZE CACHE and PRE-FETCH (SBC-3).
    static let cache: [CommandDescriptor] = [
        CommandDescriptor(
            "SYNCHRONIZE CACHE (10)", [0x35, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04],
            .writes, .needsMedium,
            handler: { unit, cdb, _ in unit.synchronizeCache(.ten(cdb)) }),
        CommandDescriptor(
            "SYNCHRONIZE CACHE (16)",
            [
                0x91, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, .needsMedium,
            handler: { unit, cdb, _ in unit.synchronizeCache(.sixteen(cdb)) }),
        CommandDescriptor(
            "PRE-FETCH (10)", [0x34, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04],
            .reads, .needsMedium,
            handler: { unit, cdb, _ in unit.prefetch(.ten(cdb)) }),
        CommandDescriptor(
            "PRE-FETCH (16)",
            [
                0x90, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .reads, .needsMedium,
            handler: { unit, cdb, _ in unit.prefetch(.sixteen(cdb)) }),
    ]
}

extension LogicalUnit {
    /// A flush covers the whole medium, so only the range's bounds matter; a count of zero means to the end. IMMED=1
    /// may be answered before the work is done, but waiting keeps the answer honest.
    fileprivate func synchronizeCache(_ access: BlockAccess) -> TaskStep {
        if let sense = self.invalid(access, maximumBlocks: .max) { return self.check(sense) }
        guard self.info.capabilities.contains(.writeCache) else { return .finish(.good) }
        return .perform(.flush, .good)
    }

    /// Nothing is fetched: reading ahead is the kernel's. GOOD says that the cache has no room for the blocks, where
    /// CONDITION MET would promise that they are in it.
    fileprivate func prefetch(_ access: BlockAccess) -> TaskStep {
        if let sense = self.invalid(access, maximumBlocks: .max) { return self.check(sense) }
        return .finish(.good)
    }
}
