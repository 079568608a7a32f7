// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Logs in at a machine's console and runs one command there.
///
/// Begins when the login prompt has come. The command's output is told from its echo, and from what the kernel may write
/// in between before it begins, by marks that the shell computes: they cannot be in the echo.
struct ConsoleSession {
    enum Effect: Hashable {
        case send(String)
        /// A line of the command's output.
        case output(String)
        /// The command has ended with this status.
        case finished(status: Int)
        case failed(String)
    }

    /// What the session waits for.
    private enum Phase: Hashable {
        case passwordPrompt
        case shellPrompt
        case outputMark
        case statusMark
        case over
    }

    private let command: String
    private let password: String
    private var phase = Phase.passwordPrompt
    /// Empty lines that are output only if more follows: the mark at the end begins with one.
    private var emptyLines = 0

    /// - Parameters:
    ///   - command: What the shell is to run, one line.
    ///   - password: The superuser's.
    init(command: String, password: String) {
        self.command = command
        self.password = password
    }

    /// Whether the command has been given to the shell and has not ended.
    var isRunningCommand: Bool { self.phase == .outputMark || self.phase == .statusMark }

    /// What begins the session, at the login prompt.
    var opening: Effect { .send("root\r") }

    mutating func received(line: String) -> [Effect] {
        switch self.phase {
        case .passwordPrompt, .shellPrompt:
            guard line.contains("Login incorrect") else { return [] }
            self.phase = .over
            return [.failed("the machine refused the superuser's password: give it with --root-password")]
        case .outputMark:
            if line == "apus:output" { self.phase = .statusMark }
            return []
        case .statusMark:
            if line.isEmpty {
                self.emptyLines += 1
                return []
            }
            let isEnd = line.hasPrefix("apus:status:")
            let before = [Effect](repeating: .output(""), count: max(0, self.emptyLines - (isEnd ? 1 : 0)))
            self.emptyLines = 0
            guard isEnd, let status = Int(line.dropFirst(12)) else { return before + [.output(line)] }
            self.phase = .over
            return before + [.finished(status: status)]
        case .over: return []
        }
    }

    mutating func received(unfinished line: String) -> [Effect] {
        switch self.phase {
        case .passwordPrompt where line.hasPrefix("Password: "):
            self.phase = .shellPrompt
            return [.send(self.password + "\r")]
        case .passwordPrompt where Self.isShellPrompt(line), .shellPrompt where Self.isShellPrompt(line):
            self.phase = .outputMark
            return [
                .send(
                    "printf '\\napus:%s\\n' output; (\(self.command)) </dev/null; "
                        + "printf '\\napus:%s:%s\\n' status $?\r")
            ]
        default: return []
        }
    }

    private static func isShellPrompt(_ line: String) -> Bool {
        line.hasSuffix("# ")
    }
}
