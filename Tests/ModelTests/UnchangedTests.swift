// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Testing

@testable import Model

@Suite("Expanding after an earlier configuration")
struct UnchangedTests {
    @Test(arguments: UInt64(1)...20)
    func `whatever changes, the result is that of expanding it alone`(seed: UInt64) {
        var changes = RandomChanges(seed: seed)
        var configuration = Configuration()
        var earlier: ExpandedConfiguration?
        for step in 0..<100 {
            for _ in 0...changes.number(below: 3) { changes.make(&configuration) }
            let alone = configuration.expanded(in: surroundings)
            let after = configuration.expanded(in: surroundings, after: earlier)
            #expect(after.deployment == alone.deployment, "seed \(seed), step \(step)")
            #expect(after.problems == alone.problems, "seed \(seed), step \(step)")
            earlier = after
        }
    }

    @Test(arguments: UInt64(1)...20)
    func `what a change says that it touched is all that differs`(seed: UInt64) {
        var changes = RandomChanges(seed: seed)
        // Faultless ones, which are what most changes lead from and to.
        var configuration = Configuration()
        var earlier = configuration.expanded(in: surroundings)
        var differences = 0
        for step in 0..<300 {
            var changed = configuration
            changes.make(&changed)
            let after = changed.expanded(in: surroundings, after: earlier)
            guard after.problems.isEmpty else { continue }
            if after.touched != nil { differences += 1 }
            let alone = changed.expanded(in: surroundings).deployment
            #expect(after.deployment == alone, "seed \(seed), step \(step)")
            let whole = Plan.diff(earlier.deployment, after.deployment)
            #expect(Plan.diff(earlier.deployment, after.deployment, within: after.touched) == whole)
            (configuration, earlier) = (changed, after)
        }
        #expect(differences > 20, "seed \(seed)")
    }

    @Test(
        arguments: [
            ([1, 2, 3], [1, 2, 3], [0, 1, 2]), ([1, 2, 3, 4], [1, 2, 3], [0, 1, 2, nil]),
            ([1, 3], [1, 2, 3], [0, 2]), ([1, 9, 3], [1, 2, 3], [0, nil, 2]), ([], [1], []), ([1, 1], [1], [0, nil]),
            ([0, 1, 2], [1, 2], [nil, 0, 1]), ([7, 2, 8], [1, 2, 3], [nil, 1, nil]),
        ] as [([Int], [Int], [Int?])])
    func `entries are found where they were`(new: [Int], old: [Int], places: [Int?]) {
        #expect(Unchanged.counterparts(new, old) == places)
    }
}
