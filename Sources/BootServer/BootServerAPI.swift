// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootProtocols

/// Where and how the boot services answer.
package struct BootServices: Sendable, Equatable {
    /// The address of this host that machines are told, and that the services listen on.
    package var address: String
    /// The interface that DHCP is answered on; nothing that comes in by another one is answered.
    package var interface: String
    package var dhcp: DHCPMode
    package var tftpPort: Int
    package var httpPort: Int
    /// The folder with iPXE's programs (Debian's package ipxe).
    package var firmwareFolder: String
    /// The programs for Secure Boot and for UEFI HTTP Boot.
    package var loaders: LoaderFiles
    /// Where leases are kept over a restart; nil forgets them.
    package var leaseFile: String?
    /// The UDP ports that TFTP's transfers come from, for firewalls that must know; nil leaves them to the kernel.
    package var tftpTransferPorts: ClosedRange<Int>?
    /// Answers IPv6 router solicitations with "no router, no addresses", which spares iPXE a wait of 13 seconds.
    /// For networks without IPv6 routing only, such as the try-out's private bridge.
    package var advertisesNoRouter: Bool

    /// The part Apus plays in handing out addresses.
    package enum DHCPMode: Sendable, Equatable {
        /// No DHCP at all: another server points machines here.
        case off
        /// Boot information only (PXE 2.1 proxyDHCP), beside an existing DHCP server.
        case proxy
        /// Addresses too: of this network, and of others whose relay agents send their machines' messages here.
        case ranges(own: Range, behindRelays: [Range])
    }

    /// Addresses of one subnet.
    package struct Range: Sendable, Equatable {
        package var first: String
        package var last: String
        package var prefixLength: Int
        package var router: String?
        package var leaseSeconds: UInt32
        package var options: [DHCPOption]

        package init(
            first: String, last: String, prefixLength: Int, router: String? = nil, leaseSeconds: UInt32,
            options: [DHCPOption] = []
        ) {
            self.first = first
            self.last = last
            self.prefixLength = prefixLength
            self.router = router
            self.leaseSeconds = leaseSeconds
            self.options = options
        }
    }

    package init(
        address: String, interface: String, dhcp: DHCPMode, tftpPort: Int = 69, httpPort: Int = 8080,
        firmwareFolder: String = "/usr/lib/ipxe", loaders: LoaderFiles = LoaderFiles(),
        leaseFile: String? = nil, tftpTransferPorts: ClosedRange<Int>? = nil, advertisesNoRouter: Bool = false
    ) {
        self.address = address
        self.interface = interface
        self.dhcp = dhcp
        self.tftpPort = tftpPort
        self.httpPort = httpPort
        self.firmwareFolder = firmwareFolder
        self.loaders = loaders
        self.leaseFile = leaseFile
        self.tftpTransferPorts = tftpTransferPorts
        self.advertisesNoRouter = advertisesNoRouter
    }
}

/// Where the UEFI programs are that Debian's packages bring besides iPXE.
package struct LoaderFiles: Sendable, Equatable {
    /// Signed by Microsoft (package shim-signed).
    package var shim: String
    /// Signed by Debian, with GRUB's network modules built in (package grub-efi-amd64-signed).
    package var grub: String
    /// What kernel and initramfs are put behind to be one program (package systemd-boot-efi).
    package var stub: String

    package init(
        shim: String = "/usr/lib/shim/shimx64.efi.signed",
        grub: String = "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
        stub: String = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
    ) {
        self.shim = shim
        self.grub = grub
        self.stub = stub
    }
}

