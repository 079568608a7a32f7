// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import ControlAPI
import FoundationEssentials
import Logging
import Model
import NIOCore

/// Machines that make themselves known.
extension Daemon: Enrolling {
    /// What they may choose from; nil where they may not.
    func enrolmentImages() async -> [String]? {
        guard self.configuration.boot.services?.enrolment == true else { return nil }
        return await self.surroundings().images.keys.sorted()
    }

    func enrol(_ request: EnrolmentRequest) async -> EnrolmentOutcome {
        guard let services = self.configuration.boot.services, services.enrolment == true else {
            return .refused(reason: "machines may not make themselves known here: apus services set … --enrol")
        }
        if let client = self.machines.client(of: request.mac) { return .enrolled(client: client) }
        guard self.configuration.boot.clients.count < Limits.enrolledMachines else {
            return .refused(reason: "\(Limits.enrolledMachines) machines are known, no more can make themselves known")
        }
        guard self.enrolments < Limits.enrolmentsAtOnce else {
            return .refused(reason: "\(Limits.enrolmentsAtOnce) machines are being enrolled; try again in a minute")
        }
        self.enrolments += 1
        defer { self.enrolments -= 1 }
        var client = Model.BootClient(
            name: request.name, mac: request.mac.description, source: .image(request.image))
        client.uuid = request.facts.uuid.flatMap { UUIDText.canonical($0) }
        client.group = services.enrolmentGroup
        do {
            _ = try await self.change(.addClient(client))
        } catch {
            // A UUID that another machine has already is the maker's mistake, which is common.
            guard client.uuid != nil, (try? await self.addWithoutUUID(client)) != nil else {
                return .refused(reason: Self.words(error))
            }
        }
        self.logger.notice("machine \(request.mac) made itself known as \(request.name), image \(request.image)")
        return .enrolled(client: request.name)
    }

    private func addWithoutUUID(_ client: Model.BootClient) async throws {
        var client = client
        client.uuid = nil
        _ = try await self.change(.addClient(client))
    }

    /// In a line for the machine's screen.
    private static func words(_ error: any Error) -> String {
        let text = (error as? ChangeFailure).map { failure in
            failure.problems.first.map { "\($0.cause); \($0.remedy)" } ?? failure.description
        }
        return text ?? "\(error)"
    }
}

/// What machines prove themselves with, over a restart.
extension Daemon {
    private var credentialsPath: String { self.options.stateFolder + "/boot-credentials.json" }

    func restoreCredentials() async {
        let path = self.credentialsPath
        do {
            let issued = try await Self.blocking { () -> [String: BootCredentials.Issued] in
                guard SystemFiles.exists(path) else { return [:] }
                return try JSONText.read([String: BootCredentials.Issued].self, from: SystemFiles.read(path))
            }
            self.seams.credentials.restore(issued)
        } catch {
            self.logger.warning(
                "\(path) cannot be read (\(error)): machines with CHAP per boot must start anew once they lose their disk"
            )
        }
    }

    /// Writes them if there are new ones.
    func keepCredentials() async {
        guard let (issued, changes) = self.seams.credentials.changed(since: self.credentialChanges) else { return }
        self.credentialChanges = changes
        let path = self.credentialsPath
        do {
            let text = try String(buffer: JSONText.line(issued))
            try await Self.blocking { try SystemFiles.write(text, to: path, mode: 0o600) }
        } catch {
            self.logger.error("the credentials of this boot were not kept in \(path): \(error)")
        }
    }
}
