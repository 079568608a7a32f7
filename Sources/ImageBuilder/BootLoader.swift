// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// GRUB as an image has it: one configuration on the EFI System Partition for both firmwares.
enum BootLoader {
    static let efiPath = "EFI/BOOT/BOOTX64.EFI"
    static let configurationPath = "EFI/BOOT/grub.cfg"
    /// The serial line that consoles of servers and of virtual machines show.
    static let serialSpeed = 115_200

    /// The kernel's arguments for a root on the disk `rootFilesystem`: the last `console=` is where init writes.
    static func kernelArguments(rootArgument: String) -> [String] {
        [rootArgument, "rw", "rootwait", "console=tty0", "console=ttyS0,\(Self.serialSpeed)"]
    }

    static func configuration(title: String, kernel: String, initramfs: String, arguments: [String]) -> String {
        let arguments = arguments.joined(separator: " ")
        return """
            set default=0
            set timeout=2

            if serial --unit=0 --speed=\(Self.serialSpeed); then
                terminal_input serial console
                terminal_output serial console
            fi

            menuentry "\(title)" {
                echo "Loading \(kernel) and \(initramfs) ..."
                linux /\(kernel) \(arguments)
                initrd /\(initramfs)
                echo "Starting Linux ..."
            }

            menuentry "\(title): console of the initramfs" {
                linux /\(kernel) \(arguments) rd.systemd.mask=initrd.target
                initrd /\(initramfs)
            }

            """
    }

    /// What is built into the loader: where its configuration is. Read by GRUB's rescue parser, which knows simple
    /// commands only. The disk that the loader came from is asked first.
    static func earlyConfiguration(espVolume: String) -> String {
        """
        search.fs_uuid \(espVolume) root $root
        set prefix=($root)/EFI/BOOT

        """
    }

    private static let modules = [
        "part_gpt", "fat", "search", "search_fs_uuid", "normal", "configfile", "linux", "serial", "terminal", "echo",
        "test", "ls", "cat", "sleep", "halt", "reboot", "minicmd", "all_video",
    ]

    /// The arguments of grub-mkimage(1) for the loader on the EFI System Partition.
    static func efiImageArguments(earlyConfiguration: String, output: String) -> [String] {
        ["-O", "x86_64-efi", "-p", "/EFI/BOOT", "-c", earlyConfiguration, "-o", output] + Self.modules
    }

    /// The same for the loader that the BIOS starts.
    static func biosImageArguments(earlyConfiguration: String, output: String) -> [String] {
        ["-O", "i386-pc", "-p", "/EFI/BOOT", "-c", earlyConfiguration, "-o", output, "biosdisk"] + Self.modules
    }
}

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
