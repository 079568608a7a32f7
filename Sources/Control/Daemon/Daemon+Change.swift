// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
package import ControlAPI
import Logging
package import Model

/// Why a change was not made.
package enum ChangeFailure: Error, Sendable, CustomStringConvertible {
    case refused(ChangeRefusal)
    /// The changed configuration has problems that the present one has not.
    case invalid([Problem])
    /// It was tried and something did not run; what ran before runs again.
    case notApplied([Problem])
    case otherGeneration(Int)
    /// The file on disk is not the one that the daemon read or wrote.
    case editedByHand(String)

    package var description: String {
        switch self {
        case .refused(let refusal): refusal.description
        case .invalid(let problems), .notApplied(let problems):
            problems.map { $0.path.isEmpty ? "\($0.cause); \($0.remedy)" : $0.description }.joined(separator: "\n")
        case .otherGeneration(let generation):
            "somebody changed the configuration meanwhile (it is at version \(generation)); look at it and try again"
        case .editedByHand(let path):
            "\(path) was edited while the daemon ran; take that over first: apus config reload"
        }
    }

    package var problems: [Problem] {
        switch self {
        case .refused(.unreadable(let problems)), .invalid(let problems), .notApplied(let problems): problems
        case .refused, .otherGeneration, .editedByHand: []
        }
    }
}

/// How a change is to be made.
struct ChangeTerms: Sendable {
    var expecting: Int?
    var dryRun = false
    var keepGoing = false
    /// False where the change came from the file.
    var isSaved = true
}

extension Daemon {
    /// Makes a change, or says why not and leaves everything as it was.
    package func change(
        _ change: Change, expecting: Int? = nil, dryRun: Bool = false, keepGoing: Bool = false
    ) async throws -> ChangeReport {
        let terms = ChangeTerms(expecting: expecting, dryRun: dryRun, keepGoing: keepGoing)
        return try await self.inTurn { try await $0.make(change, terms) }
    }

    /// Reads the file again and serves what it says; a bad one changes nothing.
    package func reload() async throws -> ChangeReport {
        let file = self.file
        return try await self.inTurn { daemon in
            let opened = try await Self.blocking { try file.open() }
            let report = try await daemon.make(
                .replace(opened.stored.configuration, unreadable: opened.problems), ChangeTerms(isSaved: false))
            daemon.stored = opened.stored
            await daemon.lookAtSizes()
            return report
        }
    }

    private func make(_ change: Change, _ terms: ChangeTerms) async throws -> ChangeReport {
        if let expecting = terms.expecting, expecting != self.generation {
            throw ChangeFailure.otherGeneration(self.generation)
        }
        let outcome = try await self.changed(by: change)
        let changed = outcome.configuration
        let unreadable = if case .replace(_, let problems) = change { problems } else { self.unreadable }
        let surroundings = await self.surroundings()
        let before = self.configuration.expanded(in: surroundings, after: self.expanded)
        let after = changed.expanded(in: surroundings, after: before)
        let newProblems = after.problems
        // A fault that was there already does not forbid to change something else.
        let known = Set((self.unreadable + before.problems).map(\.cause))
        let added = (unreadable + newProblems).filter { $0.severity == .error && !known.contains($0.cause) }
        guard added.isEmpty || terms.keepGoing else { throw ChangeFailure.invalid(added) }
        let isKnown = self.runsExpanded && self.expanded?.surroundings == surroundings
        let earlier = self.problems
        let steps = Plan.diff(self.running, after.deployment, within: isKnown ? after.touched : nil)
        let words = steps.map(\.description)
        guard !terms.dryRun else {
            return ChangeReport(
                generation: self.generation, steps: words, problems: unreadable + newProblems, earlier: earlier,
                outcome: outcome)
        }
        do {
            let faults = await self.carryOut(steps)
            let earlierCauses = Set(earlier.map(\.cause))
            let fresh = faults.filter { !earlierCauses.contains($0.cause) }
            guard fresh.isEmpty || terms.keepGoing else {
                let refused = fresh.map { problem in
                    problem.remedy == Self.leftOut
                        ? Problem.error(problem.path, problem.cause, "so nothing is changed") : problem
                }
                throw ChangeFailure.notApplied(refused)
            }
            if changed != self.configuration {
                if terms.isSaved { try await self.save(changed) }
                self.configuration = changed
                self.generation += 1
                self.listeners.tell(
                    .configuration, "\(self.generation)", words.joined(separator: "; "), at: .now())
            }
            self.expanded = after
            self.runsExpanded = faults.isEmpty
            self.unreadable = unreadable
            self.problems = unreadable + newProblems + faults + (await self.staleDisks(in: surroundings))
            self.configureChronicle()
            return ChangeReport(
                generation: self.generation, steps: words, problems: self.problems, earlier: earlier,
                outcome: outcome)
        } catch {
            let faults = await self.carryOut(Plan.diff(self.running, before.deployment))
            self.problems = self.unreadable + before.problems + faults + (await self.staleDisks(in: surroundings))
            throw error
        }
    }

    private func changed(by change: Change) async throws -> ChangedConfiguration {
        let context = await Self.blocking { HostFacts.context(of: change) }
        return try self.configuration.changed(by: change, in: context)
    }

    /// Serves the configuration as far as it can be served.
    func deploy() async {
        let surroundings = await self.surroundings()
        let expanded = self.configuration.expanded(in: surroundings, after: self.expanded)
        self.expanded = expanded
        let faults = await self.carryOut(Plan.diff(self.running, expanded.deployment))
        self.runsExpanded = faults.isEmpty
        self.problems = self.unreadable + expanded.problems + faults + (await self.staleDisks(in: surroundings))
        self.configureChronicle()
        for problem in self.problems {
            self.logger.log(level: problem.severity == .error ? .error : .warning, "\(problem)")
        }
    }

    func surroundings() async -> Surroundings {
        let folder = ImageFolder(stateFolder: self.options.stateFolder)
        return await Self.blocking { folder.surroundings() }
    }
}
