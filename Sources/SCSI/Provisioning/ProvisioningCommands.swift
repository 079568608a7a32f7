// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension CommandDescriptor {
    /// What sets blocks to one pattern, or gives them back (SBC-3).
    static let provisioning: [CommandDescriptor] = [
        CommandDescriptor(
            "UNMAP", [0x42, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            .writes, [.needsMedium, .writesMedium, .needsUnmap],
            handler: { unit, cdb, _ in unit.unmap(cdb) }),
        CommandDescriptor(
            "WRITE SAME (10)", [0x41, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04],
            .writes, .medium,
            handler: { unit, cdb, _ in unit.writeSame(.ten(cdb), cdb, noDataOut: false) }),
        CommandDescriptor(
            "WRITE SAME (16)",
            [
                0x93, 0x19, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, .medium,
            handler: { unit, cdb, _ in unit.writeSame(.sixteen(cdb), cdb, noDataOut: cdb.has(0x01, at: 1)) }),
        CommandDescriptor(
            "GET LBA STATUS",
            [
                0x9E, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            serviceAction: 0x12, .unlessReserved, .needsMedium,
            handler: { unit, cdb, _ in unit.getLBAStatus(cdb) }),
    ]
}
