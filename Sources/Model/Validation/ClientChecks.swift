// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols

/// Machines and their groups.
extension Validation {
    mutating func checkClients() {
        var seen = SeenClients()
        for (index, client) in self.configuration.boot.resolvedClients.enumerated() {
            let path = "boot.clients[\(index)]"
            var hasName = false
            if let flaw = Naming.flaw(inClientName: client.name) {
                self.error("\(path).name", "\(client.name) cannot be a machine's name: \(flaw)", "choose another")
            } else if let other = seen.names.updateValue(path, forKey: client.name) {
                self.error("\(path).name", "\(client.name) is already the machine at \(other)", "choose another name")
            } else {
                hasName = true
            }
            self.checkIdentity(of: client, at: path, &seen)
            self.checkGroup(of: client, at: path)
            // What follows from a wrong name is not worth a second message.
            if hasName || client.targetName != nil {
                self.claim(target: client.effectiveTargetName, at: .other("\(path).target_name"))
            }
            if hasName || client.initiatorName != nil {
                self.checkInitiator(of: client, at: "\(path).initiator_name", &seen)
            }
            self.checkSecureBoot(of: client, at: path)
            // Of what the group says its own checks have told.
            let own = self.configuration.boot.clients[index].settings
            self.checkCHAP(of: client, isOwn: own.chap != nil, at: path)
            self.check(script: own.ipxeScript, at: path)
            self.checkAddress(of: client, at: "\(path).address", &seen)
            self.checkSource(of: client, isOwn: own.source != nil, hasName: hasName, at: path)
        }
    }

    mutating func checkGroups() {
        var seen: [String: Int] = [:]
        for (index, group) in self.configuration.boot.groups.enumerated() {
            let path = "boot.groups[\(index)]"
            if let flaw = Naming.flaw(inClientName: group.name) {
                self.error("\(path).name", "\(group.name) cannot be a group's name: \(flaw)", "choose another")
            } else if let other = seen.updateValue(index, forKey: group.name) {
                self.error(
                    "\(path).name", "\(group.name) is already the group at boot.groups[\(other)]", "choose another name"
                )
            }
            if case .disk(let disk)? = group.settings.source {
                self.error(
                    "\(path).disk", "machines of a group cannot share \(disk): each would destroy the others' data",
                    "name an image, of which each machine gets a copy")
            }
            if case .image(let name)? = group.settings.source { self.checkImage(named: name, at: path) }
            self.check(size: group.settings.size, at: path)
            if case .account(let account)? = group.settings.chap { self.check(account, at: path) }
            self.check(script: group.settings.ipxeScript, at: path)
        }
    }

    private func hasGroup(of client: BootClient) -> Bool {
        self.configuration.boot.groups.contains { $0.name == client.group }
    }

    private mutating func checkGroup(of client: BootClient, at path: String) {
        guard let name = client.group, !self.hasGroup(of: client) else { return }
        let known = self.configuration.boot.groups.map(\.name).sorted().joined(separator: ", ")
        self.error(
            "\(path).group", "there is no group \(name)",
            known.isEmpty ? "add it: apus group add \(name)" : "groups here: \(known)")
    }

    /// What a machine is known by: something, of the right form, and nobody else's.
    private mutating func checkIdentity(of client: BootClient, at path: String, _ seen: inout SeenClients) {
        let identity = client.identity
        for (key, text, value, form) in [
            (
                "mac", client.mac, identity.mac.flatMap { MACText.isGroup($0) ? nil : $0 },
                "an Ethernet address: 52:54:00:12:34:56"
            ),
            ("uuid", client.uuid, identity.uuid, "a UUID of its own: 4c4c4544-0042-3510-8052-b4c04f4d3232"),
            ("serial", client.serial, identity.serial, "a serial number of its own, in printable characters"),
        ] {
            guard let text else { continue }
            guard let value else {
                self.error("\(path).\(key)", "\(text) is nothing that a machine is known by", "write \(form)")
                continue
            }
            if let other = seen.identifiers.updateValue(client.name, forKey: [key, value]) {
                self.error(
                    "\(path).\(key)", "\(value) is already what \(other) is known by", "correct one of them")
            }
        }
        if let circuit = identity.circuitID {
            let place = ["circuit_id", circuit, identity.remoteID ?? ""]
            if circuit.utf8.count > 2 * Limits.identifierBytes + 2 || circuit == "0x" {
                self.error("\(path).circuit_id", "a circuit's name has 1 to 255 bytes", "write it as the log shows it")
            } else if let other = seen.identifiers.updateValue(client.name, forKey: place) {
                self.error(
                    "\(path).circuit_id", "\(circuit) is already the circuit of \(other)",
                    "correct one of them, or tell them apart by remote_id")
            }
        } else if client.remoteID != nil {
            self.error(
                "\(path).remote_id", "a relay agent's name alone says of no machine which it is", "add circuit_id")
        }
        if client.mac == nil, client.uuid == nil, client.serial == nil, client.circuitID == nil {
            self.error(
                "\(path).mac", "nothing says which machine \(client.name) is",
                "give mac, uuid, serial or circuit_id")
        }
    }

