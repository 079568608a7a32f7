// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// GRUB's first stages for a BIOS, put in place as grub-bios-setup does, but into a file.
///
/// `boot.img` is the code of sector 0. It loads one sector, the first of `core.img`, whose last bytes say where the rest
/// of `core.img` is.
enum BIOSLoader {
    enum Problem: Error, Equatable {
        case bootImageHasWrongSize(Int)
        case coreImageTooSmall(Int)
        case coreImageTooLarge(bytes: Int, room: Int)
    }

    /// How much of sector 0 is code; the disk's signature and the partition table follow.
    static let codeBytes = 440
    /// Where `boot.img` keeps the number of core.img's first sector, eight bytes.
    private static let coreSectorOffset = 0x5c
    /// Where `boot.img` jumps over the use of the BIOS's drive number; two NOPs make it use that number.
    private static let driveCheckOffset = 0x66
    /// Where `core.img`'s first sector keeps its list of blocks: sector (8 bytes), count (2), segment (2).
    private static let blockListOffset = 500
    /// The segment that the rest of core.img is loaded to.
    private static let loadSegment: UInt16 = 0x820

    /// The code for sector 0.
    static func bootCode(bootImage: [UInt8], coreSector: UInt64) throws(Problem) -> [UInt8] {
        guard bootImage.count == 512 else { throw .bootImageHasWrongSize(bootImage.count) }
        var code = Array(bootImage.prefix(Self.codeBytes))
        Self.put(coreSector, bytes: 8, into: &code, at: Self.coreSectorOffset)
        Self.put(UInt64(0x9090), bytes: 2, into: &code, at: Self.driveCheckOffset)
        return code
    }

    /// `core.img` for a place on the disk.
    static func core(coreImage: [UInt8], at partition: DiskLayout.Partition) throws(Problem) -> [UInt8] {
        guard coreImage.count > 512 else { throw .coreImageTooSmall(coreImage.count) }
        guard coreImage.count <= partition.sizeBytes else {
            throw .coreImageTooLarge(bytes: coreImage.count, room: Int(partition.sizeBytes))
        }
        var core = coreImage
        let sectorsAfterFirst = UInt64((coreImage.count + 511) / 512 - 1)
        Self.put(partition.firstSector + 1, bytes: 8, into: &core, at: Self.blockListOffset)
        Self.put(sectorsAfterFirst, bytes: 2, into: &core, at: Self.blockListOffset + 8)
        Self.put(UInt64(Self.loadSegment), bytes: 2, into: &core, at: Self.blockListOffset + 10)
        return core
    }

    /// Little-endian, as the loader reads it.
    private static func put(_ value: UInt64, bytes: Int, into target: inout [UInt8], at offset: Int) {
        for index in 0..<bytes { target[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
}
