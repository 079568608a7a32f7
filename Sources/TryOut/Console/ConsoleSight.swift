// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine's console tells of its boot.
enum ConsoleSight: Hashable {
    case bootLoader
    case kernel
    /// The initramfs has attached the root disk; its own words.
    case attached(String)
    case loginPrompt
    /// The boot has ended without success; the line that says so.
    case failure(String)

    /// What a line that has ended shows.
    init?(line: String) {
        if let words = Self.words(of: line, after: "iscsi-boot: attached ") {
            self = .attached(words)
        } else if line.contains("iscsi-boot: FAILED"), let words = Self.words(of: line, after: "iscsi-boot: ") {
            self = .failure(words)
        } else if let failure = Self.failures.first(where: { line.contains($0) }) {
            self = .failure(Self.words(of: line, after: "] ") ?? failure)
        } else if line.contains("Linux version ") || line.contains("Starting Linux ...") {
            self = .kernel
        } else if line.contains("GNU GRUB") || line.contains("Loading vmlinuz") {
            self = .bootLoader
        } else {
            return nil
        }
    }

    /// What a line that may go on shows.
    init?(unfinished line: String) {
        if Self.isLoginPrompt(line) {
            self = .loginPrompt
        } else if let prompt = Self.failurePrompts.first(where: { line.hasPrefix($0) }) {
            self = .failure("the machine waits at \"\(prompt)\"")
        } else {
            return nil
        }
    }

    /// Whether a boot that shows this has come to `stage`.
    func isAtOrAfter(_ stage: ConsoleStage) -> Bool {
        let order =
            switch self {
            case .failure: 0
            case .bootLoader: 1
            case .kernel: 2
            case .attached: 3
            case .loginPrompt: 4
            }
        return switch stage {
        case .loader: order >= 1
        case .kernel: order >= 2
        case .disk: order >= 3
        case .login: order >= 4
        }
    }

    /// Words after which nothing comes by itself.
    private static let failures = [
        "Kernel panic", "You are in emergency mode", "No bootable device", "No more network devices",
        "BdsDxe: No bootable option", "Could not boot image", "Freezing execution",
    ]
    private static let failurePrompts = ["grub>", "grub rescue>", "Shell>", "iPXE>"]

    /// `host login: `; a message of the kernel may follow it on the same line. `Last login: ` is what comes after it.
    private static func isLoginPrompt(_ line: String) -> Bool {
        guard let name = line.split(separator: " ", maxSplits: 1).first, line.hasPrefix(name), name != "Last"
        else { return false }
        return line.dropFirst(name.count).hasPrefix(" login: ")
    }

    private static func words(of line: String, after mark: String) -> String? {
        line.range(ofFirst: mark).map { String(line[$0.upperBound...]) }
    }
}

extension String {
    /// Where `other` is for the first time.
    fileprivate func range(ofFirst other: String) -> Range<String.Index>? {
        var start = self.startIndex
        while start < self.endIndex {
            if self[start...].hasPrefix(other) { return start..<self.index(start, offsetBy: other.count) }
            start = self.index(after: start)
        }
        return nil
    }
}
