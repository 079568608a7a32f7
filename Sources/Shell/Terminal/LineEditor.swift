// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLibedit
import Glibc
import NIOPosix
import Synchronization

/// Line editing with history and completion, by libedit, on the terminal.
///
/// libedit has one state for the process and calls back without a context: so there is one completer, under a lock.
enum LineEditor {
    typealias Completer = @Sendable (_ line: String) -> [String]

    private static let completion = Mutex<Completion>(Completion())

    private struct Completion {
        var completer: Completer = { _ in [] }
        /// What was found for the line that is being completed.
        var found: [String] = []
    }

    /// Prepares the editor, and reads the history of earlier runs.
    static func open(historyPath: String?) {
        unsafe clibedit_open(historyPath, Int32(Limits.historyLines)) { line, index in
            guard let line = unsafe line else { return nil }
            // libedit asks for one after the other.
            if index == 0 {
                let completer = LineEditor.completion.withLock(\.completer)
                let found = completer(unsafe String(cString: line))
                LineEditor.completion.withLock { $0.found = found }
            }
            let found = LineEditor.completion.withLock(\.found)
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

    /// The next line. The user is waited for on a thread that has nothing else to do.
    ///
    /// - Parameter completer: is called there, and may wait.
    static func line(prompt: String, completer: @escaping Completer) async -> Typed {
        self.completion.withLock { $0.completer = completer }
        return (try? await NIOThreadPool.singleton.runIfActive { Self.read(prompt) }) ?? .end
    }

    private static func read(_ prompt: String) -> Typed {
        var wasInterrupted = false
        guard let line = unsafe clibedit_line(prompt, &wasInterrupted) else {
            return wasInterrupted ? .interrupt : .end
        }
        defer { unsafe free(line) }
        return .line(unsafe String(cString: line))
    }
}
