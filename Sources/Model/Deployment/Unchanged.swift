// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

/// A configuration with what was made of it: where the next one has the same entries, they need not be looked at again.
package struct ExpandedConfiguration: Sendable {
    package let configuration: Configuration
    package let surroundings: Surroundings
    package let deployment: Deployment
    package let problems: [Problem]
    /// What may differ from the deployment that this one was made from; nil for anything.
    package let touched: Touched?
    /// What only one entry may have; nil where the configuration has problems.
    let claims: Claims?
    /// How many portal groups want each portal, the boot services included.
    let wantedPortals: TreeDictionary<PortalAddress, Int>
}

/// The names of what a change may have touched.
package struct Touched: Hashable, Sendable {
    package var backstores: Set<String> = []
    package var targets: Set<String> = []

    package init() {}
}

/// The entries of a configuration that an earlier one has alike and that were faultless there. Comparing them is cheap:
/// what was not touched shares its memory.
package struct Unchanged {
    /// By index.
    let objects: [Bool]
    let targets: [Bool]
    let deployment: Deployment

    init(_ configuration: Configuration, since earlier: ExpandedConfiguration?) {
        guard let earlier else {
            self.objects = Array(repeating: false, count: configuration.storageObjects.count)
            self.targets = Array(repeating: false, count: configuration.targets.count)
            self.deployment = Deployment()
            return
        }
        let flawed = Set(earlier.problems.map { $0.path.prefix { $0 != "]" } })
        func isSound(_ key: String, _ index: Int) -> Bool {
            flawed.isEmpty || !flawed.contains("\(key)[\(index)")
        }
        self.objects = Self.counterparts(configuration.storageObjects, earlier.configuration.storageObjects).map {
            $0.map { isSound("storage_objects", $0) } ?? false
        }
        self.targets = Self.counterparts(configuration.targets, earlier.configuration.targets).map {
            $0.map { isSound("targets", $0) } ?? false
        }
        self.deployment = earlier.deployment
    }

    /// For each of `new`, where `old` has the same: what is inserted, removed or changed in one place leaves the rest.
    package static func counterparts<Element: Equatable>(_ new: [Element], _ old: [Element]) -> [Int?] {
        var result = [Int?](repeating: nil, count: new.count)
        let common = min(new.count, old.count)
        var start = 0
        while start < common, new[start] == old[start] {
            result[start] = start
            start += 1
        }
        var end = 0
        while end < common - start, new[new.count - 1 - end] == old[old.count - 1 - end] {
            result[new.count - 1 - end] = old.count - 1 - end
            end += 1
        }
        for index in start..<(common - end) where new[index] == old[index] { result[index] = index }
        return result
    }
}
