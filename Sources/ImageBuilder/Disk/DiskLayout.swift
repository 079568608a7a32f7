// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// The disk of an image, in sectors of 512 bytes. The EFI System Partition has number 1 and the root number 2, as the
// layouts of others do; the partition that only a BIOS boot loader uses is number 3 although it comes first.
//
//      0        first 440 bytes of GRUB's boot.img, then the protective MBR's table (UEFI §5.2.3)
//      1        GPT
//      2048     3  BIOS boot partition, 1 MiB: GRUB's core.img
//      4096     1  EFI System Partition, FAT32: EFI/BOOT/BOOTX64.EFI, grubx64.efi, grub.cfg; vmlinuz, initrd.img
//      266240   2  root, ext4, up to the second GPT
//      end-2047    second GPT

/// Where the partitions of a disk of a given size lie.
struct DiskLayout: Equatable {
    static let sectorBytes: UInt64 = 512
    static let smallestDiskBytes: UInt64 = 1 << 30
    /// ext4's limit with blocks of 4 KiB and the features that mke2fs chooses.
    static let largestDiskBytes: UInt64 = 16 << 40
    /// Partitions begin at whole mebibytes: a multiple of every block size in use.
    private static let alignmentSectors: UInt64 = 2048
    /// Room for a kernel, an initramfs and their successors.
    static let standardESPBytes: UInt64 = 128 << 20

    struct Partition: Equatable {
        var firstSector: UInt64
        var sectors: UInt64

        var offsetBytes: UInt64 { self.firstSector * DiskLayout.sectorBytes }
        var sizeBytes: UInt64 { self.sectors * DiskLayout.sectorBytes }
    }

    let sizeBytes: UInt64
    let biosBoot: Partition
    let esp: Partition
    let root: Partition

    /// - Parameters:
    ///   - sizeBytes: The disk's size, a part of a mebibyte is left unused.
    ///   - espBytes: The size of the EFI System Partition, whole mebibytes.
    init(sizeBytes: UInt64, espBytes: UInt64 = Self.standardESPBytes) {
        precondition(sizeBytes >= max(Self.smallestDiskBytes, 2 * espBytes))
        precondition(espBytes % (Self.alignmentSectors * Self.sectorBytes) == 0)
        let sectors = sizeBytes / Self.sectorBytes / Self.alignmentSectors * Self.alignmentSectors
        self.sizeBytes = sectors * Self.sectorBytes
        self.biosBoot = Partition(firstSector: Self.alignmentSectors, sectors: Self.alignmentSectors)
        self.esp = Partition(firstSector: 2 * Self.alignmentSectors, sectors: espBytes / Self.sectorBytes)
        let rootStart = self.esp.firstSector + self.esp.sectors
        self.root = Partition(firstSector: rootStart, sectors: sectors - Self.alignmentSectors - rootStart)
    }

    /// What sfdisk(8) is given on its standard input.
    func sfdiskScript(ids: ImageIdentifiers) -> String {
        func line(_ number: Int, _ partition: Partition, type: String, uuid: String, name: String) -> String {
            "disk\(number) : start=\(partition.firstSector), size=\(partition.sectors), type=\(type), uuid=\(uuid), "
                + "name=\"\(name)\"\n"
        }
        return """
            label: gpt
            label-id: \(ids.disk)
            unit: sectors

            """
                + line(
                    1, self.esp, type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", uuid: ids.espPartition,
                    name: "EFI system partition")
                + line(
                    2, self.root, type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", uuid: ids.rootPartition, name: "root")
                + line(
                    3, self.biosBoot, type: "21686148-6449-6E6F-744E-656564454649", uuid: ids.biosBootPartition,
                    name: "BIOS boot partition")
    }
}

/// The identifiers on a disk. They come from the image's name, so that a machine that sees two images can tell them apart,
/// and one whose disk is a copy of an earlier build still finds its root when it is given the kernel of a later one.
struct ImageIdentifiers: Equatable {
    let disk: String
    let espPartition: String
    let rootPartition: String
    let biosBootPartition: String
    let rootFilesystem: String
    /// FAT's volume serial number, eight hexadecimal digits.
    let espVolume: String

    /// - Parameter hash: SHA-256 of something that has the image's name and the purpose that is passed in it.
    init(hash: (String) -> [UInt8]) {
        func uuid(_ purpose: String) -> String { Self.uuid(hash(purpose)) }
        self.disk = uuid("disk")
        self.espPartition = uuid("ESP partition")
        self.rootPartition = uuid("root partition")
        self.biosBootPartition = uuid("BIOS boot partition")
        self.rootFilesystem = uuid("root filesystem")
        self.espVolume = Self.hexadecimal(hash("ESP volume").prefix(4)).uppercased()
    }

    /// A UUID of version 8, RFC 9562 §5.8, of the first 16 bytes.
    private static func uuid(_ bytes: [UInt8]) -> String {
        var bytes = Array(bytes.prefix(16))
        bytes[6] = bytes[6] & 0x0f | 0x80
        bytes[8] = bytes[8] & 0x3f | 0x80
        return [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
            .map(Self.hexadecimal).joined(separator: "-")
    }

    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The kernel argument that names the root filesystem.
    var rootArgument: String { "root=UUID=\(self.rootFilesystem)" }

    /// The volume's number as GRUB and udev spell it, `ABCD-1234`.
    var espVolumeName: String { "\(self.espVolume.prefix(4))-\(self.espVolume.suffix(4))" }
}
