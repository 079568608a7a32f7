// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine boots, and how: said of the machine itself or of the group that it belongs to.
///
/// Nil is "not said here". What a machine does not say its group says, each value as a whole: a machine's kernel
/// arguments take the place of the group's.
package struct BootSettings: Hashable, Sendable {
    package var source: Source?
    package var method: Method?
    /// The machine's firmware starts signed programs only: it gets Debian's shim and GRUB instead of iPXE.
    package var secureBoot: Bool?
    /// What it proves itself with when it logs in.
    package var chap: ClientCHAP?
    /// Added to the image's own.
    package var kernelArguments: String?
    /// Bytes of the disk; at least the image's, which is the default.
    package var size: Int?
    /// A template of the iPXE script that is served in the place of ours.
    package var ipxeScript: String?

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
        source: Source? = nil, method: Method? = nil, secureBoot: Bool? = nil, chap: ClientCHAP? = nil,
        kernelArguments: String? = nil, size: Int? = nil, ipxeScript: String? = nil
    ) {
        self.source = source
        self.method = method
        self.secureBoot = secureBoot
        self.chap = chap
        self.kernelArguments = kernelArguments
        self.size = size
        self.ipxeScript = ipxeScript
    }

    /// These settings, with what they leave open taken from `others`.
    func filled(from others: BootSettings) -> BootSettings {
        BootSettings(
            source: self.source ?? others.source, method: self.method ?? others.method,
            secureBoot: self.secureBoot ?? others.secureBoot, chap: self.chap ?? others.chap,
            kernelArguments: self.kernelArguments ?? others.kernelArguments, size: self.size ?? others.size,
            ipxeScript: self.ipxeScript ?? others.ipxeScript)
    }
}

/// What a machine proves itself with when it logs in.
package enum ClientCHAP: Hashable, Sendable {
    /// Nothing, whatever its group says.
    case none
    case account(CHAPAccount)
    /// A name and a secret that are made for one boot and are good for the machine's address alone.
    case perBoot
}

extension BootSettings {
    init(_ reader: inout ObjectReader) {
        self.init(
            source: Self.readSource(&reader), method: Self.readMethod(&reader),
            secureBoot: reader.boolean("secure_boot"), chap: Self.readCHAP(&reader),
            kernelArguments: reader.string("kernel_arguments"), size: reader.integer("size"),
            ipxeScript: reader.string("ipxe_script"))
    }

    private static func readSource(_ reader: inout ObjectReader) -> Source? {
        switch (reader.string("image"), reader.string("disk")) {
        case (let image?, nil): return .image(image)
        case (nil, let disk?): return .disk(disk)
        case (nil, nil): return nil
        case (_?, _?):
            reader.fail("disk", "the machine has both image and disk", "keep one of them")
            return nil
        }
    }

    private static func readCHAP(_ reader: inout ObjectReader) -> ClientCHAP? {
        let (name, secret) = (reader.string("chap_userid") ?? "", reader.string("chap_password") ?? "")
        if name.isEmpty != secret.isEmpty {
            reader.fail(
                name.isEmpty ? "chap_userid" : "chap_password", "CHAP needs a name and a secret; one is missing",
                "give both, or none")
        }
        let account = CHAPAccount(name: name, secret: secret)
        switch reader.string("chap") {
        case nil: return account.map(ClientCHAP.account)
        case _? where account != nil:
            reader.fail("chap", "CHAP is given with a name and a secret and in another way", "keep one of them")
        case "none"?: return ClientCHAP.none
        case "per-boot"?: return .perBoot
        case let other?:
            reader.fail(
                "chap", "\(other) is not a way of CHAP", "write none or per-boot, or chap_userid and chap_password")
        }
        return nil
    }

    private static func readMethod(_ reader: inout ObjectReader) -> Method? {
        let transport = reader.string("transport")
        switch reader.string("method") {
        case nil: return nil
        case "sanboot": return .sanboot
        case "kernel":
            if let transport = Transport(rawValue: transport ?? "http") { return .kernel(transport) }
            reader.fail("transport", "\(transport ?? "") is not a transport", "write http or tftp")
        case "firmware": return .firmware
        case "http": return .http
        case let other?:
            reader.fail("method", "\(other) is not a boot method", "write sanboot, kernel, firmware or http")
        }
        return nil
    }

    var members: [String: JSONValue?] {
        var members: [String: JSONValue?] = [
            "method": self.method.map { .string($0.word) },
            "secure_boot": self.secureBoot.map(JSONValue.boolean),
            "kernel_arguments": self.kernelArguments.map(JSONValue.string),
            "size": self.size.map(JSONValue.integer),
            "ipxe_script": self.ipxeScript.map(JSONValue.string),
        ]
        switch self.source {
        case .image(let image)?: members["image"] = .string(image)
        case .disk(let path)?: members["disk"] = .string(path)
        case nil: break
        }
        switch self.chap {
        case .account(let account)?:
            members["chap_userid"] = .string(account.name)
            members["chap_password"] = .string(account.secret)
        case .perBoot?: members["chap"] = .string("per-boot")
        case ClientCHAP.none?: members["chap"] = .string("none")
        case nil: break
        }
        if case .kernel(let transport)? = self.method { members["transport"] = .string(transport.rawValue) }
        return members
    }
}
