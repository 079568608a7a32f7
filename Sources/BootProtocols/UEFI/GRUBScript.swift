// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What the signed GRUB reads from the network.
///
/// It knows the folder that it was fetched from as its root, so paths go without server and protocol: a machine that
/// got GRUB by TFTP gets the kernel by TFTP, too.
package enum GRUBScript {
    /// The same for every machine: goes on with the machine's own.
    package static let start = """
        echo "Apus: GRUB was started by the network card $net_default_mac"
        configfile /$net_default_mac/grub.cfg

        """

    /// Starts kernel and initramfs. What failed is tried again after a restart, for the server may be coming up, too.
    package static func text(client: String, mac: MACAddress, arguments: String) -> String {
        let words = arguments.split(whereSeparator: \.isWhitespace).map { Self.quoted(String($0)) }
        let name = Self.quoted(client)
        return """
            echo Apus: this machine is \(name) and loads its kernel
            if linux /\(BootPath.kernel(mac).text) \(words.joined(separator: " ")); then
                if initrd /\(BootPath.initrd(mac).text); then
                    echo "Starting Linux ..."
                    boot
                fi
            fi
            echo Apus: \(name) could not start its kernel, the reason stands above. It tries again in 15 s.
            sleep 15
            reboot

            """
    }

    /// What a machine is told that the configuration does not know, or that boots otherwise.
    package static func refusal(_ reason: String) -> String {
        """
        echo Apus: \(Self.quoted(reason))
        sleep 15
        reboot

        """
    }

    /// As one word of GRUB's shell, in which nothing is expanded.
    private static func quoted(_ text: String) -> String {
        let printable = text.unicodeScalars.map { (0x20...0x7e).contains($0.value) ? Character($0) : "?" }
        let parts = printable.split(separator: "'", omittingEmptySubsequences: false).map { String($0) }
        return "'" + parts.joined(separator: "'\\''") + "'"
    }
}
