// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The QEMU that is a machine: its serial line is QEMU's standard input and output.
struct QEMUCommand {
    static let program = "qemu-system-x86_64"
    /// OVMF's code, and the variables that a machine begins with.
    static let firmwareCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
    static let firmwareVariables = "/usr/share/OVMF/OVMF_VARS_4M.fd"
    /// The same with Secure Boot: code that guards its variables, and variables with Microsoft's keys.
    static let securedCode = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
    static let securedVariables = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"

    let machine: VirtualMachine
    let tap: String
    /// The machine's own copy of `firmwareVariables`: the firmware writes to it.
    let variables: String
    /// A FIFO that QEMU's monitor reads its commands from, without the `.in` at its end.
    let monitor: String

    var arguments: [String] {
        var arguments = [
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", self.machine.accelerator.rawValue, "-m", String(self.machine.memoryMiB),
            "-netdev", "tap,id=lan,ifname=\(self.tap),script=no,downscript=no",
            "-device", self.card, "-serial", "stdio",
            "-chardev", "pipe,id=monitor,path=\(self.monitor)", "-mon", "chardev=monitor,mode=readline",
        ]
        if let uuid = self.machine.uuid { arguments += ["-uuid", uuid] }
        // A comma ends the value unless it is doubled.
        if let serial = self.machine.serial {
            arguments += [
                "-smbios",
                "type=1,serial="
                    + serial.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,"),
            ]
        }
        switch self.machine.firmware {
        case .bios:
            // Without graphics SeaBIOS, iPXE and GRUB speak on the serial line.
            arguments += ["-machine", "pc,graphics=off"]
        case .uefi:
            let isSecured = self.machine.isSecureBoot
            arguments += [
                "-machine", isSecured ? "q35,smm=on" : "q35",
                "-drive", "if=pflash,format=raw,readonly=on,file=\(isSecured ? Self.securedCode : Self.firmwareCode)",
                "-drive", "if=pflash,format=raw,file=\(self.variables)",
            ]
            if isSecured {
                // Only the firmware's own code may write to its flash.
                arguments += [
                    "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1",
                ]
            }
            if self.machine.start == .http {
                // With PXE turned off, HTTP Boot is what is left for the card.
                for version in ["IPv4", "IPv6"] {
                    arguments += ["-fw_cfg", "name=opt/org.tianocore/\(version)PXESupport,string=n"]
                }
            }
        }
        return arguments
    }

    private var card: String {
        let card = "\(self.machine.card.device),netdev=lan,bootindex=1,mac=\(self.machine.mac)"
        // OVMF's own PXE does the booting where it has the card's driver, which it does for virtio's only; the other
        // cards bring iPXE in the ROM that QEMU gives them.
        return self.machine.firmware == .uefi && self.machine.card == .virtioNet ? card + ",romfile=" : card
    }
}
