// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a DHCP message says about the program that sent it.
package struct BootClient: Hashable, Sendable {
    package var mac: MACAddress
    package var program: Program
    package var architecture: ClientArchitecture?

    package enum Program: Hashable, Sendable {
        /// iPXE: takes a script by HTTP.
        case ipxe
        /// A PXE firmware (PXE 2.1, "PXEClient"): takes a boot program by TFTP.
        case pxe
        /// UEFI HTTP Boot ("HTTPClient"): takes a URL.
        case httpBoot
        /// Anything else: an operating system, an initramfs, or firmware's iSCSI initiator.
        case other
    }

    /// Nil where the message has no Ethernet address.
    package init?(_ message: DHCPMessage) {
        guard let mac = message.mac else { return nil }
        let vendorClass: String? = message.first { if case .vendorClass(let name) = $0 { name } else { nil } }
        let userClass: [UInt8]? = message.first { if case .userClass(let bytes) = $0 { bytes } else { nil } }
        let listed: [ClientArchitecture]? = message.first {
            if case .clientArchitectures(let list) = $0 { list } else { nil }
        }
        let hasIPXEOptions = message.options.contains { $0.code == DHCPOptionCode.ipxe }

        self.mac = mac
        self.architecture = listed?.first ?? vendorClass.flatMap(Self.architecture(in:))
        if hasIPXEOptions || userClass.map(Self.namesIPXE) == true {
            self.program = .ipxe
        } else if vendorClass?.hasPrefix("PXEClient") == true {
            self.program = .pxe
        } else if vendorClass?.hasPrefix("HTTPClient") == true {
            self.program = .httpBoot
        } else {
            self.program = .other
        }
    }

    /// iPXE sends its user class without the count that RFC 3004 §4 puts before each class.
    private static func namesIPXE(_ userClass: [UInt8]) -> Bool {
        let name = Array("iPXE".utf8)
        return userClass == name || userClass == [UInt8(name.count)] + name
    }

    /// Reads `PXEClient:Arch:00007:UNDI:003001`, for firmware that leaves out option 93.
    private static func architecture(in vendorClass: String) -> ClientArchitecture? {
        let parts = vendorClass.split(separator: ":")
        guard let at = parts.firstIndex(of: "Arch"), at + 1 < parts.count else { return nil }
        return UInt16(parts[at + 1]).map { ClientArchitecture(rawValue: $0) }
    }
}
