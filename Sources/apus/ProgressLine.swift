// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Synchronization

/// How far something long has come: one line that changes on a terminal, a line for every tenth elsewhere.
final class ProgressLine: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let shown = Mutex<(step: Int, stage: Substring)>((-1, ""))

    /// - Parameters:
    ///   - text: what is being done, by its first word, and how far it is.
    ///   - part: the same from 0 to 1.
    func show(_ text: String, part: Double) {
        let step = Int(part * (self.isTerminal ? 200 : 10))
        let stage = text.prefix { $0 != " " }
        let isNew = self.shown.withLock { shown in
            defer { shown = (step, stage) }
            return shown.step != step || shown.stage != stage
        }
        guard isNew else { return }
        StandardError.write(self.isTerminal ? "\r\u{1b}[K\(text)" : text + "\n")
    }

    func end() {
        if self.isTerminal { StandardError.write("\r\u{1b}[K") }
    }
}
