// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The settings of iPXE that travel encapsulated in DHCP option 175.
package enum IPXEOption: Hashable, Sendable {
    /// Keep the SAN disk attached after its boot failed, for an installer to find it (8).
    case keepSAN
    /// Attach the SAN disk described by the root path but do not boot it (9).
    case skipSANBoot
    /// Do not wait for a proxyDHCP offer (176).
    case noPXEDHCP
    /// CHAP name and secret of the initiator (190, 191).
    case userName(String)
    case password(String)
    /// CHAP name and secret that the target proves itself with (192, 193).
    case reverseUserName(String)
    case reversePassword(String)

    var code: UInt8 {
        switch self {
        case .keepSAN: 8
        case .skipSANBoot: 9
        case .noPXEDHCP: 176
        case .userName: 190
        case .password: 191
        case .reverseUserName: 192
        case .reversePassword: 193
        }
    }

    /// The value of option 175. Texts longer than a sub-option holds are cut: no CHAP secret is that long.
    package static func encode(_ options: [IPXEOption]) -> [UInt8] {
        options.flatMap { option in
            let value: [UInt8] =
                switch option {
                case .keepSAN, .skipSANBoot, .noPXEDHCP: [1]
                case .userName(let text), .password(let text), .reverseUserName(let text), .reversePassword(let text):
                    Array(text.utf8.prefix(255))
                }
            return [option.code, UInt8(value.count)] + value
        }
    }
}
