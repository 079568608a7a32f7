// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

/// What starts a machine.
package enum Firmware: String, Hashable, Sendable, CaseIterable {
    /// OVMF, whose own PXE loads iPXE by TFTP.
    case uefi
    /// SeaBIOS, which starts the iPXE that the network card has in its ROM.
    case bios
}

/// The machine's network card.
package enum NetworkCard: String, Hashable, Sendable, CaseIterable {
    case virtioNet = "virtio-net"
    case e1000
    case e1000e

    /// QEMU's name of it.
    var device: String {
        switch self {
        case .virtioNet: "virtio-net-pci"
        case .e1000: "e1000"
        case .e1000e: "e1000e"
        }
    }
}

/// How QEMU runs the machine's processor.
package enum Accelerator: String, Hashable, Sendable, CaseIterable {
    /// In software: everywhere, and slowly.
    case tcg
    /// On the host's processor.
    case kvm
}

/// What a machine's firmware tries.
package enum FirmwareStart: Hashable, Sendable {
    /// PXE, which in a BIOS is the iPXE of the card's ROM.
    case pxe
    /// UEFI HTTP Boot.
    case http
    /// Its own iSCSI initiator, which in a BIOS is the iPXE of the card's ROM, with this name and what it is to prove
    /// itself with.
    case iscsi(initiator: String, chap: CHAPAccount?)
}

/// A machine without any disk.
package struct VirtualMachine: Hashable, Sendable {
    package static let defaultMemoryMiB = 1024

    package var mac: String
    package var firmware: Firmware
    package var card: NetworkCard
    package var memoryMiB: Int
    package var accelerator: Accelerator
    package var start: FirmwareStart
    /// UEFI with Microsoft's keys enrolled: it starts signed programs only.
    package var isSecureBoot: Bool
    /// Of its system board.
    package var uuid: String?
    package var serial: String?

    package init(
        mac: String, firmware: Firmware = .uefi, card: NetworkCard = .virtioNet,
        memoryMiB: Int = Self.defaultMemoryMiB, accelerator: Accelerator = .tcg,
        start: FirmwareStart = .pxe, isSecureBoot: Bool = false, uuid: String? = nil, serial: String? = nil
    ) {
        self.uuid = uuid
        self.serial = serial
        self.mac = mac
        self.firmware = firmware
        self.card = card
        self.memoryMiB = memoryMiB
        self.accelerator = accelerator
        self.start = start
        self.isSecureBoot = isSecureBoot
    }
}
