// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What of this host a try-out needs.
enum Requirements {
    private static let searchPath = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    /// Programs, and files (with a slash), with the Debian packages they come from.
    static func tools(for machine: VirtualMachine) -> [(name: String, package: String)] {
        var tools = [("unshare", "util-linux"), ("ip", "iproute2"), (QEMUCommand.program, "qemu-system-x86")]
        switch machine.firmware {
        case .uefi where machine.isSecureBoot:
            tools += [(QEMUCommand.securedCode, "ovmf"), (QEMUCommand.securedVariables, "ovmf")]
        case .uefi:
            tools += [(QEMUCommand.firmwareCode, "ovmf"), (QEMUCommand.firmwareVariables, "ovmf")]
        case .bios:
            tools += [("/usr/share/seabios/bios-256k.bin", "seabios"), ("/usr/lib/ipxe/qemu", "ipxe-qemu")]
        }
        return tools
    }

    /// - Parameter isThere: Whether a path can be read.
    static func check(_ machine: VirtualMachine, isThere: (String) -> Bool, isSuperuser: Bool) throws(TryOutError) {
        let missing = self.tools(for: machine).filter { tool in
            !(tool.name.hasPrefix("/")
                ? isThere(tool.name) : self.searchPath.contains { isThere("\($0)/\(tool.name)") })
        }
        guard missing.isEmpty else {
            var packages: [String] = []
            for tool in missing where !packages.contains(tool.package) { packages.append(tool.package) }
            throw TryOutError(
                .missingTool,
                "not installed: \(missing.map(\.name).joined(separator: ", ")); "
                    + "on Debian: apt-get install \(packages.joined(separator: " "))")
        }
        guard isSuperuser else {
            throw TryOutError(
                .notPermitted, "trying out a machine needs the superuser, who may make a network namespace: use sudo")
        }
        guard isThere("/dev/net/tun") else {
            throw TryOutError(.missingTool, "this host has no /dev/net/tun: load its driver with modprobe tun")
        }
        if machine.accelerator == .kvm, !isThere("/dev/kvm") {
            throw TryOutError(.missingTool, "this host has no /dev/kvm: leave --accelerator out")
        }
    }

    static func check(_ machine: VirtualMachine) throws(TryOutError) {
        try self.check(machine, isThere: { unsafe access($0, R_OK) == 0 }, isSuperuser: geteuid() == 0)
    }
}
