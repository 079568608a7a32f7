// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One DHCP option with its value (RFC 2132, and the RFCs named beside the cases).
///
/// An option whose length does not fit its type is kept as `other`: a client's mistake in an option that we do not need
/// must not cost it its lease.
package enum DHCPOption: Hashable, Sendable {
    case subnetMask(IPv4Address)
    case routers([IPv4Address])
    case nameServers([IPv4Address])
    case hostName(String)
    case domainName(String)
    case rootPath(String)
    case vendorSpecific([UInt8])
    case requestedAddress(IPv4Address)
    case leaseSeconds(UInt32)
    case messageType(DHCPMessageType)
    case serverIdentifier(IPv4Address)
    case parameterRequestList([UInt8])
    /// Why a server refuses or a client declines.
    case message(String)
    case maximumMessageSize(UInt16)
    case renewalSeconds(UInt32)
    case rebindingSeconds(UInt32)
    case vendorClass(String)
    case clientIdentifier([UInt8])
    case tftpServerName(String)
    case bootFileName(String)
    /// RFC 3004 counts several classes; iPXE and most others send their name without a count, so the bytes stay as sent.
    case userClass([UInt8])
    /// RFC 3046: what a relay agent added; a server gives it back unchanged.
    case relayAgentInformation([UInt8])
    /// RFC 4578 §2.1.
    case clientArchitectures([ClientArchitecture])
    /// RFC 4578 §2.2: the version of UNDI.
    case clientNetworkInterface(type: UInt8, major: UInt8, minor: UInt8)
    /// RFC 4578 §2.3: a type byte (0 for a GUID) and the identifier.
    case clientMachineIdentifier([UInt8])
    /// Options of iPXE, encapsulated.
    case ipxe([UInt8])
    /// The iSCSI initiator name that iPXE and edk2 take.
    case initiatorName(String)
    case other(code: UInt8, [UInt8])
}

/// The codes of the options that have a type of their own.
package enum DHCPOptionCode {
    package static let pad: UInt8 = 0
    package static let subnetMask: UInt8 = 1
    package static let routers: UInt8 = 3
    package static let nameServers: UInt8 = 6
    package static let hostName: UInt8 = 12
    package static let domainName: UInt8 = 15
    package static let rootPath: UInt8 = 17
    package static let vendorSpecific: UInt8 = 43
    package static let requestedAddress: UInt8 = 50
    package static let leaseSeconds: UInt8 = 51
    package static let overload: UInt8 = 52
    package static let messageType: UInt8 = 53
    package static let serverIdentifier: UInt8 = 54
    package static let parameterRequestList: UInt8 = 55
    package static let message: UInt8 = 56
    package static let maximumMessageSize: UInt8 = 57
    package static let renewalSeconds: UInt8 = 58
    package static let rebindingSeconds: UInt8 = 59
    package static let vendorClass: UInt8 = 60
    package static let clientIdentifier: UInt8 = 61
    package static let tftpServerName: UInt8 = 66
    package static let bootFileName: UInt8 = 67
    package static let userClass: UInt8 = 77
    package static let relayAgentInformation: UInt8 = 82
    package static let clientArchitectures: UInt8 = 93
    package static let clientNetworkInterface: UInt8 = 94
    package static let clientMachineIdentifier: UInt8 = 97
    package static let ipxe: UInt8 = 175
    package static let initiatorName: UInt8 = 203
    package static let end: UInt8 = 255
}

/// The DHCP message types of RFC 2132 §9.6.
package enum DHCPMessageType: UInt8, Sendable {
    case discover = 1
    case offer, request, decline, ack, nak, release, inform
}

extension DHCPOption {
    package var code: UInt8 {
        switch self {
        case .subnetMask: DHCPOptionCode.subnetMask
        case .routers: DHCPOptionCode.routers
        case .nameServers: DHCPOptionCode.nameServers
        case .hostName: DHCPOptionCode.hostName
        case .domainName: DHCPOptionCode.domainName
        case .rootPath: DHCPOptionCode.rootPath
        case .vendorSpecific: DHCPOptionCode.vendorSpecific
        case .requestedAddress: DHCPOptionCode.requestedAddress
        case .leaseSeconds: DHCPOptionCode.leaseSeconds
        case .messageType: DHCPOptionCode.messageType
        case .serverIdentifier: DHCPOptionCode.serverIdentifier
        case .parameterRequestList: DHCPOptionCode.parameterRequestList
        case .message: DHCPOptionCode.message
        case .maximumMessageSize: DHCPOptionCode.maximumMessageSize
        case .renewalSeconds: DHCPOptionCode.renewalSeconds
        case .rebindingSeconds: DHCPOptionCode.rebindingSeconds
        case .vendorClass: DHCPOptionCode.vendorClass
        case .clientIdentifier: DHCPOptionCode.clientIdentifier
        case .tftpServerName: DHCPOptionCode.tftpServerName
        case .bootFileName: DHCPOptionCode.bootFileName
        case .userClass: DHCPOptionCode.userClass
        case .relayAgentInformation: DHCPOptionCode.relayAgentInformation
        case .clientArchitectures: DHCPOptionCode.clientArchitectures
        case .clientNetworkInterface: DHCPOptionCode.clientNetworkInterface
        case .clientMachineIdentifier: DHCPOptionCode.clientMachineIdentifier
        case .ipxe: DHCPOptionCode.ipxe
        case .initiatorName: DHCPOptionCode.initiatorName
        case .other(let code, _): code
        }
    }
}
