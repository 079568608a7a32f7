// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An I_T nexus: one initiator port's relationship with one target port (SAM-5).
package struct Nexus: Hashable, Sendable {
    /// Distinguishes nexuses that exist at the same time, and from those before.
    package var id: UInt64
    /// The initiator port's name: `<initiator name>,i,0x<ISID>` (RFC 7143's iSCSI initiator port name).
    package var initiatorPort: String
    /// The iSCSI name of the target, which VPD page 83 shows.
    package var targetName: String
    /// The target port's relative port identifier: the target portal group tag.
    package var relativeTargetPort: UInt16
    /// Whether the medium is write-protected for this nexus alone.
    package var isWriteProtected = false
    /// iSCSIProtocolLevel as it was agreed on for this nexus (RFC 7144 §7.1.1).
    package var protocolLevel: UInt8 = 0
    /// Whether the transport has SAM-5's queries of tasks and I_T NEXUS RESET for this nexus.
    var hasTaskQueries: Bool { self.protocolLevel >= 2 }

    package init(id: UInt64, initiatorPort: String, targetName: String, relativeTargetPort: UInt16) {
        self.id = id
        self.initiatorPort = initiatorPort
        self.targetName = targetName
        self.relativeTargetPort = relativeTargetPort
    }

    /// The target port's name: `<target name>,t,0x<target portal group tag>` (RFC 7143's iSCSI target port name).
    package var targetPort: String {
        let digits = String(self.relativeTargetPort, radix: 16, uppercase: false)
        return "\(self.targetName),t,0x\(String(repeating: "0", count: 4 - digits.count))\(digits)"
    }
}
