// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// What edk2's iSCSI initiator is to try, as its menu would store it: one attempt on one card, everything but the
/// initiator's name from DHCP.
///
/// The structure has no version; this is that of edk2 2022.11 (OVMF of Debian 12), 1,049 bytes, packed, little-endian,
/// and all of it is zero that is not named here:
///
///       16  the card's number, the attempt's number       182  target's port, enabled, IP mode 0 (IPv4)
///       26  the attempt's name (12)                       222  initiator, target from DHCP
///       38  the card's address, 52:54:00:… (96)           224  target's name (224)
///                                                         448  target's address (16)
///     473  time-out in ms (2), retries, ISID (6)          757  authentication: 0 none, 1 CHAP; 0 one-way
///                                                         759  CHAP's name (127), secret (17)
///                                                        1047  …, active
struct ISCSIAttempt {
    /// Variables of the driver's menu, and those of the initiator's name.
    private static let configuration = EFIGUID("4b47d616-a8d6-4552-9d44-ccad2e0f4cf9")
    private static let initiatorName = EFIGUID("59324945-ec44-4c0d-b1cd-9db139df070c")
    private static let structureBytes = 1049
    private static let connectMilliseconds = 20_000

    private let mac: [UInt8]
    private let initiator: String
    private let chap: CHAPAccount?

    /// - Parameter mac: With colons.
    init(mac: String, initiator: String, chap: CHAPAccount? = nil) {
        self.mac = mac.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        precondition(self.mac.count == 6)
        self.initiator = initiator
        self.chap = chap
    }

    func write(to variables: inout FirmwareVariables) throws(FirmwareVariables.Flaw) {
        // The store may have these already, from a firmware that ran once (OVMF_VARS_4M.ms.fd did).
        try variables.set("I_NAME", vendor: Self.initiatorName, Array(self.initiator.utf8) + [0])
        try variables.set("Attempt 1", vendor: Self.initiatorName, self.structure)
        // All eight, or the driver makes its own eight and overwrites this one.
        try variables.set("InitialAttemptOrder", vendor: Self.configuration, Array(1...8))
        try variables.set("AttemptOrder", vendor: Self.configuration, [1])
    }

    var structure: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.structureBytes)
        func put(_ value: [UInt8], at offset: Int) {
            bytes.replaceSubrange(offset..<offset + value.count, with: value)
        }
        bytes[16] = 1
        bytes[17] = 1
        put(Array("Attempt 1".utf8), at: 26)
        put(Array(self.mac.map { Self.hexadecimal($0) }.joined(separator: ":").utf8), at: 38)
        put([0xbc, 0x0c, 1, 0], at: 182)
        put([1, 1], at: 222)
        put([UInt8(Self.connectMilliseconds & 0xff), UInt8(Self.connectMilliseconds >> 8), 3], at: 473)
        // The ISID that edk2 makes of the card's address.
        put([self.mac[0] & 0x3f] + self.mac[1...], at: 476)
        if let chap {
            bytes[757] = 1
            put(Array(chap.name.utf8.prefix(126)), at: 759)
            put(Array(chap.secret.utf8.prefix(16)), at: 886)
        }
        bytes[1048] = 1
        return bytes
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }
}
