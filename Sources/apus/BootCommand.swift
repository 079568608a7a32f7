// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import Glibc
import Model
import SystemPackage
import TryOut

/// `apus boot`: arguments only.
struct BootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Boot a QEMU machine without any disk as one of the configured clients.",
        discussion: """
            A daemon with the same images and disks serves it on a bridge of its own, in a network namespace that goes \
            when the command ends. A line is shown per stage; the status is 0 when the login prompt came.

            Examples:
              apus boot pc1
              apus boot pc1 --firmware bios --method kernel
              apus boot pc1 --method kernel --secure-boot --until kernel
              apus boot pc1 --console
              apus boot pc1 --exec 'findmnt -n /' --root-password secret
            """)

    @Argument(help: "The client's name in the configuration.")
    var name: String
    @Option(help: "The machine's firmware.")
    var firmware = Firmware.uefi
    @Option(help: "sanboot, kernel, firmware or http, in place of the client's own method.")
    var method: MethodArgument?
    @Option(help: "The transport of method kernel.")
    var transport: BootClient.Transport?
    @Flag(help: "Start signed programs only, whatever the client's entry says: Microsoft's keys are in the firmware.")
    var secureBoot = false
    @Option(help: "The machine's network card.")
    var nic = NetworkCard.virtioNet
    @Option(help: "The machine's memory.")
    var memory = ByteSize(bytes: UInt64(VirtualMachine.defaultMemoryMiB) << 20)
    @Option(help: "How its processor runs: tcg works everywhere, kvm is fast.")
    var accelerator = Accelerator.tcg
    @Option(
        help: ArgumentHelp(
            "What a UEFI firmware proves itself with by the method firmware, USER:SECRET or @FILE, in place of the client's "
                + "own: to see how a wrong one is refused.", valueName: "chap"))
    var firmwareChap: String?
    @Flag(help: "Make this terminal the machine's console; Ctrl-] leaves and switches it off.")
    var console = false
    @Option(help: "Switch the machine off at loader, kernel, disk (attached by the initramfs) or login, the default.")
    var until: ConsoleStage?
    @Option(help: "Run a command in the machine as root; its output and status are this command's.")
    var exec: String?
    @Option(help: "The image's root password, for --exec.")
    var rootPassword: String?
    @Option(help: "Seconds that the boot may take.")
    var timeout = TryOutOptions.defaultTimeoutSeconds
    @Option(help: ArgumentHelp("A file that gets what the machine writes to its console.", valueName: "file"))
    var consoleLog: String?
    @OptionGroup var daemon: DaemonOptions
    /// What the half of the command has that runs within the namespaces.
    @Flag(help: .hidden)
    var inside = false

    func validate() throws {
        guard [self.console, self.until != nil, self.exec != nil].filter({ $0 }).count <= 1 else {
            throw ValidationError("--console, --until and --exec exclude each other")
        }
        guard self.exec == nil || self.rootPassword != nil else {
            throw ValidationError("--exec needs --root-password")
        }
        if let exec, exec.utf8.contains(where: { $0 < 0x20 }) || exec.isEmpty {
            throw ValidationError("--exec takes one line")
        }
        guard self.timeout > 0 else { throw ValidationError("--timeout \(self.timeout): give at least 1 second") }
        guard (128 << 20...1 << 40).contains(self.memory.bytes) else {
            throw ValidationError("--memory \(self.memory): give 128M to 1T")
        }
        guard self.transport == nil || self.method ?? .kernel == .kernel else {
            throw ValidationError("--transport is for --method kernel")
        }
    }

    func run() async throws {
        let (configuration, _) = try ConfigurationFile(path: self.daemon.config).load()
        guard var client = configuration.boot.resolvedClients.first(where: { $0.name == self.name }) else {
            throw Failure(
                .unknownName,
                "there is no client \(self.name) in \(self.daemon.config); add it: apus client add \(self.name) --mac MAC "
                    + "--image IMAGE")
        }
        // The machine's own daemon knows no groups.
        client.group = nil
        try self.override(&client)
        let program = try self.program()
        let machine = try self.machine(of: client)
        guard self.inside else {
            let arguments = Array(CommandLine.arguments.dropFirst()) + ["--inside"]
            let isConsole = self.console
            let status = try await untilInterrupted {
                try await Supervisor.run(program, arguments, machine: machine, isConsole: isConsole)
            }
            throw ExitCode(status)
        }
        let options = TryOutOptions(
            client: client, machine: machine, goal: self.goal,
            timeoutSeconds: self.timeout, stateFolder: self.daemon.state, consoleLog: self.consoleLog)
        throw ExitCode(try await TryOutRun(options, program: program).run())
    }

    private var goal: TryOutOptions.Goal {
        if self.console { return .console }
        if let exec { return .command(exec, password: self.rootPassword ?? "") }
        return .stage(self.until ?? .login)
    }

    /// Puts what the command line says in the place of the client's own.
    private func override(_ client: inout BootClient) throws {
        if self.method != nil || self.transport != nil {
            client.method = (self.method ?? .kernel).method(self.transport)
        }
        if self.secureBoot { client.secureBoot = true }
        switch (self.firmware, client.effectiveMethod, client.secureBoot ?? false) {
        case (.bios, .http, _):
            throw Failure(.usage, "a BIOS has no HTTP Boot: use --firmware uefi, or the method kernel")
        case (.bios, _, true):
            throw Failure(.usage, "a BIOS has no Secure Boot: use --firmware uefi")
        case (.uefi, _, true) where self.nic != .virtioNet:
            throw Failure(
                .usage,
                "OVMF has a driver of its own for virtio-net only, and Secure Boot refuses the unsigned one in the ROM of "
                    + "\(self.nic.rawValue): use --nic virtio-net")
        default: break
        }
    }

    private func machine(of client: BootClient) throws -> VirtualMachine {
        let chap =
            try self.firmwareChap.flatMap { try CHAPText.account($0, option: "--firmware-chap") }
            ?? self.account(of: client)
        let start: FirmwareStart =
            switch client.effectiveMethod {
            case .sanboot, .kernel: .pxe
            case .firmware: .iscsi(initiator: client.effectiveInitiatorName, chap: chap)
            case .http: .http
            }
        return VirtualMachine(
            mac: client.identity.mac ?? Self.standInMAC(for: client.name), firmware: self.firmware, card: self.nic,
            memoryMiB: Int(self.memory.bytes >> 20), accelerator: self.accelerator, start: start,
            isSecureBoot: client.secureBoot ?? false, uuid: client.identity.uuid, serial: client.identity.serial)
    }

    /// The card of a machine that is known by something else: always the same for the same machine.
    private static func standInMAC(for name: String) -> String {
        let digits = Naming.serial(from: name).filter { $0 != "-" }.prefix(6)
        let bytes = stride(from: 0, to: 6, by: 2).map { digits.dropFirst($0).prefix(2) }
        return "52:54:00:" + bytes.joined(separator: ":")
    }

    /// What is written into the variables of a firmware that is the initiator itself.
    private func account(of client: BootClient) throws -> CHAPAccount? {
        switch client.chap {
        case .account(let account)?: return account
        case .perBoot? where client.effectiveMethod == .firmware && self.firmware == .uefi:
            throw Failure(
                .usage,
                "the UEFI's own initiator has its name and secret stored and cannot take what is made for one boot: use "
                    + "--firmware bios, the method sanboot, or --chap USER:SECRET")
        case .perBoot?, ClientCHAP.none?, nil: return nil
        }
    }

    /// This program's own file: the machine's daemon, and the inner half, are the same program.
    private func program() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else {
            throw Failure(.failed, "cannot find this program's own file: \(Errno(rawValue: errno))")
        }
        return String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension Firmware: ExpressibleByArgument {}
extension ConsoleStage: ExpressibleByArgument {}
extension NetworkCard: ExpressibleByArgument {}
extension Accelerator: ExpressibleByArgument {}

extension Failure {
    init(_ error: TryOutError) {
        let status: ExitStatus =
            switch error.kind {
            case .missingTool: .unavailable
            case .notPermitted: .noPermission
            case .daemon, .notReached, .command: .failed
            case .interrupted: .tryAgain
            }
        self.init(status, error.description)
    }
}
