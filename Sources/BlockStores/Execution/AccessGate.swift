// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Synchronization

/// Keeps COMPARE AND WRITE alone with the medium: any number of requests may be inside together, or one exclusive one.
///
/// Nobody blocks. A request that must wait leaves what it would do, and the last one to leave runs it. Arrivals queue
/// behind a waiting exclusive request, so that a stream of writes cannot keep it out for ever.
final class AccessGate: Sendable {
    enum Mode: Sendable {
        case shared
        case exclusive
    }

    private struct State {
        var shared = 0
        var exclusive = false
        var waiting: [(mode: Mode, body: @Sendable () -> Void)] = []

        /// Takes the requests that may go in now off the queue, and counts them as inside.
        mutating func admit() -> [@Sendable () -> Void] {
            var admitted: [@Sendable () -> Void] = []
            while let next = self.waiting.first, self.takes(next.mode) {
                self.waiting.removeFirst()
                admitted.append(next.body)
            }
            return admitted
        }

        mutating func takes(_ mode: Mode) -> Bool {
            guard !self.exclusive else { return false }
            switch mode {
            case .shared:
                self.shared += 1
            case .exclusive:
                guard self.shared == 0 else { return false }
                self.exclusive = true
            }
            return true
        }
    }

    private let state = Mutex(State())

    /// Goes in shared if that is possible at once. The caller leaves again.
    func tryEnter() -> Bool {
        self.state.withLock { state in
            state.waiting.isEmpty && state.takes(.shared)
        }
    }

    /// Runs `body` inside, now or later. `body`, or what it starts, leaves again.
    func enter(_ mode: Mode, _ body: @escaping @Sendable () -> Void) {
        let entered = self.state.withLock { state in
            if state.waiting.isEmpty, state.takes(mode) { return true }
            state.waiting.append((mode, body))
            return false
        }
        if entered { body() }
    }

    func leave(_ mode: Mode) {
        let admitted = self.state.withLock { state in
            switch mode {
            case .shared: state.shared -= 1
            case .exclusive: state.exclusive = false
            }
            return state.waiting.isEmpty ? [] : state.admit()
        }
        for body in admitted { body() }
    }
}
