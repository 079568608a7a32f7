// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

extension Configuration {
    /// The same as expanding it anew, at the cost of what has changed since `earlier`: one LUN more costs the same
    /// whether there are ten or ten thousand.
    ///
    /// It goes from one faultless configuration to another; nil where that is not the case, or where something else than
    /// backstores and targets has changed.
    func expandedByDifference(
        in surroundings: Surroundings, after earlier: ExpandedConfiguration
    ) -> ExpandedConfiguration? {
        let old = earlier.configuration
        guard var claims = earlier.claims, earlier.surroundings == surroundings, old.boot == self.boot,
            old.remainder == self.remainder, old.versionsKept == self.versionsKept
        else { return nil }
        let objects = Difference(self.storageObjects, old.storageObjects)
        let targets = Difference(self.targets, old.targets)
        // Before the new ones are there: a backstore that is in both has changed.
        for object in objects.removed { claims.remove(object) }
        for target in targets.removed where target.fabric == "iscsi" { claims.targets.remove(target.wwn) }
        var validation = Validation(
            configuration: self, surroundings: surroundings, unchanged: Unchanged(self, since: nil))
        for object in objects.added {
            guard claims.add(object) else { return nil }
            validation.check(object, at: "")
        }
        for target in targets.added {
            guard target.fabric == "iscsi", claims.targets.insert(target.wwn).inserted else { return nil }
            validation.claim(target: target.wwn, at: .other(""))
            validation.check(target, hasBackstore: { [paths = claims.paths] in paths.contains($0) }, at: "")
        }
        let gone = Set(objects.removed.map(\.path).filter { !claims.paths.contains($0) })
        guard validation.problems.isEmpty,
            gone.isEmpty || self.targets.allSatisfy({ $0.usesOnly { !gone.contains($0) } })
        else { return nil }

        var expansion = Expansion(after: earlier)
        var touched = Touched()
        for object in objects.removed { expansion.remove(object) }
        for target in targets.removed { expansion.remove(target) }
        let relocated = self.storageObjects.filter { !targets.isEmpty && $0.dependsOnTargets }
        for object in objects.added + relocated { expansion.add(object, servedBy: self.targets, isUnchanged: false) }
        for target in targets.added { expansion.add(target, isUnchanged: false) }
        touched.backstores = Set((objects.removed + objects.added + relocated).map(\.path))
        touched.targets = Set((targets.removed + targets.added).map(\.wwn))
        return ExpandedConfiguration(
            configuration: self, surroundings: surroundings, deployment: expansion.finish(), problems: [],
            touched: touched, claims: claims, wantedPortals: expansion.wantedPortals)
    }
}

/// What of two lists is not in both.
private struct Difference<Element: Equatable> {
    var added: [Element] = []
    var removed: [Element] = []

    init(_ new: [Element], _ old: [Element]) {
        let places = Unchanged.counterparts(new, old)
        var isKept = [Bool](repeating: false, count: old.count)
        for (index, place) in places.enumerated() {
            if let place { isKept[place] = true } else { self.added.append(new[index]) }
        }
        for index in old.indices where !isKept[index] { self.removed.append(old[index]) }
    }

    var isEmpty: Bool { self.added.isEmpty && self.removed.isEmpty }
}
