// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A machine's disk, as an initiator is told about it.
package struct SANDisk: Hashable, Sendable {
    package var initiatorName: String
    package var targetName: String
    /// An address or host name; IPv6 without brackets.
    package var portalAddress: String
    package var portalPort: Int
    package var lun: UInt16
    /// What the initiator proves itself with.
    package var credentials: Credentials?

    /// CHAP's name and secret, which no description shows.
    package struct Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
        package let name: String
        package let secret: String

        package init(name: String, secret: String) {
            self.name = name
            self.secret = secret
        }

        package var description: String { "\(self.name):(hidden)" }
        package var customMirror: Mirror { Mirror(self, children: ["name": self.name]) }
    }

    package init(
        initiatorName: String, targetName: String, portalAddress: String, portalPort: Int, lun: UInt16,
        credentials: Credentials? = nil
    ) {
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.portalAddress = portalAddress
        self.portalPort = portalPort
        self.lun = lun
        self.credentials = credentials
    }

    /// RFC 4173 §5: `iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET`. The protocol is left at its default (TCP); the LUN is
    /// hexadecimal; an IPv6 address stands in brackets.
    package var rootPath: String {
        let server = self.portalAddress.contains(":") ? "[\(self.portalAddress)]" : self.portalAddress
        return "iscsi:\(server)::\(self.portalPort):\(String(self.lun, radix: 16)):\(self.targetName)"
    }

    /// The kernel arguments that `init-iscsi.sh` in the initramfs logs in with.
    package var kernelArguments: String {
        "initiator_name=\(self.initiatorName) iscsi_target_ip=\(self.portalAddress) "
            + "iscsi_target_name=\(self.targetName) iscsi_target_port=\(self.portalPort) iscsi_lun=\(self.lun)"
    }

    /// What hands credentials that are good for one boot to an initramfs that no firmware leaves any.
    package var credentialArguments: String {
        self.credentials.map { " iscsi_chap_name=\($0.name) iscsi_chap_secret=\($0.secret)" } ?? ""
    }
}
