// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import HashTreeCollections

/// What is to run, or runs: a configuration with everything spelled out that follows from it.
///
/// It is what plans are made from. The empty one is a daemon that serves nothing. Its tables share their memory with those
/// of the deployment that it was made from.
package struct Deployment: Hashable, Sendable {
    /// By `StorageObject.path`.
    package var backstores: TreeDictionary<String, Backstore>
    /// By target name.
    package var targets: TreeDictionary<String, ServedTarget>
    /// Where connections are accepted; no two of them overlap.
    package var portals: Set<PortalAddress>
    /// What initiators have to prove before they discover targets.
    package var discovery: ServedAuthentication
    package var boot: BootDeployment?
    /// By backstore; those that are not here are reached alike through all ports.
    package var access: TreeDictionary<String, AccessMap> = [:]
    /// The kernel arguments that a machine's boot loader adds, by the backstore whose disk it is on.
    package var loaderArguments: TreeDictionary<String, String> = [:]

    package init(
        backstores: TreeDictionary<String, Backstore> = [:], targets: TreeDictionary<String, ServedTarget> = [:],
        portals: Set<PortalAddress> = [], discovery: ServedAuthentication = .none, boot: BootDeployment? = nil
    ) {
        self.backstores = backstores
        self.targets = targets
        self.portals = portals
        self.discovery = discovery
        self.boot = boot
    }
}

/// An open backstore.
package struct Backstore: Hashable, Sendable {
    package var kind: Kind
    /// INQUIRY's product identification.
    package var product: String
    /// The unit serial number.
    package var serial: String
    package var isReadOnly: Bool
    package var attributes: BackstoreAttributes

    package enum Kind: Hashable, Sendable {
        /// `size` is needed only where the file does not exist yet; `original` is then what it becomes a copy of.
        case file(path: String, size: Int?, writeBack: Bool, original: String?)
        case block(path: String)
        case ramdisk(size: Int, forgetful: Bool)
        /// A SCSI device of the host, of any type, as it is.
        case passThrough(path: String)
    }

    package init(
        kind: Kind, product: String, serial: String, isReadOnly: Bool = false,
        attributes: BackstoreAttributes = BackstoreAttributes()
    ) {
        self.attributes = attributes
        self.kind = kind
        self.product = product
        self.serial = serial
        self.isReadOnly = isReadOnly
    }
}

/// Where iSCSI connections are accepted.
package struct PortalAddress: Hashable, Sendable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16

    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `10.0.0.1:3260` or `[::1]:3260`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0,
            let address = IPAddress(String(text[..<colon])), address.isIPv4 || text.hasPrefix("[")
        else { return nil }
        self.init(address: address, port: port)
    }

    package var description: String {
        self.address.isIPv4 ? "\(self.address):\(self.port)" : "[\(self.address)]:\(self.port)"
    }

    /// Whether a socket on this address also accepts what is sent to `other`, so that both cannot be bound.
    package func covers(_ other: PortalAddress) -> Bool {
        guard self.port == other.port else { return false }
        if self.address == other.address { return true }
        return self.address.isUnspecified && self.address.isIPv4 == other.address.isIPv4
    }
}

/// The boot services as they run.
package struct BootDeployment: Hashable, Sendable {
    package var services: ServiceSettings
    /// By client.
    package var machines: [String: Machine]

    package init(services: ServiceSettings, machines: [String: Machine]) {
        self.services = services
        self.machines = machines
    }
}

/// What one machine is told.
package struct Machine: Hashable, Sendable {
    package var client: String
    /// What it is known by.
    package var identity: MachineIdentity
    package var initiatorName: String
    package var targetName: String
    package var method: Method
    /// What it logs in with.
    package var chap: CHAPAccount?
    /// What it logs in with is made anew for each boot.
    package var isCHAPPerBoot = false
    /// A template of its iPXE script; nil for ours.
    package var ipxeScript: String?
    /// Its firmware starts signed programs only.
    package var isSecureBoot: Bool
    /// The address that DHCP keeps for it.
    package var address: String?

    package enum Method: Hashable, Sendable {
        case sanboot
        case kernel(kernelPath: String, initramfsPath: String, arguments: String, BootClient.Transport)
        case firmware
        case http(kernelPath: String, initramfsPath: String, arguments: String)
    }

    package init(
        client: String, identity: MachineIdentity, initiatorName: String, targetName: String, method: Method,
        chap: CHAPAccount? = nil, isSecureBoot: Bool = false, address: String? = nil
    ) {
        self.client = client
        self.identity = identity
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.method = method
        self.chap = chap
        self.isSecureBoot = isSecureBoot
        self.address = address
    }
}
