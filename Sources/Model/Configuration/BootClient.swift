// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A machine without a disk: how it is known, and what it boots.
///
/// Its disk, its target and its ACL follow from this and are not written down a second time.
package struct BootClient: Hashable, Sendable {
    package var name: String
    /// As the user wrote it; compare by `MACText.canonical`.
    package var mac: String
    package var source: Source
    package var method: Method
    /// The machine's firmware starts signed programs only: it gets Debian's shim and GRUB instead of iPXE.
    package var secureBoot: Bool?
    /// The address that DHCP keeps for it.
    package var address: String?
    package var initiatorName: String?
    package var targetName: String?
    /// What it proves itself with when it logs in; nothing where nil.
    package var chap: CHAPAccount?
    /// Added to the image's own.
    package var kernelArguments: String?
    /// Bytes of the disk; at least the image's, which is the default.
    package var size: Int?
    package var remainder: Remainder

    /// What the machine's disk is.
    package enum Source: Hashable, Sendable {
        /// A copy of its own of the image named, made when it is first needed.
        case image(String)
        /// A file that the user looks after.
        case disk(String)
    }

    /// How the machine gets from its firmware to its kernel.
    package enum Method: Hashable, Sendable {
        /// iPXE attaches the LUN and starts the boot loader on it.
        case sanboot
        /// iPXE fetches kernel and initramfs.
        case kernel(Transport)
        /// The firmware is the iSCSI initiator and starts the boot loader on the LUN.
        case firmware
        /// UEFI HTTP Boot fetches kernel, initramfs and arguments as one program (a unified kernel image).
        case http
    }

    package enum Transport: String, Hashable, Sendable, CaseIterable {
        case http, tftp
    }

    package init(
        name: String, mac: String, source: Source, method: Method = .sanboot, secureBoot: Bool? = nil,
        address: String? = nil, initiatorName: String? = nil, targetName: String? = nil, chap: CHAPAccount? = nil,
        kernelArguments: String? = nil, size: Int? = nil,
        remainder: Remainder = Remainder()
    ) {
        self.name = name
        self.mac = mac
        self.source = source
        self.method = method
        self.secureBoot = secureBoot
        self.address = address
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.chap = chap
        self.kernelArguments = kernelArguments
        self.size = size
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        let name = reader.required("name")
        let mac = reader.required("mac")
        self.init(
            name: name, mac: mac, source: Self.readSource(&reader), method: Self.readMethod(&reader),
            secureBoot: reader.boolean("secure_boot"), address: reader.string("address"),
            initiatorName: reader.string("initiator_name"), targetName: reader.string("target_name"),
            chap: Self.readCHAP(&reader), kernelArguments: reader.string("kernel_arguments"),
            size: reader.integer("size"))
        self.remainder = reader.remainder
    }

    private static func readSource(_ reader: inout ObjectReader) -> Source {
        switch (reader.string("image"), reader.string("disk")) {
        case (let image?, nil): return .image(image)
        case (nil, let disk?): return .disk(disk)
        case (nil, nil):
            reader.fail("image", "the machine has neither image nor disk", "name an image or a disk file")
        case (_?, _?):
            reader.fail("disk", "the machine has both image and disk", "keep one of them")
        }
        return .disk("")
    }

    private static func readCHAP(_ reader: inout ObjectReader) -> CHAPAccount? {
        let (name, secret) = (reader.string("chap_userid") ?? "", reader.string("chap_password") ?? "")
        if name.isEmpty != secret.isEmpty {
            reader.fail(
                name.isEmpty ? "chap_userid" : "chap_password", "CHAP needs a name and a secret; one is missing",
                "give both, or none")
        }
        return CHAPAccount(name: name, secret: secret)
    }

    private static func readMethod(_ reader: inout ObjectReader) -> Method {
        let transport = reader.string("transport")
        switch reader.string("method") ?? "sanboot" {
        case "sanboot": return .sanboot
        case "kernel":
            if let transport = Transport(rawValue: transport ?? "http") { return .kernel(transport) }
            reader.fail("transport", "\(transport ?? "") is not a transport", "write http or tftp")
        case "firmware": return .firmware
        case "http": return .http
        case let other:
            reader.fail("method", "\(other) is not a boot method", "write sanboot, kernel, firmware or http")
        }
        return .sanboot
    }

    package var json: JSONValue {
        var members: [String: JSONValue?] = [
            "name": .string(self.name),
            "mac": .string(self.mac),
            "method": .string(self.method.word),
            "secure_boot": self.secureBoot.map(JSONValue.boolean),
            "address": self.address.map(JSONValue.string),
            "initiator_name": self.initiatorName.map(JSONValue.string),
            "target_name": self.targetName.map(JSONValue.string),
            "chap_userid": self.chap.map { .string($0.name) },
            "chap_password": self.chap.map { .string($0.secret) },
            "kernel_arguments": self.kernelArguments.map(JSONValue.string),
            "size": self.size.map(JSONValue.integer),
        ]
        switch self.source {
        case .image(let image): members["image"] = .string(image)
        case .disk(let path): members["disk"] = .string(path)
        }
        if case .kernel(let transport) = self.method { members["transport"] = .string(transport.rawValue) }
        return self.remainder.object(members)
    }

    /// The name that the machine's firmware and kernel log in with.
    package var effectiveInitiatorName: String {
        self.initiatorName ?? "\(Naming.prefix):\(self.name).initiator"
    }

    /// The name of the machine's own target.
    package var effectiveTargetName: String {
        self.targetName ?? "\(Naming.prefix):\(self.name)"
    }
}
