// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which boot file for which client.
///
///     program                      architecture (option 93)     is told
///     iPXE                         any                          the URL of its script, initiator name
///     PXE firmware                 0 (BIOS)                     undionly.kpxe by TFTP
///     PXE firmware                 7, 9 (UEFI x86-64)           snponly.efi by TFTP
///     UEFI HTTP Boot               16 (UEFI x86-64)             the URL of snponly.efi, option 60 "HTTPClient"
///     any other                                                 root path and initiator name, if it asks for them
///
/// 7 and 9 are both x86-64: RFC 4578 §2.1 named 9 so and 7 "EFI BC", firmware sends 7, and IANA's registry turned
/// the two around.
package struct BootPolicy: Hashable, Sendable {
    /// The address that machines reach the services at.
    package var server: IPv4Address
    package var httpPort: Int
    /// Whether this server also hands out the addresses, so that there is no other offer worth waiting for.
    package var isOnlyServer: Bool

    package init(server: IPv4Address, httpPort: Int, isOnlyServer: Bool) {
        self.server = server
        self.httpPort = httpPort
        self.isOnlyServer = isOnlyServer
    }

    /// The boot program that starts iPXE on firmware of this architecture; nil where Debian has none.
    package static func program(for architecture: ClientArchitecture) -> String? {
        switch architecture {
        case .bios: "undionly.kpxe"
        case .uefiX64, .uefiBC, .uefiX64HTTP: "snponly.efi"
        default: nil
        }
    }

    /// The answer for a client, and for the disk that it is configured to boot, if any.
    package func answer(_ client: BootClient, disk: SANDisk?) -> BootAnswer {
        switch client.program {
        case .ipxe:
            var answer = BootAnswer(
                bootFile: self.url(.script(client.mac)), nextServer: self.server,
                options: disk.map { [.initiatorName($0.initiatorName)] } ?? [])
            // iPXE would wait three seconds for a proxyDHCP offer that nobody is going to send.
            if self.isOnlyServer { answer.options.append(.ipxe(IPXEOption.encode([.noPXEDHCP]))) }
            return answer
        case .pxe:
            guard let program = Self.program(for: client.architecture ?? .bios) else {
                return self.refusal(client)
            }
            return BootAnswer(bootFile: program, nextServer: self.server)
        case .httpBoot:
            guard let program = client.architecture.flatMap(Self.program(for:)) else { return self.refusal(client) }
            // UEFI 2.x takes an offer for HTTP Boot only if the class comes back.
            return BootAnswer(
                bootFile: self.url(.program(program)), nextServer: self.server, options: [.vendorClass("HTTPClient")])
        case .other:
            guard let disk else { return .nothing }
            return BootAnswer(optionsOnRequest: [.rootPath(disk.rootPath), .initiatorName(disk.initiatorName)])
        }
    }

    package func url(_ path: BootPath) -> String {
        "http://\(self.server):\(self.httpPort)/\(path.text)"
    }

    private func refusal(_ client: BootClient) -> BootAnswer {
        let architecture = client.architecture.map { "\($0.rawValue)" } ?? "unknown"
        return BootAnswer(
            refusal:
                "no boot program for client architecture \(architecture) (option 93); x86-64 BIOS and UEFI have one")
    }
}
