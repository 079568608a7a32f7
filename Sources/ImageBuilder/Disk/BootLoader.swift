// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// GRUB as an image has it: one configuration on the EFI System Partition for both firmwares.
enum BootLoader {
    /// What firmware starts of a disk that it knows nothing of.
    static let efiPath = "EFI/BOOT/BOOTX64.EFI"
    static let configurationPath = "EFI/BOOT/grub.cfg"
    /// Debian's shim, signed by Microsoft, starts the GRUB beside it, signed by Debian. That one looks for its
    /// configuration in a folder that was chosen when it was signed.
    static let signedPath = "EFI/BOOT/grubx64.efi"
    static let signedConfigurationPath = "EFI/debian/grub.cfg"
    static let shim = "/usr/lib/shim/shimx64.efi.signed"
    static let signedGRUB = "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
    /// The serial line that consoles of servers and of virtual machines show.
    static let serialSpeed = 115_200

    /// The kernel's arguments for a root on the disk `rootFilesystem`: the last `console=` is where init writes.
    static func kernelArguments(rootArgument: String) -> [String] {
        [rootArgument, "rw", "rootwait", "console=tty0", "console=ttyS0,\(Self.serialSpeed)"]
    }

    /// GRUB's menu. Its variable `machine` holds what only the machine's own copy of the disk says: see `ArgumentSlot`.
    static func configuration(
        title: String, kernel: String, initramfs: String, arguments: [String], timeoutSeconds: Int = 2
    ) -> String {
        let arguments = (arguments + ["$\(ArgumentSlot.variable)"]).joined(separator: " ")
        return """
            \(ArgumentSlot.emptyLine)
            set default=0
            set timeout=\(timeoutSeconds)

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

    /// What the signed GRUB reads first.
    static func signedConfiguration(espVolume: String) -> String {
        self.earlyConfiguration(espVolume: espVolume) + "configfile $prefix/grub.cfg\n"
    }

    private static let modules = [
        "part_gpt", "fat", "search", "search_fs_uuid", "normal", "configfile", "linux", "serial", "terminal", "echo",
        "test", "ls", "cat", "sleep", "halt", "reboot", "minicmd", "all_video",
    ]

    /// The arguments of grub-mkimage(1) for the loader that the BIOS starts.
    static func biosImageArguments(earlyConfiguration: String, output: String) -> [String] {
        ["-O", "i386-pc", "-p", "/EFI/BOOT", "-c", earlyConfiguration, "-o", output, "biosdisk"] + Self.modules
    }
}
