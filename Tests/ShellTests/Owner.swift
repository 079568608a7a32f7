// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
import Model
import Shell

/// An owner of a configuration that only exists in memory.
actor Owner: ShellBackend {
    nonisolated let configurationPath = "/etc/apus/saveconfig.json"
    private(set) var present = Configuration()
    private var generation = 1
    private let media: [String: UInt64]
    private var report: StatusReport?

    init(media: [String: UInt64] = ["/dev/sda": 1 << 30]) {
        self.media = media
    }

    func configuration() async throws -> ConfigurationReport {
        ConfigurationReport(generation: self.generation, configuration: self.present.json)
    }

    func change(_ request: ChangeRequest) async throws -> ChangeReport {
        let change = try Change.read(request.change)
        var context = TreeContext(
            uuid: "00000000-1111-2222-3333-444444444444", addresses: ["10.0.0.1", "127.0.0.1", "::1", "fe80::1%eth0"])
        if case .tree(let command) = change {
            context.mediumBytes = command.medium.flatMap { self.media[$0] }
            context.isDevice = command.medium?.hasPrefix("/dev/") == true
        }
        let outcome = try self.present.applying(change, in: context)
        let changed = outcome.configuration
        self.present = changed
        self.generation += 1
        return ChangeReport(generation: self.generation, steps: [], problems: [], outcome: outcome)
    }

    nonisolated func change(from path: String) throws -> Change {
        .replace(Configuration(storageObjects: [StorageObject(plugin: "ramdisk", name: path, size: 1 << 20)]))
    }

    nonisolated func save(_ configuration: Configuration, to path: String) throws {}
    func bytes(of path: String) async -> UInt64? { self.media[path] }
    func status() async throws -> StatusReport? { self.report }

    func change(_ change: (inout Configuration) -> Void) { change(&self.present) }

    func set(sessions: [SessionStatus]) {
        self.report = StatusReport(
            version: "apus test", processID: 1, started: .init(milliseconds: 0), now: .init(milliseconds: 0),
            configurationPath: self.configurationPath, generation: self.generation, portals: [], boot: nil, targets: [],
            sessions: sessions, machines: [], problems: [])
    }
}

/// What a user sees who types `lines`, with prompts as the shell shows them.
func transcript(_ lines: [String], owner: Owner = Owner()) async throws -> String {
    var session = ShellSession(backend: owner, version: "apus test")
    var text = ""
    for line in lines {
        text += session.prompt + line + "\n"
        do {
            let outcome = try await session.run(line)
            text += outcome.text
            if let failure = outcome.failure { throw failure }
        } catch {
            text += "\(error)\n"
        }
    }
    return text
}
