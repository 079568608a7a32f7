// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The outer half of a try-out: runs this program once more in namespaces of its own, and is its lifeline.
///
///     apus boot ──pipe──► unshare ─► apus boot --inside ─┬─► apus serve
///                                                        └─► QEMU
///
/// The inner half has its own network, mounts and processes; when it ends, or is killed, all of that is gone. It ends
/// itself when the pipe closes, and the pipe closes when this process ends, however that comes about.
package enum Supervisor {
    /// Ctrl-], as telnet and virsh have it.
    package static let escapeKey: UInt8 = 0x1d

    /// - Parameters:
    ///   - program: This program's file.
    ///   - arguments: What makes it the inner half of the try-out.
    ///   - isConsole: Whether the user's terminal becomes the machine's.
    /// - Returns: The inner half's exit status.
    package static func run(
        _ program: String, _ arguments: [String], machine: VirtualMachine, isConsole: Bool
    ) async throws -> Int32 {
        try Requirements.check(machine)
        let terminal = isConsole ? Terminal.raw() : nil
        defer { terminal?.restore() }
        var platform = PlatformOptions()
        // ^C at the terminal is for us alone; the inner half is told by its pipe.
        platform.createSession = true
        platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(20))]
        let words =
            ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", program] + arguments
        let result = try await Subprocess.run(
            .path("/usr/bin/unshare"), arguments: Arguments(words), platformOptions: platform, input: .inputWriter,
            output: .currentStandardOutput, error: .currentStandardError
        ) { execution in
            let hasTerminal = terminal != nil
            var hasLeft = false
            while Self.isAlive(execution.processIdentifier.value) {
                try await Task.sleep(for: .milliseconds(20))
                guard hasTerminal, let keys = Terminal.keys(), !keys.isEmpty else { continue }
                let end = keys.firstIndex(of: Self.escapeKey)
                // An inner half that has just ended reads nothing; its status says so.
                _ = try? await execution.standardInputWriter.write(Array(keys[..<(end ?? keys.endIndex)]))
                if end != nil {
                    hasLeft = true
                    break
                }
            }
            try? await execution.standardInputWriter.finish()
            return hasLeft
        }
        try Task.checkCancellation()
        if result.closureResult { return 0 }
        switch result.terminationStatus {
        case .exited(let status): return status
        case .signaled: throw TryOutError(.interrupted, "the try-out was killed")
        }
    }

    /// Whether a child of ours still runs; it is left to be reaped by whoever waits for it.
    private static func isAlive(_ process: pid_t) -> Bool {
        var information = unsafe siginfo_t()
        let result = unsafe waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
        return unsafe result == 0 && information.si_signo == 0
    }
}
