// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What of a saved file is to be taken over: all of it where neither is named.
package struct RestoreChoice: Hashable, Sendable {
    package var target: String?
    /// A backstore's name, or `block/sda`, or its path.
    package var storageObject: String?

    package init(target: String? = nil, storageObject: String? = nil) {
        self.target = target
        self.storageObject = storageObject
    }

    private var isAll: Bool {
        self.target == nil && self.storageObject == nil
    }

    fileprivate func takes(_ target: Target) -> Bool {
        self.isAll || target.wwn == self.target
    }

    fileprivate func takes(_ object: StorageObject) -> Bool {
        self.isAll || [object.name, "\(object.plugin)/\(object.name)", object.path].contains(self.storageObject)
    }

    /// What is named and not in the file.
    fileprivate func missing(in saved: Configuration) -> String? {
        if let target, !saved.targets.contains(where: self.takes) { return "target \(target)" }
        if let storageObject, !saved.storageObjects.contains(where: self.takes) {
            return "storage object \(storageObject)"
        }
        return nil
    }
}

extension Configuration {
    /// This configuration with what is chosen of a saved one.
    ///
    /// Machines that boot and the boot services stay unless the saved one has its own: a file of LIO knows of none.
    ///
    /// - Parameter clearing: takes everything else away; without it, what exists here already is refused.
    package func restoring(
        _ saved: Configuration, _ choice: RestoreChoice, clearing: Bool
    ) throws(TreeRefusal) -> Configuration {
        if let missing = choice.missing(in: saved) { throw TreeRefusal("the file has no \(missing)") }
        var result = clearing ? Configuration() : self
        if saved.boot == Boot() || choice != RestoreChoice() {
            result.boot = self.boot
        } else {
            result.boot = saved.boot
        }
        let objects = Set(result.storageObjects.map(\.path))
        for object in saved.storageObjects where choice.takes(object) {
            guard !objects.contains(object.path) else {
                throw TreeRefusal(
                    "storageobject '\(object.plugin):\(object.name)' exist not restoring; clear_existing=true replaces "
                        + "what is here")
            }
            result.storageObjects.append(object)
        }
        let targets = Set(result.targets.map(\.wwn))
        for target in saved.targets where choice.takes(target) {
            guard !targets.contains(target.wwn) else {
                throw TreeRefusal(
                    "target with wwn \(target.wwn) exist, not restoring; clear_existing=true replaces what is here")
            }
            result.targets.append(target)
        }
        guard choice == RestoreChoice() else { return result }
        // Discovery's credentials, what Apus has no use for, and what it could not read.
        result.remainder.unknown.merge(saved.remainder.unknown) { _, new in new }
        result.remainder.broken.merge(saved.remainder.broken) { here, new in
            here + new.filter { !here.contains($0) }
        }
        return result
    }
}
