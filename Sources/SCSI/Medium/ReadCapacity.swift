// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// READ CAPACITY (SBC-3).
    static let capacity: [CommandDescriptor] = [
        CommandDescriptor(
            "READ CAPACITY (10)", [0x25, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x04],
            .always, .needsMedium,
            handler: { unit, cdb, _ in unit.readCapacity10(cdb) }),
        CommandDescriptor(
            "READ CAPACITY (16)",
            [
                0x9E, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            serviceAction: 0x10, .always, .needsMedium,
            handler: { unit, cdb, _ in unit.readCapacity16(cdb) }),
    ]
}

extension LogicalUnit {
    private var lastLBA: UInt64 { max(self.info.geometry.blockCount, 1) - 1 }

    /// Eight bytes; the last LBA is FFFFFFFFh where it does not fit, which sends initiators to the long form.
    fileprivate func readCapacity10(_ cdb: CDB) -> TaskStep {
        // PMI is obsolete; without it an LBA has no meaning.
        guard cdb.has(0x01, at: 8) || cdb.uint32(2) == 0 else { return self.check(.invalidFieldInCDB(2)) }
        var data = ByteBuffer()
        data.writeInteger(UInt32(clamping: self.lastLBA))
        data.writeInteger(UInt32(self.info.geometry.blockSize))
        return .finish(.good(data))
    }

    /// 32 bytes: size, geometry and whether blocks can be unmapped.
    fileprivate func readCapacity16(_ cdb: CDB) -> TaskStep {
        let capabilities = self.info.capabilities
        var provisioning: UInt16 = 0  // lowest aligned LBA: 0
        if capabilities.contains(.unmap) { provisioning |= 0x8000 }  // LBPME
        if capabilities.contains([.unmap, .unmapZeroes]) { provisioning |= 0x4000 }  // LBPRZ
        var data = ByteBuffer()
        data.reserveCapacity(32)
        data.writeInteger(self.lastLBA)
        data.writeInteger(UInt32(self.info.geometry.blockSize))
        data.writeInteger(UInt8(0))  // no protection information
        data.writeInteger(self.info.geometry.physicalBlockExponent & 0x0F)
        data.writeInteger(provisioning)
        data.writeRepeatingByte(0, count: 16)
        return .finish(.good(data.cut(to: Int(clamping: cdb.uint32(10)))))
    }
}
