// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a machine's operating system tells of its start: `up kernel=1234567 initrd=… userspace=…`, the times in
/// microseconds as systemd counts them.
package struct BootReport: Hashable, Sendable {
    package var kernelMicroseconds: UInt64?
    package var initrdMicroseconds: UInt64?
    package var userspaceMicroseconds: UInt64?
    /// Units of the system that failed.
    package var failedUnits: Int?

    /// Nil for anything else. Words that are not known are passed over: a newer image may say more.
    package init?(_ text: String) {
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.first == "up" else { return nil }
        for word in words.dropFirst() {
            let halves = word.split(separator: "=", maxSplits: 1)
            // A day is more than any start takes.
            guard halves.count == 2, let value = UInt64(halves[1]), value < 86_400_000_000 else { continue }
            switch halves[0] {
            case "kernel": self.kernelMicroseconds = value
            case "initrd": self.initrdMicroseconds = value
            case "userspace": self.userspaceMicroseconds = value
            case "failed": self.failedUnits = Int(value)
            default: break
            }
        }
    }
}
