// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// Everything that TFTP and HTTP serve: iPXE's programs, and each machine's script, kernel and initramfs.
struct Catalogue: Sendable {
    let policy: BootPolicy
    let directory: any MachineDirectory
    private let programs: [String: ByteBuffer]
    private let tftpPort: Int

    /// What a path leads to.
    enum Entry: Sendable {
        case program(String, ByteBuffer)
        case script(ByteBuffer, MACAddress, BootAssignment?)
        /// A file of the host, to be opened by whoever may block.
        case file(path: String, name: String)
        /// Nothing, and why.
        case nothing(String)
    }

    /// The programs are read once, so that an upgrade of their package does not change them under a transfer.
    init(
        programsIn folder: String, policy: BootPolicy, directory: any MachineDirectory, tftpPort: Int
    ) throws(BootServerError) {
        self.policy = policy
        self.directory = directory
        self.tftpPort = tftpPort
        var programs: [String: ByteBuffer] = [:]
        for name in ["undionly.kpxe", "snponly.efi", "ipxe.efi", "ipxe.lkrn"] {
            do {
                let file = try OpenFile("\(folder)/\(name)")
                guard file.size <= Limits.programBytesMax else { continue }
                programs[name] = try file.read(offset: 0, count: file.size)
            } catch {
                // One program may be missing: only the two below are told to firmware, and one of them is enough.
                continue
            }
        }
        guard programs["undionly.kpxe"] != nil || programs["snponly.efi"] != nil else {
            throw .programsMissing(folder)
        }
        self.programs = programs
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
            guard case .kernel(let kernel, let initrd, _, _) = assignment.method else {
                return .nothing("\(assignment.client) boots from its disk and has no kernel here")
            }
            if case .kernel = path { return .file(path: kernel, name: path.text) }
            return .file(path: initrd, name: path.text)
        }
    }

    /// Whether firmware of this architecture can be served; undionly.kpxe may be there while snponly.efi is not.
    func hasProgram(_ name: String) -> Bool {
        self.programs[name] != nil
    }

    private func script(for mac: MACAddress, _ assignment: BootAssignment?) -> String {
        let url = self.policy.url(.script(mac))
        guard let assignment else {
            return IPXEScript.unknown(mac, server: self.policy.server.description, url: url)
        }
        let method: IPXEScript.Method =
            switch assignment.method {
            case .sanboot:
                .sanboot
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
            portalAddress: assignment.portalAddress, portalPort: assignment.portalPort, lun: assignment.lun)
    }
}
