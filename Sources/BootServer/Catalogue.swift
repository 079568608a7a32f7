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

    /// Whose request it is.
    struct Asker {
        var mac: MACAddress?
        var address: String?
    }

    /// What a path leads to.
    enum Entry: Sendable {
        case program(String, ByteBuffer)
        /// A boot script; of a machine's own where it is named.
        case script(ByteBuffer, MACAddress?, BootAssignment?)
        /// The iPXE script for a machine that is not known, which has told of itself what it can.
        case stranger(StrangerScript)
        case enrolment(EnrolmentRequest)
        case report
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

    /// - Parameter asker: the machine whose address asks, as far as that is known, and the address.
    func entry(_ request: String, from asker: @autoclosure () -> Asker) -> Entry {
        guard let path = BootPath(request) else { return .nothing("no such file") }
        switch path {
        case .program(let name):
            guard let bytes = self.programs[name] else { return .nothing("no such boot program") }
            return .program(name, bytes)
        case .script(let mac):
            guard let assignment = self.directory.assignment(for: mac) else {
                return .script(ByteBuffer(string: self.strangerScript(mac).introduction), nil, nil)
            }
            return .script(ByteBuffer(string: self.script(for: mac, assignment, asker())), mac, assignment)
        case .introduction(let mac, let facts):
            self.directory.learned(facts, of: mac)
            guard let assignment = self.directory.assignment(for: mac) else {
                return .stranger(self.strangerScript(mac))
            }
            return .script(ByteBuffer(string: self.script(for: mac, assignment, asker())), mac, assignment)
        case .enrolment(let request):
            return .enrolment(request)
        case .report:
            return .report
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
            guard let disk = self.disk(of: assignment, mac, asker()) else { return .nothing(Self.foreignAsker(mac)) }
            return .files(
                .unifiedKernel(
                    stub: stub, kernel: files.kernel, initrd: files.initrd,
                    arguments: files.arguments + " " + disk.kernelArguments
                        + (assignment.hasCredentialsPerBoot ? disk.credentialArguments : "")))
        case .grubStart:
            return .script(ByteBuffer(string: GRUBScript.start), nil, nil)
        case .grub(let mac):
            let assignment = self.directory.assignment(for: mac)
            return .script(ByteBuffer(string: self.grubScript(for: mac, assignment, asker())), mac, assignment)
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

    private func grubScript(for mac: MACAddress, _ assignment: BootAssignment?, _ asker: Asker) -> String {
        guard let assignment else {
            return GRUBScript.refusal("this machine is not configured: apus client add NAME --mac \(mac) --image IMAGE")
        }
        guard let files = assignment.kernelFiles else {
            return GRUBScript.refusal(
                "\(assignment.client) boots from its disk, which GRUB cannot attach: use the method kernel or firmware")
        }
        guard let disk = self.disk(of: assignment, mac, asker) else {
            return GRUBScript.refusal(Self.foreignAsker(mac))
        }
        return GRUBScript.text(
            client: assignment.client, mac: mac,
            arguments: files.arguments + " " + disk.kernelArguments
                + (assignment.hasCredentialsPerBoot ? disk.credentialArguments : ""))
    }

    /// The machine's disk, with the credentials of the boot that begins where such are made; nil where somebody else
    /// than the machine asks for them.
    private func disk(of assignment: BootAssignment, _ mac: MACAddress, _ asker: Asker) -> SANDisk? {
        var disk = SANDisk(assignment)
        guard assignment.hasCredentialsPerBoot else { return disk }
        guard asker.mac == mac, let address = asker.address else { return nil }
        disk.credentials = self.directory.makeCredentials(for: assignment.client, at: address)
        return disk
    }

    private static func foreignAsker(_ mac: MACAddress) -> String {
        "credentials are made for each boot here and handed to the machine's own address alone, and this request did not "
            + "come from where \(mac) is known to be"
    }

    private func strangerScript(_ mac: MACAddress) -> StrangerScript {
        let nobody = EnrolmentRequest(mac: mac, facts: MachineFacts(), name: "", image: "")
        return StrangerScript(
            mac: mac, server: self.policy.server.description, url: self.policy.url(.script(mac)),
            introductionURL: self.policy.url(.introduction(mac, MachineFacts())),
            enrolmentURL: self.policy.url(.enrolment(nobody)))
    }

    /// What follows an enrolment.
    func script(after outcome: EnrolmentOutcome, of mac: MACAddress) -> String {
        switch outcome {
        case .enrolled(let client): self.strangerScript(mac).enrolled(as: client)
        case .refused(let reason): self.strangerScript(mac).refused(reason)
        }
    }

    private func script(for mac: MACAddress, _ assignment: BootAssignment, _ asker: Asker) -> String {
        let url = self.policy.url(.script(mac))
        guard let disk = self.disk(of: assignment, mac, asker) else {
            return IPXEScript.refusal(Self.foreignAsker(mac), url: url)
        }
        let extra = assignment.hasCredentialsPerBoot ? disk.credentialArguments : ""
        let method: IPXEScript.Method =
            switch assignment.method {
            case .sanboot, .firmware:
                .sanboot
            case .http(_, _, let arguments), .kernel(_, _, let arguments, .http):
                .kernel(
                    kernelURL: self.policy.url(.kernel(mac)), initrdURL: self.policy.url(.initrd(mac)),
                    arguments: arguments + extra)
            case .kernel(_, _, let arguments, .tftp):
                .kernel(
                    kernelURL: self.tftpURL(.kernel(mac)), initrdURL: self.tftpURL(.initrd(mac)),
                    arguments: arguments + extra)
            }
        let script = IPXEScript(client: assignment.client, disk: disk, method: method, url: url)
        return assignment.script?.text(script.values(mac: mac, server: self.policy.server.description)) ?? script.text
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
