// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The read-write error recovery mode page, 01h (SBC-3). Recovery is the business of what lies below; the page is there
/// for LBPERE, which lets thresholds of the space be reported.
struct ErrorRecoveryModePage: Sendable {
    static let code: UInt8 = 0x01
    var page: ModePage

    init(hasThresholds: Bool) {
        var bytes = [UInt8](repeating: 0, count: 12)
        bytes[0] = Self.code
        bytes[1] = 10
        bytes[7] = hasThresholds ? 0x80 : 0x00
        self.page = ModePage(bytes, changeable: hasThresholds ? [7: 0x80] : [:])
    }

    /// LBPERE: thresholds that are reached are reported.
    var reportsThresholds: Bool { self.page.current[7] & 0x80 != 0 }
}

/// The informational exceptions control mode page, 1Ch (SPC-4): nothing is predicted (DEXCPT), and nothing reported.
struct InformationalExceptionsModePage: Sendable {
    static let code: UInt8 = 0x1C
    let page = ModePage([Self.code, 10, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0], changeable: [:])
}

/// The logical block provisioning mode page, 1Ch/02h (SBC-3): of how little space left, or how much taken, initiators want
/// to be told.
///
///     4  SITUA    16 + 8n  ENABLED (bit 7), THRESHOLD TYPE (bits 3 to 5), THRESHOLD ARMING (bits 0 to 2)
///                    + 1  THRESHOLD RESOURCE    + 4  THRESHOLD COUNT (4), in threshold sets
///
/// There are two soft thresholds, whose kinds are fixed: one for the space left, one for the space taken.
struct ProvisioningModePage: Sendable {
    static let code: UInt8 = 0x1C
    static let subpage: UInt8 = 0x02
    private static let firstDescriptor = 16
    private static let descriptorLength = 8
    var page: ModePage

    /// A threshold as it is set.
    struct Threshold: Sendable {
        var resource: Resource
        var isEnabled: Bool
        var count: UInt32
    }

    enum Resource: UInt8, Sendable, CaseIterable {
        case available = 0x01
        case used = 0x02

        /// What the resource does when it reaches its threshold: 000b decrease, 001b increase.
        fileprivate var arming: UInt8 { self == .available ? 0b000 : 0b001 }
    }

    init() {
        var bytes = [UInt8](repeating: 0, count: Self.firstDescriptor)
        bytes[0] = Self.code | 0x40
        bytes[1] = Self.subpage
        var changeable: [Int: UInt8] = [:]
        for resource in Resource.allCases {
            changeable[bytes.count] = 0x80
            for offset in 4..<Self.descriptorLength { changeable[bytes.count + offset] = 0xFF }
            bytes += [resource.arming, resource.rawValue, 0, 0, 0, 0, 0, 0]
        }
        bytes[3] = UInt8(bytes.count - 4)
        self.page = ModePage(bytes, changeable: changeable)
    }

    var thresholds: [Threshold] {
        Resource.allCases.enumerated().map { index, resource in
            let bytes = self.page.current.dropFirst(Self.firstDescriptor + index * Self.descriptorLength)
                .prefix(Self.descriptorLength)
            let count = bytes.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return Threshold(resource: resource, isEnabled: bytes.first.map { $0 & 0x80 != 0 } ?? false, count: count)
        }
    }
}
