// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The files of a try-out: in memory, in a mount that nobody outside of it sees.
struct Workplace {
    /// Present on every Linux; what is mounted over it within our namespace is ours alone.
    private static let mountPoint = "/dev/shm"

    var folder: String { Self.mountPoint }
    var configuration: String { "\(self.folder)/saveconfig.json" }
    var socket: String { "\(self.folder)/control.sock" }
    var daemonLog: String { "\(self.folder)/daemon.log" }
    var variables: String { "\(self.folder)/firmware-variables" }
    var monitor: String { "\(self.folder)/monitor" }

    /// Mounts it, makes the network and writes what the daemon is to do.
    static func prepare(_ options: TryOutOptions) async throws -> Workplace {
        let place = Workplace()
        try await Self.perform("mount", ["-t", "tmpfs", "-o", "mode=0700", "tmpfs", self.mountPoint])
        for command in Laboratory.commands { try await Self.perform("ip", command) }
        let configuration = Laboratory.configuration(for: options.client)
        let text = JSONText.pretty(configuration.json)
        try Self.write(Array(text.readableBytesView), to: place.configuration)
        return place
    }

    /// Gives the machine firmware variables and a monitor that nobody has used yet.
    func prepareMachine(_ machine: VirtualMachine) async throws {
        if machine.firmware == .uefi {
            let original = machine.isSecureBoot ? QEMUCommand.securedVariables : QEMUCommand.firmwareVariables
            try await Self.perform("cp", [original, self.variables])
            if case .iscsi(let initiator, let chap) = machine.start {
                try self.write(ISCSIAttempt(mac: machine.mac, initiator: initiator, chap: chap))
            }
        }
        for end in ["in", "out"] {
            let path = "\(self.monitor).\(end)"
            _ = unsafe unlink(path)
            guard unsafe mkfifo(path, 0o600) == 0 else {
                throw TryOutError(.notReached, "cannot make \(path): \(Errno(rawValue: errno))")
            }
        }
    }

    /// Puts what the firmware's menu would have stored into the machine's variables.
    private func write(_ attempt: ISCSIAttempt) throws {
        let file = try FileDescriptor.open(FilePath(self.variables), .readWrite, options: [.closeOnExec])
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: Int(try file.seek(offset: 0, from: .end)))
        let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(fromAbsoluteOffset: 0, into: $0) }
        do throws(FirmwareVariables.Flaw) {
            var variables = try FirmwareVariables(Array(bytes.prefix(count)))
            try attempt.write(to: &variables)
            bytes = variables.bytes
        } catch {
            throw TryOutError(
                .missingTool, "OVMF's variables are not as expected (\(error)): install Debian's package ovmf anew")
        }
        try file.writeAll(toAbsoluteOffset: 0, bytes)
    }

    /// Gives QEMU's monitor a command; QEMU has the other end open as long as it runs.
    func command(_ words: String) {
        guard
            let monitor = try? FileDescriptor.open(
                FilePath("\(self.monitor).in"), .writeOnly, options: [.nonBlocking, .closeOnExec])
        else { return }
        _ = try? monitor.writeAll("\(words)\n".utf8)
        try? monitor.close()
    }

    /// The last lines of the daemon's log.
    func lastWordsOfDaemon() -> [String] {
        guard let file = try? FileDescriptor.open(FilePath(self.daemonLog), .readOnly) else { return [] }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = (try? unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }) ?? 0
        return String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").suffix(8).map(String.init)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: [.ownerReadWrite])
        defer { try? file.close() }
        try file.writeAll(bytes)
    }

    private static func perform(_ command: String, _ arguments: [String]) async throws {
        let result = try await Subprocess.run(
            .name(command), arguments: Arguments(arguments), output: .string(limit: 4096), error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else {
            let words = result.standardOutput.split(separator: "\n").joined(separator: "; ")
            throw TryOutError(
                .notReached, "\(command) \(arguments.joined(separator: " ")) failed: \(words)")
        }
    }
}
