// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ControlAPI
package import Model

/// Changes the configuration wherever it is owned: through the daemon if one runs, else in the file under its lock.
package struct Administration: Sendable {
    package let client: ControlClient
    private let file: ConfigurationFile
    private let images: ImageFolder

    package init(client: ControlClient, configurationPath: String, stateFolder: String) {
        self.client = client
        self.file = ConfigurationFile(path: configurationPath)
        self.images = ImageFolder(stateFolder: stateFolder)
    }

    /// Who made a change, and what came of it.
    package enum Outcome: Sendable {
        case applied(ChangeReport)
        /// No daemon runs; it takes effect when one starts.
        case written(ChangeReport)
    }

    package var configurationPath: String {
        self.file.path
    }

    /// The size of a file or block device of the daemon's host, where that is this one.
    package func bytes(of path: String) async -> UInt64? {
        guard self.client.isLocal else { return nil }
        return await Daemon.blocking { HostFacts.bytes(of: path) }
    }

    /// The machines with what their groups say of them, by name.
    package func clients() async throws -> [BootClient] {
        try await self.boot().resolvedClients.sorted { $0.name < $1.name }
    }

    package func groups() async throws -> [ClientGroup] {
        try await self.boot().groups.sorted { $0.name < $1.name }
    }

    package func group(_ name: String) async throws -> ClientGroup {
        let groups = try await self.groups()
        guard let group = groups.first(where: { $0.name == name }) else {
            throw ChangeFailure.refused(.noSuchGroup(name, known: groups.map(\.name)))
        }
        return group
    }

    private func boot() async throws -> Boot {
        Configuration.read(try await self.configuration().configuration).configuration.boot
    }

    package func client(_ name: String) async throws -> BootClient {
        let clients = try await self.clients()
        guard let client = clients.first(where: { $0.name == name }) else {
            throw ChangeFailure.refused(.noSuchClient(name, known: clients.map(\.name)))
        }
        return client
    }

    package func configuration() async throws -> ConfigurationReport {
        do {
            return try await self.client.configuration()
        } catch let error as ControlError where error.kind == .notRunning {
            let (configuration, _) = try self.file.load()
            return ConfigurationReport(generation: self.file.generation, configuration: configuration.json)
        }
    }

    package func change(_ request: ChangeRequest) async throws -> Outcome {
        do {
            return .applied(try await self.client.change(request))
        } catch let error as ControlError where error.kind == .notRunning {
            return .written(try await self.edit(request))
        }
    }

    private func edit(_ request: ChangeRequest) async throws -> ChangeReport {
        let lock = try await self.lock()
        defer { withExtendedLifetime(lock) {} }
        let (present, earlier) = try self.file.load()
        if let expecting = request.expecting, expecting != self.file.generation {
            throw ChangeFailure.otherGeneration(self.file.generation)
        }
        let change = try Self.change(request)
        let unreadable = if case .replace(_, let problems) = change { problems } else { earlier }
        let outcome = try present.changed(by: change, in: HostFacts.context(of: change))
        let changed = outcome.configuration
        let surroundings = self.images.surroundings()
        let before = earlier + present.validate(in: surroundings)
        let known = Set(before.map(\.cause))
        let problems = unreadable + changed.validate(in: surroundings)
        let added = problems.filter { $0.severity == .error && !known.contains($0.cause) }
        guard added.isEmpty || request.keepGoing == true else { throw ChangeFailure.invalid(added) }
        if request.dryRun != true { try self.file.save(changed) }
        let expanded = present.expanded(in: surroundings)
        let after = changed.expanded(in: surroundings, after: expanded)
        let steps = Plan.diff(expanded.deployment, after.deployment).map(\.description)
        return ChangeReport(
            generation: self.file.generation, steps: steps, problems: problems, earlier: before, outcome: outcome)
    }

    private static func change(_ request: ChangeRequest) throws(ChangeFailure) -> Change {
        do throws(ChangeRefusal) {
            return try Change.read(request.change)
        } catch {
            throw .refused(error)
        }
    }

    /// What the configuration was before, the oldest first.
    package func history() async throws -> [VersionReport] {
        do {
            return try await self.client.history()
        } catch let error as ControlError where error.kind == .notRunning {
            return self.file.history().map(VersionReport.init)
        }
    }

    /// What the configuration was as version `number`.
    package func version(_ number: Int) async throws -> ConfigurationReport {
        do {
            return try await self.client.version(number)
        } catch let error as ControlError where error.kind == .notRunning {
            return try self.file.report(ofVersion: number)
        }
    }

    /// Makes the machine's disk a fresh copy of its image; what was on it is lost.
    package func resetDisk(ofClient name: String) async throws {
        do {
            try await self.client.resetDisk(of: name)
        } catch let error as ControlError where error.kind == .notRunning {
            let lock = try await self.lock()
            defer { withExtendedLifetime(lock) {} }
            let client = try await self.client(name)
            try client.checkResettable()
            try ClientDisk.remove(client.diskPath(in: Surroundings(stateFolder: self.images.stateFolder)))
        }
    }

    /// Waits for others that are at work with the file, but not for long.
    private func lock() async throws -> ConfigurationLock {
        for _ in 0..<Limits.lockAttempts {
            if let lock = try ConfigurationLock.ifFree(of: self.file) { return lock }
            try await Task.sleep(for: .milliseconds(Limits.lockIntervalMilliseconds))
        }
        return try ConfigurationLock(of: self.file)
    }
}

extension Administration.Outcome {
    package var report: ChangeReport {
        switch self {
        case .applied(let report), .written(let report): report
        }
    }

    /// `what`, and where it took effect, with a line for every problem that remains.
    package func words(_ what: String) -> String {
        var lines = [what]
        if case .written = self { lines[0] += " (written to the file; no daemon runs, start it with: apus serve)" }
        lines += self.report.problems.map { "\($0.severity.rawValue): \($0)" }
        return lines.joined(separator: "\n")
    }
}
