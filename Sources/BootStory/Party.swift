// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Who of a machine's boot an initiator is.
package enum Party: String, Hashable, Sendable, Codable {
    case ipxe
    /// The UEFI firmware's own initiator (edk2).
    case uefi
    /// The Linux kernel with open-iscsi.
    case linux
    case other

    /// Tells initiators apart by what they cannot help showing in their login.
    ///
    /// The session identifiers are the surest sign (RFC 7143 §11.12.5): iPXE forms its ISID from the enterprise number
    /// 10019 of Fen Systems (40 00 27 23), open-iscsi from Cisco's OUI (00 02 3d), edk2 from the card's MAC with
    /// its two upper bits clear. iPXE alone asks for ImmediateData=No; open-iscsi alone sends an InitiatorAlias.
    package init(_ facts: SessionFacts, mac: String?) {
        if facts.isid.hasPrefix("40002723") {
            self = .ipxe
        } else if facts.isid.hasPrefix("00023d") {
            self = .linux
        } else if let mac, facts.isid == Self.edk2ISID(mac: mac) {
            self = .uefi
        } else if facts.immediateData == false {
            self = .ipxe
        } else if facts.initiatorAlias != nil {
            self = .linux
        } else {
            self = .other
        }
    }

    /// Whether it runs before the operating system.
    package var isFirmware: Bool {
        self == .ipxe || self == .uefi
    }

    package var words: String {
        switch self {
        case .ipxe: "iPXE"
        case .uefi: "the UEFI firmware"
        case .linux: "the Linux kernel"
        case .other: "another initiator"
        }
    }

    private static func edk2ISID(mac: String) -> String? {
        let digits = mac.filter { $0 != ":" }
        guard digits.utf8.count == 12, let first = UInt8(digits.prefix(2), radix: 16) else { return nil }
        let masked = String(first & 0x3f, radix: 16)
        return (masked.utf8.count == 1 ? "0" + masked : masked) + digits.dropFirst(2)
    }
}
