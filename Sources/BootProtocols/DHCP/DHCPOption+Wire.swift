// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension DHCPOption {
    /// Reads the option's value, already put together from its parts (RFC 3396). Total: what does not fit is `other`.
    init(code: UInt8, value: [UInt8]) {
        self =
            Self.address(code, value) ?? Self.number(code, value) ?? Self.text(code, value)
            ?? Self.composite(code, value) ?? .other(code: code, value)
    }

    /// The value's bytes, which may be longer than one option on the wire can hold.
    var value: [UInt8] {
        switch self {
        case .subnetMask(let address), .requestedAddress(let address), .serverIdentifier(let address):
            address.bytes
        case .routers(let addresses), .nameServers(let addresses):
            addresses.flatMap(\.bytes)
        case .hostName(let text), .domainName(let text), .rootPath(let text), .message(let text),
            .vendorClass(let text), .tftpServerName(let text), .bootFileName(let text), .initiatorName(let text):
            Array(text.utf8)
        case .leaseSeconds(let seconds), .renewalSeconds(let seconds), .rebindingSeconds(let seconds):
            IPv4Address(seconds).bytes
        case .maximumMessageSize(let size):
            [UInt8(size >> 8), UInt8(size & 0xff)]
        case .messageType(let type):
            [type.rawValue]
        case .clientArchitectures(let architectures):
            architectures.flatMap { [UInt8($0.rawValue >> 8), UInt8($0.rawValue & 0xff)] }
        case .clientNetworkInterface(let type, let major, let minor):
            [type, major, minor]
        case .vendorSpecific(let bytes), .parameterRequestList(let bytes), .clientIdentifier(let bytes),
            .userClass(let bytes), .relayAgentInformation(let bytes), .clientMachineIdentifier(let bytes),
            .ipxe(let bytes), .other(_, let bytes):
            bytes
        }
    }

    private static func address(_ code: UInt8, _ value: [UInt8]) -> DHCPOption? {
        guard !value.isEmpty, value.count.isMultiple(of: 4) else { return nil }
        let addresses = stride(from: 0, to: value.count, by: 4).map { start in
            IPv4Address(value[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        switch code {
        case DHCPOptionCode.routers: return .routers(addresses)
        case DHCPOptionCode.nameServers: return .nameServers(addresses)
        case DHCPOptionCode.subnetMask where addresses.count == 1: return .subnetMask(addresses[0])
        case DHCPOptionCode.requestedAddress where addresses.count == 1: return .requestedAddress(addresses[0])
        case DHCPOptionCode.serverIdentifier where addresses.count == 1: return .serverIdentifier(addresses[0])
        default: return nil
        }
    }

    private static func number(_ code: UInt8, _ value: [UInt8]) -> DHCPOption? {
        guard (1...4).contains(value.count) else { return nil }
        let number = value.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        switch (code, value.count) {
        case (DHCPOptionCode.leaseSeconds, 4): return .leaseSeconds(number)
        case (DHCPOptionCode.renewalSeconds, 4): return .renewalSeconds(number)
        case (DHCPOptionCode.rebindingSeconds, 4): return .rebindingSeconds(number)
        case (DHCPOptionCode.maximumMessageSize, 2): return .maximumMessageSize(UInt16(truncatingIfNeeded: number))
        case (DHCPOptionCode.messageType, 1): return DHCPMessageType(rawValue: value[0]).map { .messageType($0) }
        default: return nil
        }
    }

    /// Text options. Some clients count a terminating NUL; RFC 2132 §2 tells receivers to drop it.
    private static func text(_ code: UInt8, _ value: [UInt8]) -> DHCPOption? {
        let text = { String(decoding: value.prefix { $0 != 0 }, as: UTF8.self) }
        switch code {
        case DHCPOptionCode.hostName: return .hostName(text())
        case DHCPOptionCode.domainName: return .domainName(text())
        case DHCPOptionCode.rootPath: return .rootPath(text())
        case DHCPOptionCode.message: return .message(text())
        case DHCPOptionCode.vendorClass: return .vendorClass(text())
        case DHCPOptionCode.tftpServerName: return .tftpServerName(text())
        case DHCPOptionCode.bootFileName: return .bootFileName(text())
        case DHCPOptionCode.initiatorName: return .initiatorName(text())
        default: return nil
        }
    }

    private static func composite(_ code: UInt8, _ value: [UInt8]) -> DHCPOption? {
        switch code {
        case DHCPOptionCode.vendorSpecific: return .vendorSpecific(value)
        case DHCPOptionCode.parameterRequestList: return .parameterRequestList(value)
        case DHCPOptionCode.clientIdentifier: return .clientIdentifier(value)
        case DHCPOptionCode.userClass: return .userClass(value)
        case DHCPOptionCode.relayAgentInformation: return .relayAgentInformation(value)
        case DHCPOptionCode.clientMachineIdentifier: return .clientMachineIdentifier(value)
        case DHCPOptionCode.ipxe: return .ipxe(value)
        case DHCPOptionCode.clientNetworkInterface where value.count == 3:
            return .clientNetworkInterface(type: value[0], major: value[1], minor: value[2])
        case DHCPOptionCode.clientArchitectures where !value.isEmpty && value.count.isMultiple(of: 2):
            return .clientArchitectures(
                stride(from: 0, to: value.count, by: 2).map {
                    ClientArchitecture(rawValue: UInt16(value[$0]) << 8 | UInt16(value[$0 + 1]))
                })
        default: return nil
        }
    }
}
