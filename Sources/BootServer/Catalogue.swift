// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// Everything that TFTP and HTTP serve: iPXE's programs, and each machine's script, kernel and initramfs.
struct Catalogue: Sendable {
    let policy: BootPolicy
    let directory: any MachineDirectory
    private let programs: [String: ByteBuffer]
    /// systemd's stub; nil where its package is not installed.
    private let stub: ByteBuffer?
    private let tftpPort: Int

    /// What a path leads to.
    enum Entry: Sendable {
        case program(String, ByteBuffer)
        /// A boot script; of a machine's own where it is named.
        case script(ByteBuffer, MACAddress?, BootAssignment?)
        /// Files of the host, to be opened by whoever may block.
        case files(FileSource)
        /// Nothing, and nobody minds.
        case absent
        /// Nothing, and why.
        case nothing(String)
    }

    /// The programs are read once, so that an upgrade of their package does not change them under a transfer.
    init(
        programsIn folder: String, loaders: LoaderFiles, policy: BootPolicy, directory: any MachineDirectory,
        tftpPort: Int
    ) throws(BootServerError) {
        self.policy = policy
        self.directory = directory
        self.tftpPort = tftpPort
        var programs: [String: ByteBuffer] = [:]
        for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi", "ipxe.lkrn"] {
            // One program may be missing: only the two below are told to firmware, and one of them is enough.
            programs[name] = Self.program("\(folder)/\(name)")
        }
        guard programs["undionly.kpxe"] != nil || programs["snponly.efi"] != nil else {
            throw .programsMissing(folder)
        }
        programs["shimx64.efi"] = Self.program(loaders.shim)
        programs["grubx64.efi"] = Self.program(loaders.grub)
        self.programs = programs
        self.stub = Self.program(loaders.stub)
    }

    private static func program(_ path: String) -> ByteBuffer? {
        guard let file = try? OpenFile(path), file.size <= Limits.programBytesMax else { return nil }
        return try? file.read(offset: 0, count: file.size)
    }

    func entry(_ request: String) -> Entry {
        guard let path = BootPath(request) else { return .nothing("no such file") }
        switch path {
        case .program(let name):
            guard let bytes = self.programs[name] else { return .nothing("no such boot program") }
            return .program(name, bytes)
        case .script(let mac):
            let assignment = self.directory.assignment(for: mac)
            return .script(ByteBuffer(string: self.script(for: mac, assignment)), mac, assignment)
        case .kernel(let mac), .initrd(let mac):
            guard let assignment = self.directory.assignment(for: mac) else {
                return .nothing("no machine \(mac) is configured")
            }
            guard let files = assignment.kernelFiles else {
                return .nothing("\(assignment.client) boots from its disk and has no kernel here")
            }
            if case .kernel = path { return .files(.one(files.kernel)) }
            return .files(.one(files.initrd))
        case .unifiedKernel(let mac):
            guard let assignment = self.directory.assignment(for: mac), let files = assignment.kernelFiles else {
                return .nothing("no machine \(mac) with a kernel is configured")
            }
            guard let stub = self.stub else { return .nothing(Self.missingStub) }
            return .files(
                .unifiedKernel(
                    stub: stub, kernel: files.kernel, initrd: files.initrd,
                    arguments: files.arguments + " " + SANDisk(assignment).kernelArguments))
        case .grubStart:
            return .script(ByteBuffer(string: GRUBScript.start), nil, nil)
        case .grub(let mac):
            let assignment = self.directory.assignment(for: mac)
            return .script(ByteBuffer(string: Self.grubScript(for: mac, assignment)), mac, assignment)
        case .optional:
            return .absent
        }
    }

    /// Why a boot file that is about to be told to a client cannot be served: a package is not installed.
    func missing(for client: BootClient, _ boot: BootAnswer) -> String? {
        guard client.program == .pxe || client.program == .httpBoot, let file = boot.bootFile else { return nil }
        let name = String(file.split(separator: "/").last ?? "")
        switch name {
        case "linux.efi": return self.stub == nil ? Self.missingStub : nil
        case "shimx64.efi" where self.programs["grubx64.efi"] == nil:
            return "the signed GRUB is not installed (Debian's package grub-efi-amd64-signed)"
        default:
            guard self.programs[name] == nil else { return nil }
            return "\(name) is not installed (Debian's package \(name.hasPrefix("shim") ? "shim-signed" : "ipxe"))"
        }
    }

    private static let missingStub =
        "systemd's stub, which makes kernel and initramfs one program, is not installed (Debian's package systemd-boot-efi)"

    private static func grubScript(for mac: MACAddress, _ assignment: BootAssignment?) -> String {
        guard let assignment else {
            return GRUBScript.refusal("this machine is not configured: apus client add NAME --mac \(mac) --image IMAGE")
        }
        guard let files = assignment.kernelFiles else {
            return GRUBScript.refusal(
                "\(assignment.client) boots from its disk, which GRUB cannot attach: use the method kernel or firmware")
        }
        return GRUBScript.text(
            client: assignment.client, mac: mac,
            arguments: files.arguments + " " + SANDisk(assignment).kernelArguments)
    }

    private func script(for mac: MACAddress, _ assignment: BootAssignment?) -> String {
        let url = self.policy.url(.script(mac))
        guard let assignment else {
            return IPXEScript.unknown(mac, server: self.policy.server.description, url: url)
        }
        let method: IPXEScript.Method =
            switch assignment.method {
            case .sanboot, .firmware:
                .sanboot
            case .http(_, _, let arguments):
                .kernel(
                    kernelURL: self.policy.url(.kernel(mac)), initrdURL: self.policy.url(.initrd(mac)),
                    arguments: arguments)
            case .kernel(_, _, let arguments, .http):
                .kernel(
                    kernelURL: self.policy.url(.kernel(mac)), initrdURL: self.policy.url(.initrd(mac)),
                    arguments: arguments)
            case .kernel(_, _, let arguments, .tftp):
                .kernel(
                    kernelURL: self.tftpURL(.kernel(mac)), initrdURL: self.tftpURL(.initrd(mac)), arguments: arguments)
            }
        return IPXEScript(client: assignment.client, disk: SANDisk(assignment), method: method, url: url).text
    }

    private func tftpURL(_ path: BootPath) -> String {
        let port = self.tftpPort == 69 ? "" : ":\(self.tftpPort)"
        return "tftp://\(self.policy.server)\(port)/\(path.text)"
    }
}

extension SANDisk {
    init(_ assignment: BootAssignment) {
        self.init(
            initiatorName: assignment.initiatorName, targetName: assignment.targetName,
            portalAddress: assignment.portalAddress, portalPort: assignment.portalPort, lun: assignment.lun,
            credentials: assignment.credentials)
    }
}

extension BootPlan {
    init(_ assignment: BootAssignment) {
        let way: BootWay =
            switch assignment.method {
            case .firmware: .firmware
            case .kernel where assignment.isSecureBoot: .shim
            case .http: .unifiedKernel
            case .sanboot, .kernel: .ipxe
            }
        self.init(way: way, disk: SANDisk(assignment))
    }
}

extension BootAssignment {
    /// Kernel and initramfs, where the boot services hand them out.
    fileprivate var kernelFiles: (kernel: String, initrd: String, arguments: String)? {
        switch self.method {
        case .kernel(let kernel, let initrd, let arguments, _): (kernel, initrd, arguments)
        case .http(let kernel, let initrd, let arguments): (kernel, initrd, arguments)
        case .sanboot, .firmware: nil
        }
    }
}
