// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which boot file for which client.
///
///     program          way             architecture (option 93)  is told
///     iPXE             firmware        any                       root path and initiator name: it attaches the disk
///     iPXE             any other       any                       the URL of its script, initiator name
///     PXE firmware     firmware        any                       no boot file, and why
///     PXE firmware     shim            7, 9 (UEFI x86-64)        shimx64.efi by TFTP
///     PXE firmware     any other       0 (BIOS)                  undionly.kpxe by TFTP
///     PXE firmware     any other       7, 9 (UEFI x86-64)        snponly.efi by TFTP
///     UEFI HTTP Boot   firmware        16 (UEFI x86-64)          no boot file, and why
///     UEFI HTTP Boot   ipxe            16 (UEFI x86-64)          the URL of snponly.efi, option 60 "HTTPClient"
///     UEFI HTTP Boot   unifiedKernel   16 (UEFI x86-64)          the URL of its linux.efi, option 60
///     UEFI HTTP Boot   shim            16 (UEFI x86-64)          no boot file, and why
///     any other                                                  root path and initiator name, if it asks for them
///
/// A machine that is to boot by `unifiedKernel` and asks by PXE all the same gets iPXE, whose script boots the same
/// kernel: it is better for it to boot than to wait for somebody to change the order in its menu.
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
    package static func program(for architecture: ClientArchitecture, way: BootWay = .ipxe) -> String? {
        switch architecture {
        case .bios: "undionly.kpxe"
        case .uefiX64, .uefiBC, .uefiX64HTTP: way == .shim ? "shimx64.efi" : "snponly.efi"
        default: nil
        }
    }

    /// The answer for a client; `plan` is nil for one that the configuration does not know.
    package func answer(_ client: BootClient, plan: BootPlan?) -> BootAnswer {
        let way = plan?.way ?? .ipxe
        switch client.program {
        case .ipxe:
            return self.answerIPXE(client, plan: plan)
        case .pxe where way == .firmware, .httpBoot where way == .firmware:
            return BootAnswer(refusal: Self.firmwareRefusal)
        case .httpBoot where way == .shim:
            return BootAnswer(refusal: Self.shimRefusal)
        case .pxe:
            guard let program = Self.program(for: client.architecture ?? .bios, way: way) else {
                return self.refusal(client)
            }
            return BootAnswer(bootFile: program, nextServer: self.server)
        case .httpBoot:
            guard let program = client.architecture.flatMap({ Self.program(for: $0, way: way) }) else {
                return self.refusal(client)
            }
            let path = way == .unifiedKernel ? BootPath.unifiedKernel(client.mac) : .program(program)
            // UEFI 2.x takes an offer for HTTP Boot only if the class comes back.
            return BootAnswer(
                bootFile: self.url(path), nextServer: self.server, options: [.vendorClass("HTTPClient")])
        case .other:
            guard let disk = plan?.disk else { return .nothing }
            return BootAnswer(optionsOnRequest: [.rootPath(disk.rootPath), .initiatorName(disk.initiatorName)])
        }
    }

    private func answerIPXE(_ client: BootClient, plan: BootPlan?) -> BootAnswer {
        var settings: [IPXEOption] = []
        var answer = BootAnswer(options: plan.map { [.initiatorName($0.disk.initiatorName)] } ?? [])
        if let plan, plan.way == .firmware {
            // Without a boot file iPXE attaches the root path's disk and boots from it by itself.
            answer.options.insert(.rootPath(plan.disk.rootPath), at: 0)
            if let credentials = plan.disk.credentials {
                settings += [.userName(credentials.name), .password(credentials.secret)]
            }
        } else {
            answer.bootFile = self.url(.script(client.mac))
            answer.nextServer = self.server
        }
        // iPXE would wait three seconds for a proxyDHCP offer that nobody is going to send.
        if self.isOnlyServer { settings.append(.noPXEDHCP) }
        if !settings.isEmpty { answer.options.append(.ipxe(IPXEOption.encode(settings))) }
        return answer
    }

    /// Debian's signed GRUB 2.06 takes its network from PXE's protocol; after HTTP Boot it stops at its prompt.
    private static let shimRefusal =
        "with Secure Boot this machine boots by PXE, but its HTTP Boot asked, after which the signed GRUB finds no network"

    private static let firmwareRefusal =
        "the method firmware leaves this boot to the firmware's own iSCSI initiator, but its PXE or HTTP Boot asked"

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
