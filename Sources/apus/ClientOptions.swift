// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Model

/// How a machine gets from its firmware to its kernel, as the command line names it.
enum MethodArgument: String, ExpressibleByArgument, CaseIterable {
    case sanboot, kernel, firmware, http

    func method(_ transport: BootClient.Transport?) -> BootClient.Method {
        switch self {
        case .sanboot: .sanboot
        case .kernel: .kernel(transport ?? .http)
        case .firmware: .firmware
        case .http: .http
        }
    }
}

extension BootSettings.Transport: ExpressibleByArgument {}

/// What is said of a machine or of a group alike. Everything is a patch: what is not named is not in it, and an empty
/// value takes an option back.
struct SettingsOptions: ParsableArguments {
    @Option(help: "The image that its disk is a copy of.")
    var image: String?

    @Option(help: "sanboot, kernel, firmware or http. (default: sanboot)")
    var method: MethodArgument?

    @Flag(inversion: .prefixedNo, help: "Its firmware has Secure Boot on: give it signed programs only.")
    var secureBoot: Bool?

    @Option(help: "How iPXE fetches the kernel: http or tftp. (default: http)")
    var transport: BootSettings.Transport?

    @Option(
        help: ArgumentHelp(
            "What it logs in with: USER:SECRET or @FILE with such a line, 12 to 16 characters of secret; per-boot for what is "
                + "made anew for each boot; none.",
            valueName: "chap"))
    var chap: String?

    @Option(help: "Kernel arguments to add to the image's.")
    var kernelArguments: String?

    @Option(help: "The size of its disk, for example 20G; it never shrinks. (default: the image's)")
    var size: ByteSize?

    @Option(
        help: ArgumentHelp("A template of its iPXE script in the place of ours.", valueName: "file"),
        completion: .file())
    var ipxeScript: String?

    func validate() throws {
        guard self.transport == nil || self.method == nil || self.method == .kernel else {
            throw ValidationError("--transport is for --method kernel: with sanboot the disk brings the kernel")
        }
    }

    func patch() throws -> [String: JSONValue] {
        var patch = Self.patch([
            ("image", self.image), ("method", self.method?.rawValue), ("transport", self.transport?.rawValue),
            ("kernel_arguments", self.kernelArguments),
        ])
        // Another method than kernel has no transport.
        if let method, method != .kernel { patch["transport"] = .null }
        if let secureBoot { patch["secure_boot"] = .boolean(secureBoot) }
        if let size { patch["size"] = .integer(Int(clamping: size.bytes)) }
        if let ipxeScript {
            patch["ipxe_script"] = ipxeScript.isEmpty ? .null : .string(try TextFile.read(ipxeScript))
        }
        if let chap { patch.merge(try Self.members(ofCHAP: chap)) { _, new in new } }
        return patch
    }

    static func patch(_ values: [(String, String?)]) -> [String: JSONValue] {
        var patch: [String: JSONValue] = [:]
        for case (let key, let value?) in values { patch[key] = value.isEmpty ? .null : .string(value) }
        return patch
    }

    private static func members(ofCHAP text: String) throws -> [String: JSONValue] {
        var members: [String: JSONValue] = ["chap": .null, "chap_userid": .null, "chap_password": .null]
        switch text {
        case "": break
        case "none", "per-boot": members["chap"] = .string(text)
        default:
            let account = try CHAPText.account(text, option: "--chap")
            members["chap_userid"] = account.map { .string($0.name) } ?? .null
            members["chap_password"] = account.map { .string($0.secret) } ?? .null
        }
        return members
    }
}

/// What is said of one machine alone.
struct MachineOptions: ParsableArguments {
    @Option(help: "The Ethernet address that it boots from: 52:54:00:12:34:56.")
    var mac: String?

    @Option(help: "The UUID of its system board.")
    var uuid: String?

    @Option(help: "Its maker's serial number.")
    var serial: String?

    @Option(help: "The switch port that it hangs on, as the relay agent there names it in DHCP's option 82.")
    var circuitID: String?

    @Option(help: "That relay agent, where several name their ports alike.")
    var remoteID: String?

    @Option(help: "The group whose settings hold where it has none of its own.")
    var group: String?

    @Option(help: ArgumentHelp("A disk file of its own instead of an image.", valueName: "file"), completion: .file())
    var disk: String?

    @Option(help: "The address that DHCP keeps for it.")
    var address: String?

    @Option(help: "The name that it logs in with. (default: made from its name)")
    var initiatorName: String?

    @Option(help: "The name of its target. (default: made from its name)")
    var targetName: String?

    var isKnown: Bool {
        self.mac != nil || self.uuid != nil || self.serial != nil || self.circuitID != nil
    }

    var patch: [String: JSONValue] {
        SettingsOptions.patch([
            ("mac", self.mac), ("uuid", self.uuid), ("serial", self.serial), ("circuit_id", self.circuitID),
            ("remote_id", self.remoteID), ("group", self.group), ("disk", self.disk), ("address", self.address),
            ("initiator_name", self.initiatorName), ("target_name", self.targetName),
        ])
    }
}
