// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The scripts that machines are given when they run iPXE.
///
/// They use what iPXE has had since 2014 (Debian's is of January 2019). Each ends by trying again: a machine that has
/// no disk has nothing else to do, and should come up by itself once the server is there or its entry is corrected. So
/// a script that failed waits, then fetches itself anew.
package struct IPXEScript: Hashable, Sendable {
    /// The machine's name in the configuration.
    package var client: String
    package var disk: SANDisk
    package var method: Method
    /// The URL of this script.
    package var url: String

    package enum Method: Hashable, Sendable {
        /// iPXE attaches the disk and starts the boot loader on it.
        case sanboot
        /// iPXE loads kernel and initramfs from these URLs; the initramfs logs in to the disk.
        case kernel(kernelURL: String, initrdURL: String, arguments: String)
    }

    package init(client: String, disk: SANDisk, method: Method, url: String) {
        self.client = client
        self.disk = disk
        self.method = method
        self.url = url
    }

    /// The script's text.
    package var text: String {
        switch self.method {
        case .sanboot:
            self.sanboot
        case .kernel(let kernelURL, let initrdURL, let arguments):
            self.kernel(kernelURL, initrdURL, arguments)
        }
    }

    private var sanboot: String {
        let name = ScriptText.plain(self.client)
        let rootPath = ScriptText.plain(self.disk.rootPath)
        return """
            #!ipxe
            echo
            echo Apus: ${netX/mac} is "\(name)" and boots from its iSCSI disk
            set initiator-iqn \(ScriptText.plain(self.disk.initiatorName))\(self.credentials)
            echo Initiator ${initiator-iqn}
            echo Disk \(rootPath)
            sanboot \(rootPath) || goto failed
            :failed
            echo
            echo Apus: "\(name)" could not boot from its disk; the reason stands above.
            \(self.retry)
            """
    }

    /// What iPXE proves itself with, and leaves the kernel in its iBFT.
    private var credentials: String {
        self.disk.credentials.map {
            "\nset username \(ScriptText.plain($0.name))\nset password \(ScriptText.plain($0.secret))"
        } ?? ""
    }

    private func kernel(_ kernelURL: String, _ initrdURL: String, _ arguments: String) -> String {
        let name = ScriptText.plain(self.client)
        let words = ScriptText.words(arguments + " " + self.disk.kernelArguments)
        let warnings = words.refused.map { "echo Apus: iPXE cannot pass on the kernel argument '\($0)'\n" }.joined()
        // UEFI kernels find the initramfs by this argument; to BIOS ones it means nothing.
        let line = (["initrd=initrd.img"] + words.passed).joined(separator: " ")
        return """
            #!ipxe
            echo
            echo Apus: ${netX/mac} is "\(name)" and loads its kernel
            \(warnings)imgfree
            kernel --name vmlinuz \(ScriptText.plain(kernelURL)) \(line) || goto failed
            initrd --name initrd.img \(ScriptText.plain(initrdURL)) || goto failed
            boot || goto failed
            :failed
            echo
            echo Apus: "\(name)" could not start its kernel; the reason stands above.
            \(self.retry)
            """
    }

    private var retry: String {
        """
        echo On the server, "apus timeline \(ScriptText.plain(self.client))" shows what it saw.
        \(Self.again(self.url, seconds: 10))
        """
    }

    /// Waits, leaving the way to iPXE's shell open, and fetches the script again for as long as it takes.
    static func again(_ url: String, seconds: Int) -> String {
        """
        :again
        prompt --timeout \(seconds * 1000) Next try in \(seconds) s. Press a key for iPXE's shell. && shell ||
        chain --replace --autofree \(ScriptText.plain(url)) || goto again

        """
    }

    /// What a template may say of the machine.
    package func values(mac: MACAddress, server: String) -> [ScriptTemplate.Value: String] {
        var values: [ScriptTemplate.Value: String] = [
            .client: self.client, .mac: mac.description, .rootPath: self.disk.rootPath,
            .initiator: self.disk.initiatorName, .target: self.disk.targetName, .portal: self.disk.portalAddress,
            .server: server, .url: self.url,
        ]
        if case .kernel(let kernelURL, let initrdURL, let arguments) = self.method {
            values[.kernel] = kernelURL
            values[.initramfs] = initrdURL
            values[.arguments] = ScriptText.words(arguments + " " + self.disk.kernelArguments).passed
                .joined(separator: " ")
        }
        values = values.mapValues(ScriptText.plain)
        values[.boot] = String(self.text.drop { $0 != "\n" }.dropFirst())
        return values
    }

    /// For a machine that is not to boot now: says why, and asks again.
    package static func refusal(_ reason: String, url: String) -> String {
        """
        #!ipxe
        echo
        echo Apus: \(ScriptText.plain(reason))
        \(Self.again(url, seconds: 10))
        """
    }
}
