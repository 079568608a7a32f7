// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    mutating func checkServices() {
        guard let services = self.configuration.boot.services else {
            if !self.configuration.boot.clients.isEmpty {
                self.warn(
                    "boot.services", "machines are configured but no boot services, so nobody answers them",
                    "run: apus services set --interface IF --address ADDRESS --dhcp proxy")
            }
            return
        }
        let path = "boot.services"
        if !(1...Limits.interfaceNameBytes).contains(services.interface.utf8.count)
            || services.interface.contains(where: { $0 == "/" || $0.isWhitespace })
        {
            self.error(
                "\(path).interface", "\(services.interface) is not an interface's name",
                "write one that `ip link` shows")
        }
        for (key, port) in [
            ("tftp_port", services.tftpPort), ("http_port", services.httpPort), ("iscsi_port", services.iscsiPort),
        ] {
            self.checkPort(port, at: "\(path).\(key)")
        }
        if let ports = services.tftpTransferPorts, PortRange(ports) == nil {
            self.error(
                "\(path).tftp_transfer_ports", "\(ports) is not a range of UDP ports above 1023",
                "write FIRST-LAST, such as 50000-50099: one port a transfer")
        }
        if services.httpPort == services.iscsiPort {
            self.error("\(path).http_port", "HTTP and iSCSI cannot share port \(services.httpPort)", "change one")
        }
        for (index, text) in services.iscsiAddresses.enumerated() where IPAddress(text) == nil {
            self.error(
                "\(path).iscsi_addresses[\(index)]", "\(text) is not an IP address",
                "write one of this host's, such as 10.0.1.1 or fd00::1")
        }
        guard let address = IPAddress(services.address), let own = address.ipv4Value, !address.isUnspecified else {
            self.error(
                "\(path).address", "\(services.address) is not an IPv4 address that machines can reach",
                "write this host's address on \(services.interface)")
            return
        }
        if case .range(let range) = services.dhcp { self.check(range, around: own, at: "\(path).range") }
        self.checkRelayedRanges(of: services, own: own, at: path)
    }

    private mutating func checkRelayedRanges(of services: ServiceSettings, own: UInt32, at path: String) {
        guard !services.relayedRanges.isEmpty else { return }
        guard case .range = services.dhcp else {
            self.error(
                "\(path).relayed_ranges", "addresses for relay agents are given, but DHCP gives out none",
                "give addresses of this network too, or remove the relayed ranges")
            return
        }
        for (index, range) in services.relayedRanges.enumerated() {
            let path = "\(path).relayed_ranges[\(index)]"
            guard let first = IPAddress(range.first)?.ipv4Value else {
                self.error(
                    "\(path).first", "\(range.first) is not an IPv4 address", "write one of the machines' network")
                continue
            }
            self.check(range, around: first, own: own, at: path)
            if range.router == nil {
                self.warn(
                    "\(path).router",
                    "machines behind a relay agent are told no router, so they cannot reach this host",
                    "name the router of their network")
            }
        }
    }

    /// - Parameters:
    ///   - base: An address of the subnet that the range is to be on.
    ///   - own: This host's, where that is another one.
    private mutating func check(
        _ range: AddressRange, around base: UInt32, own: UInt32? = nil, at path: String
    ) {
        let own = own ?? base
        for (index, text) in range.options.enumerated() where DHCPOptionSetting(text) == nil {
            self.error(
                "\(path).options[\(index)]", "\(text) is not a DHCP option that can be set",
                "write CODE=VALUE, such as 6=10.0.0.53; those that booting needs are set already")
        }
        guard (1...30).contains(range.prefixLength) else {
            self.error(
                "\(path).prefix_length", "\(range.prefixLength) is not the prefix length of a network with room",
                "write 1 to 30, 24 for 255.255.255.0")
            return
        }
        if range.leaseSeconds < 60 || range.leaseSeconds > Int(UInt32.max) - 1 {
            self.error("\(path).lease_seconds", "a lease of \(range.leaseSeconds) s is of no use", "write 60 or more")
        }
        var ends: [UInt32] = []
        let mask = UInt32.max << (32 - UInt32(range.prefixLength))
        let named = [("first", range.first), ("last", range.last)] + (range.router.map { [("router", $0)] } ?? [])
        for (key, text) in named {
            guard let value = IPAddress(text)?.ipv4Value else {
                self.error("\(path).\(key)", "\(text) is not an IPv4 address", "write one of the machines' network")
                continue
            }
            if value & mask != base & mask {
                self.error(
                    "\(path).\(key)", "\(text) is not in the network of the services' address",
                    "write an address that shares its first \(range.prefixLength) bits")
            } else if key != "router" {
                ends.append(value)
            }
        }
        guard ends.count == 2 else { return }
        if ends[0] > ends[1] {
            self.error("\(path).last", "\(range.last) comes before \(range.first)", "swap them")
        } else if ends[0] <= own, own <= ends[1] {
            self.error(path, "the services' own address is in the range", "leave it out of the range")
        }
    }

    mutating func checkClients() {
        var seen = SeenClients()
        for (index, client) in self.configuration.boot.clients.enumerated() {
            let path = "boot.clients[\(index)]"
            var hasName = false
            if let flaw = Naming.flaw(inClientName: client.name) {
                self.error("\(path).name", "\(client.name) cannot be a machine's name: \(flaw)", "choose another")
            } else if let other = seen.names.updateValue(path, forKey: client.name) {
                self.error("\(path).name", "\(client.name) is already the machine at \(other)", "choose another name")
            } else {
                hasName = true
            }
            if let mac = MACText.canonical(client.mac), !MACText.isGroup(mac) {
                if let other = seen.macs.updateValue(client.name, forKey: mac) {
                    self.error("\(path).mac", "\(mac) is already the address of \(other)", "correct one of them")
                }
            } else {
                self.error(
                    "\(path).mac", "\(client.mac) is not a machine's Ethernet address",
                    "write it as 52:54:00:12:34:56")
            }
            // What follows from a wrong name is not worth a second message.
            if hasName || client.targetName != nil {
                self.claim(target: client.effectiveTargetName, at: .other("\(path).target_name"))
            }
            if hasName || client.initiatorName != nil {
                self.checkInitiator(of: client, at: "\(path).initiator_name", &seen)
            }
            self.checkSecureBoot(of: client, at: path)
            self.checkCHAP(of: client, at: path)
            self.checkAddress(of: client, at: "\(path).address", &seen)
            self.checkSource(of: client, hasName: hasName, at: path)
        }
    }

    /// Where names and addresses of machines were met.
    private struct SeenClients {
        var names: [String: String] = [:]
        var macs: [String: String] = [:]
        var initiators: [String: String] = [:]
        var addresses: [UInt32: String] = [:]
    }

    private mutating func checkInitiator(of client: BootClient, at path: String, _ seen: inout SeenClients) {
        let initiator = client.effectiveInitiatorName
        if let flaw = Naming.flaw(inISCSIName: initiator) {
            self.error(
                path, "\(initiator) is not an iSCSI name: \(flaw)",
                "write a name like \(Naming.prefix):\(client.name).initiator")
        } else if let other = seen.initiators.updateValue(client.name, forKey: initiator) {
            self.error(path, "\(initiator) is already the name of \(other)", "give each machine its own name")
        }
    }

    /// An address that DHCP is to keep for the machine: of one of its networks, and nobody else's.
    private mutating func checkAddress(of client: BootClient, at path: String, _ seen: inout SeenClients) {
        guard let text = client.address else { return }
        guard let address = IPAddress(text)?.ipv4Value else {
            self.error(path, "\(text) is not an IPv4 address", "write one of the machine's network")
            return
        }
        if let other = seen.addresses.updateValue(client.name, forKey: address) {
            self.error(path, "\(text) is already the address of \(other)", "give each machine its own")
        }
        guard let services = self.configuration.boot.services, case .range(let range) = services.dhcp else {
            self.warn(
                path, "DHCP gives out no addresses here, so it cannot keep \(text) for \(client.name)",
                "tell it to the DHCP server that does, or set --dhcp FIRST-LAST/PREFIX")
            return
        }
        if IPAddress(services.address)?.ipv4Value == address {
            self.error(path, "\(text) is the services' own address", "give the machine another")
        } else if !([range] + services.relayedRanges).contains(where: { $0.isOnSubnet(address) }) {
            self.error(path, "\(text) is in none of the networks that DHCP serves", "write an address of one of them")
        }
    }

    /// CHAP has to reach the machine's firmware and, through its iBFT, the kernel.
    private mutating func checkCHAP(of client: BootClient, at path: String) {
        guard let chap = client.chap else { return }
        if client.method.isServedKernel {
            self.error(
                "\(path).method",
                "with CHAP the kernel takes its secret from what iPXE or firmware leaves it, which this method has not",
                "use the method sanboot or firmware")
        }
        func isPlain(_ text: String) -> Bool {
            text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "$") && $0 != UInt8(ascii: "\\") }
        }
        if chap.name.utf8.count > Limits.firmwareCHAPNameBytes || !isPlain(chap.name) {
            self.error(
                "\(path).chap_userid", "firmware cannot be given this name",
                "use at most \(Limits.firmwareCHAPNameBytes) letters, digits and signs, without blanks, $ and \\")
        }
        if !(Limits.chapSecretBytes...Limits.firmwareCHAPSecretBytes).contains(chap.secret.utf8.count)
            || !isPlain(chap.secret)
        {
            self.error(
                "\(path).chap_password", "firmware cannot be given this secret",
                "use \(Limits.chapSecretBytes) to \(Limits.firmwareCHAPSecretBytes) letters, digits and signs, chosen at "
                    + "random, without blanks, $ and \\")
        }
    }

    /// What is not signed by Microsoft or Debian does not start.
    private mutating func checkSecureBoot(of client: BootClient, at path: String) {
        guard client.secureBoot == true else { return }
        let unsigned: String
        switch client.method {
        case .kernel, .firmware: return
        case .sanboot: unsigned = "the method sanboot runs iPXE"
        case .http: unsigned = "the method http makes one program of kernel and initramfs"
        }
        self.error(
            "\(path).method", "\(unsigned), which Secure Boot refuses: it is not signed",
            "use the method kernel or firmware, or turn Secure Boot off in the machine's firmware")
    }

    private mutating func checkSource(of client: BootClient, hasName: Bool, at path: String) {
        if let size = client.size, size < Limits.smallestDiskBytes || size % 512 != 0 {
            self.error(
                "\(path).size", "\(size) bytes cannot be a disk",
                "give a multiple of 512, at least \(Limits.smallestDiskBytes)")
        }
        switch client.source {
        case .disk(let disk):
            if disk.hasPrefix("/") {
                self.claim(disk: disk, at: .other("\(path).disk"))
            } else {
                self.error("\(path).disk", "\(disk) is not an absolute path", "begin it with /")
            }
            if client.method.isServedKernel {
                self.error(
                    "\(path).method", "a disk of one's own brings no kernel for the boot services to hand out",
                    "use the method sanboot or firmware, or an image")
            }
        case .image(let name):
            guard let surroundings = self.surroundings else { return }
            if hasName {
                self.claim(disk: surroundings.diskPath(ofClient: client.name), at: .other("\(path).image"))
            }
            guard let image = surroundings.images[name] else {
                let known = surroundings.images.keys.sorted().joined(separator: ", ")
                self.error(
                    "\(path).image", "there is no image \(name)",
                    known.isEmpty ? "make it: apus image build \(name)" : "images here: \(known)")
                return
            }
            self.check(client, attaches: image, named: name, at: path)
            self.check(client, startsSigned: image, named: name, at: path)
            if let size = client.size, size < image.size {
                self.error(
                    "\(path).size", "\(size) bytes are less than the image \(name) has",
                    "give at least \(image.size)")
            }
        }
    }

    /// With Secure Boot the method kernel starts the image's kernel, the method firmware its boot loader as well.
    private mutating func check(
        _ client: BootClient, startsSigned image: BootableImage, named name: String, at path: String
    ) {
        guard client.secureBoot == true, !(image.isSigned ?? (client.method != .firmware)) else { return }
        self.error(
            "\(path).secure_boot", "the boot loader or the kernel of image \(name) is not signed",
            "make the image anew with a kernel of Debian's, or turn Secure Boot off in the machine's firmware")
    }

    /// The initramfs has to learn what to attach in a way that the method has.
    private mutating func check(
        _ client: BootClient, attaches image: BootableImage, named name: String, at path: String
    ) {
        if client.method.isServedKernel {
            guard !image.attachment.contains(.arguments) else { return }
            self.error(
                "\(path).method",
                "the initramfs of image \(name) does not read the kernel arguments that name a target",
                "use the method sanboot or firmware")
        } else {
            guard !image.attachment.contains(.ibft), image.argumentSlot == nil else { return }
            self.error(
                "\(path).method", "the initramfs of image \(name) does not read what iPXE or firmware leaves it",
                image.attachment.contains(.arguments) ? "use the method kernel" : "import the image anew")
        }
    }
}