    private mutating func check(script: String?, at path: String) {
        guard let script else { return }
        if script.utf8.count > Limits.scriptBytes {
            self.error(
                "\(path).ipxe_script", "the template has \(script.utf8.count) bytes",
                "keep it below \(Limits.scriptBytes)")
            return
        }
        do throws(ScriptTemplate.Flaw) {
            _ = try ScriptTemplate(script)
        } catch {
            self.error("\(path).ipxe_script", error.cause, error.remedy)
        }
    }

    /// Where names and addresses of machines were met.
    private struct SeenClients {
        var names: [String: String] = [:]
        /// By the key and its value.
        var identifiers: [[String]: String] = [:]
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
    private mutating func checkCHAP(of client: BootClient, isOwn: Bool, at path: String) {
        switch client.chap {
        case .account(let account)?:
            self.checkMethod(ofCHAP: client, at: path)
            if isOwn { self.check(account, at: path) }
        case .perBoot? where client.effectiveMethod == .firmware:
            self.warn(
                "\(path).chap",
                "with the method firmware iPXE in the card's ROM takes what is made for one boot; a UEFI's own initiator "
                    + "has a name and a secret stored, and is refused",
                "use the method sanboot, or a name and a secret that stay")
        case .perBoot?:
            self.checkReach(ofCHAP: client, at: path)
        case ClientCHAP.none?, nil: break
        }
    }

    /// The image's initramfs has to learn what was made for one boot.
    private mutating func checkReach(ofCHAP client: BootClient, at path: String) {
        guard !client.effectiveMethod.isServedKernel, case .image(let name)? = client.source,
            let image = self.surroundings?.images[name], !image.attachment.contains(.ibft)
        else { return }
        self.error(
            "\(path).chap",
            "the initramfs of image \(name) reads nothing but arguments on its disk, which cannot tell what is made for "
                + "one boot",
            "use the method kernel")
    }

    private mutating func checkMethod(ofCHAP client: BootClient, at path: String) {
        if client.effectiveMethod.isServedKernel {
            self.error(
                "\(path).method",
                "with CHAP the kernel takes its secret from what iPXE or firmware leaves it, which this method has not",
                "use the method sanboot or firmware, or per-boot CHAP")
        }
    }

    private mutating func check(_ chap: CHAPAccount, at path: String) {
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
        switch client.effectiveMethod {
        case .kernel, .firmware: return
        case .sanboot: unsigned = "the method sanboot runs iPXE"
        case .http: unsigned = "the method http makes one program of kernel and initramfs"
        }
        self.error(
            "\(path).method", "\(unsigned), which Secure Boot refuses: it is not signed",
            "use the method kernel or firmware, or turn Secure Boot off in the machine's firmware")
    }

    private mutating func check(size: Int?, at path: String) {
        if let size, size < Limits.smallestDiskBytes || size % 512 != 0 {
            self.error(
                "\(path).size", "\(size) bytes cannot be a disk",
                "give a multiple of 512, at least \(Limits.smallestDiskBytes)")
        }
    }

    /// Tells where there is no such image.
    private mutating func checkImage(named name: String, at path: String) {
        guard let surroundings = self.surroundings, surroundings.images[name] == nil else { return }
        let known = surroundings.images.keys.sorted().joined(separator: ", ")
        self.error(
            "\(path).image", "there is no image \(name)",
            known.isEmpty ? "make it: apus image build \(name)" : "images here: \(known)")
    }

    private mutating func checkSource(of client: BootClient, isOwn: Bool, hasName: Bool, at path: String) {
        self.check(size: client.size, at: path)
        switch client.source {
        case nil:
            // What follows from a wrong group is not worth a second message.
            guard client.group == nil || self.hasGroup(of: client) else { return }
            self.error(
                "\(path).image", "the machine has neither image nor disk, nor has its group",
                "name an image or a disk file")
        case .disk(let disk)?:
            if disk.hasPrefix("/") {
                self.claim(disk: disk, at: .other("\(path).disk"))
            } else {
                self.error("\(path).disk", "\(disk) is not an absolute path", "begin it with /")
            }
            if client.effectiveMethod.isServedKernel {
                self.error(
                    "\(path).method", "a disk of one's own brings no kernel for the boot services to hand out",
                    "use the method sanboot or firmware, or an image")
            }
        case .image(let name)?:
            guard let surroundings = self.surroundings else { return }
            if hasName {
                self.claim(disk: surroundings.diskPath(ofClient: client.name), at: .other("\(path).image"))
            }
            if isOwn { self.checkImage(named: name, at: path) }
            guard let image = surroundings.images[name] else { return }
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
        guard client.secureBoot == true, !(image.isSigned ?? (client.effectiveMethod != .firmware)) else { return }
        self.error(
            "\(path).secure_boot", "the boot loader or the kernel of image \(name) is not signed",
            "make the image anew with a kernel of Debian's, or turn Secure Boot off in the machine's firmware")
    }

    /// The initramfs has to learn what to attach in a way that the method has.
    private mutating func check(
        _ client: BootClient, attaches image: BootableImage, named name: String, at path: String
    ) {
        if client.effectiveMethod.isServedKernel {
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