/// What a machine is to boot: looked up by its MAC for each request.
package struct BootAssignment: Sendable, Equatable {
    /// The client's name in the configuration.
    package var client: String
    package var method: Method
    package var initiatorName: String
    package var targetName: String
    /// Where the target listens, as the machine reaches it.
    package var portalAddress: String
    package var portalPort: Int
    package var lun: UInt16
    /// What it proves itself with when it logs in.
    package var credentials: SANDisk.Credentials?
    /// What it proves itself with is made anew for each boot; `credentials` is then nil until it is.
    package var hasCredentialsPerBoot = false
    /// The user's own iPXE script; nil for ours.
    package var script: ScriptTemplate?
    /// Its firmware starts signed programs only.
    package var isSecureBoot: Bool

    /// How the machine gets from its firmware to its kernel.
    package enum Method: Sendable, Equatable {
        /// iPXE attaches the LUN and starts the boot loader on it.
        case sanboot
        /// iPXE fetches kernel and initramfs, which are files on this host.
        case kernel(kernelPath: String, initrdPath: String, arguments: String, transport: Transport)
        /// The firmware attaches the LUN itself.
        case firmware
        /// UEFI HTTP Boot fetches kernel, initramfs and arguments as one program.
        case http(kernelPath: String, initrdPath: String, arguments: String)
    }

    package enum Transport: String, Sendable, Equatable {
        case http, tftp
    }

    package init(
        client: String, method: Method, initiatorName: String, targetName: String,
        portalAddress: String, portalPort: Int = 3260, lun: UInt16 = 0,
        credentials: SANDisk.Credentials? = nil, isSecureBoot: Bool = false
    ) {
        self.client = client
        self.method = method
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.portalAddress = portalAddress
        self.portalPort = portalPort
        self.lun = lun
        self.credentials = credentials
        self.isSecureBoot = isSecureBoot
    }
}

/// Who boots what. Asked on event loops: answer from memory, where it is not `async`.
package protocol MachineDirectory: Sendable {
    func assignment(for mac: MACAddress) -> BootAssignment?
    /// The addresses that DHCP keeps for machines.
    var reservations: Reservations { get }
    /// Takes in what else the machine with this MAC may be known by.
    func learned(_ facts: MachineFacts, of mac: MACAddress)
    /// Makes the credentials of the boot that begins, good for `address` alone, in the place of the last boot's.
    func makeCredentials(for client: String, at address: String) -> SANDisk.Credentials
    /// The images that unknown machines may choose from; nil where they may not make themselves known.
    func enrolmentImages() async -> [String]?
    /// Makes the machine known, or says why not.
    func enrol(_ request: EnrolmentRequest) async -> EnrolmentOutcome
}

package enum EnrolmentOutcome: Sendable, Equatable {
    case enrolled(client: String)
    case refused(reason: String)
}

/// What the boot services saw, for logs and for the boot's story. Told on event loops: return at once.
///
/// Every case carries the machine's MAC where it is known. HTTP and TFTP requests are told apart by the address that
/// DHCP gave or that the request's path names.
package enum BootEvent: Sendable {
    case dhcpDiscover(MACAddress, architecture: ClientArchitecture?, isIPXE: Bool)
    /// An offer: the address (nil from a proxy) and the boot file, if any.
    case dhcpOffer(MACAddress, address: String?, bootFile: String?)
    case dhcpAcknowledged(MACAddress, address: String?, bootFile: String?)
    /// A request that was left without an answer or refused, and why.
    case dhcpRefused(MACAddress, reason: String)
    /// A transfer that ended. `seconds` from the request to the last byte acknowledged or handed to the kernel.
    case transferred(MACAddress?, remote: String, Transfer)
    /// A transfer that failed, and why.
    case transferFailed(MACAddress?, remote: String, file: String, reason: String)
    /// The machine asked for its boot script, iPXE's or GRUB's, and got this one.
    case scriptServed(MACAddress, client: String, method: String)
    /// Another DHCP server answers on the network that is to be ours.
    case otherDHCPServer(String)
    /// A machine that the configuration does not know asked for its script.
    case unknownMachine(MACAddress)
    /// What the machine's operating system told of itself.
    case reported(MACAddress?, remote: String, BootReport)

    package struct Transfer: Sendable {
        package var file: String
        package var service: Service
        package var bytes: Int
        package var seconds: Double

        package enum Service: String, Sendable {
            case tftp, http
        }

        package init(file: String, service: Service, bytes: Int, seconds: Double) {
            self.file = file
            self.service = service
            self.bytes = bytes
            self.seconds = seconds
        }
    }
}
