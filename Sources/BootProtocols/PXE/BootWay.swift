// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine's firmware is to be started with.
package enum BootWay: Hashable, Sendable {
    /// iPXE, whose script does the rest.
    case ipxe
    /// Nothing: the firmware is the iSCSI initiator and starts what is on the disk.
    case firmware
    /// One program that is kernel, initramfs and arguments, by UEFI HTTP Boot.
    case unifiedKernel
    /// Debian's signed shim, which starts the signed GRUB, for firmware with Secure Boot.
    case shim
}

/// A machine that the configuration knows, as far as the choice of its boot file goes.
package struct BootPlan: Hashable, Sendable {
    package var way: BootWay
    package var disk: SANDisk

    package init(way: BootWay, disk: SANDisk) {
        self.way = way
        self.disk = disk
    }
}
