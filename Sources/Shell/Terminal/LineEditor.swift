// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLibedit
import Glibc
import Synchronization

/// Line editing with history and completion, by libedit, on the terminal.
///
/// libedit has one state for the process and calls back without a context: so there is one completer, under a lock.
enum LineEditor {
    typealias Completer = @Sendable (_ line: String) -> [String]

    private static let completer = Mutex<Completer>({ _ in [] })

    /// Prepares the editor, and reads the history of earlier runs.
    static func open(historyPath: String?) {
        unsafe clibedit_open(historyPath, Int32(Limits.historyLines)) { line, index in
            guard let line = unsafe line else { return nil }
            let found = LineEditor.completer.withLock(\.self)(unsafe String(cString: line))
            guard found.indices.contains(Int(index)) else { return nil }
            return unsafe strdup(found[Int(index)])
        }
    }

    /// Keeps the history for the next run.
    static func close(historyPath: String?) {
        unsafe clibedit_close(historyPath)
    }

    /// What a user does at a prompt.
    enum Typed: Hashable {
        case line(String)
        /// ^C: what was typed is dropped.
        case interrupt
        case end
    }

    /// The next line. Blocks.
    static func line(prompt: String, completer: @escaping Completer) -> Typed {
        self.completer.withLock { $0 = completer }
        var wasInterrupted = false
        guard let line = unsafe clibedit_line(prompt, &wasInterrupted) else {
            return wasInterrupted ? .interrupt : .end
        }
        defer { unsafe free(line) }
        return .line(unsafe String(cString: line))
    }
}
