// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// A session that comes back: a command that was lost with its connection is sent again on a new one. Fit for commands
/// that may be done twice, as writes of the same data to the same place are.
actor DeployTarget {
    private let url: TargetURL
    private let options: InitiatorOptions
    private let group: any EventLoopGroup
    private var session: Task<InitiatorSession, any Error>
    private var generation = 0
    private(set) var reconnections = 0

    init(_ url: TargetURL, options: InitiatorOptions, group: any EventLoopGroup) {
        self.url = url
        self.options = options
        self.group = group
        self.session = Task { try await InitiatorSession.open(url, options: options, depth: 32, group: group) }
    }

    /// The session that holds now.
    var current: InitiatorSession {
        get async throws { try await self.session.value }
    }

    func execute(_ command: InitiatorCommand, _ what: String) async throws -> ByteBuffer {
        while true {
            let generation = self.generation
            do {
                return try await self.session.value.execute(command, what)
            } catch let error as InitiatorError {
                switch error.kind {
                case .disconnected, .unreachable: try await self.reconnect(after: generation, error)
                default: throw error
                }
            }
        }
    }

    func close() async {
        await (try? self.session.value)?.close()
    }

    /// Opens a new session unless somebody has, waiting longer from one try to the next.
    private func reconnect(after generation: Int, _ error: InitiatorError) async throws {
        try Task.checkCancellation()
        guard generation == self.generation else { return }
        self.generation += 1
        self.reconnections += 1
        let (url, options, group) = (self.url, self.options, self.group)
        self.session = Task {
            for seconds in InitiatorLimits.reconnectionPauses {
                try await Task.sleep(for: .seconds(seconds))
                do {
                    return try await InitiatorSession.open(url, options: options, depth: 32, group: group)
                } catch let error as InitiatorError where error.kind == .unreachable || error.kind == .disconnected {
                    continue
                }
            }
            throw InitiatorError(.interrupted, "\(error); it does not come back: --resume goes on later")
        }
    }
}
