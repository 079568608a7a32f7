// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import UnixSignals

/// Runs something that clears up after itself when its task is cancelled, and cancels it on ^C, `kill` or a closed
/// terminal. The program then ends with the status of one that was interrupted.
func untilInterrupted<Result: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let task = Task { try await operation() }
    let watcher = Task {
        for await _ in signals {
            task.cancel()
            return true
        }
        return false
    }
    let outcome = await task.result
    watcher.cancel()
    if await watcher.value { throw ExitCode(130) }
    return try outcome.get()
}
