// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ControlAPI
import ISCSIServer
import Model

extension BootClient {
    /// A disk that the user looks after is not ours to throw away.
    func checkResettable() throws(ChangeFailure) {
        if case .disk(let path) = self.source {
            throw .invalid([
                .error(
                    "", "\(self.name) boots from \(path), which is no copy of an image",
                    "copy what you want into that file")
            ])
        }
    }
}

extension Daemon {
    /// Warnings of disks that are copies of something else than what their image is now.
    func staleDisks(in surroundings: Surroundings) async -> [Problem] {
        let clients = self.configuration.boot.resolvedClients
        return await Self.blocking {
            clients.enumerated().compactMap { index, client in
                guard case .image(let name) = client.source, let image = surroundings.images[name],
                    ClientDisk.isStale(client.diskPath(in: surroundings), copyOf: image.diskPath)
                else { return nil }
                return .warning(
                    "boot.clients[\(index)].image", "the disk of \(client.name) is a copy of another or earlier image",
                    "to start from \(name) as it is now, losing what is on the disk: apus client reset \(client.name)")
            }
        }
    }

    /// Makes a machine's disk a fresh copy of its image. Refused while the machine is logged in.
    package func resetDisk(ofClient name: String) async throws -> ChangeReport {
        try await self.inTurn { daemon in
            guard let client = daemon.configuration.boot.resolvedClients.first(where: { $0.name == name }) else {
                let known = daemon.configuration.boot.clients.map(\.name).sorted()
                throw ChangeFailure.refused(.noSuchClient(name, known: known))
            }
            try client.checkResettable()
            let sessions = await daemon.seams.targets.sessions()
            guard !sessions.contains(where: { $0.targetName == client.effectiveTargetName }) else {
                throw ChangeFailure.invalid([
                    .error("", "\(name) is logged in to its disk", "shut the machine down first")
                ])
            }
            var without = daemon.configuration
            without.boot.clients.removeAll { $0.name == name }
            let surroundings = await daemon.surroundings()
            _ = await daemon.carryOut(Plan.diff(daemon.running, without.expanded(in: surroundings).deployment))
            // Whatever becomes of removing it, the machine is served again.
            let path = client.diskPath(in: surroundings)
            let removal = await Self.blocking { Result { try ClientDisk.remove(path) } }
            await daemon.deploy()
            try removal.get()
            return ChangeReport(generation: daemon.generation, steps: [], problems: daemon.problems)
        }
    }
}
