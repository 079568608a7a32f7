// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Configuration {
    /// Everything that is wrong with the configuration, in the order of the file.
    ///
    /// With `surroundings`, images that clients name are looked for there.
    package func validate(in surroundings: Surroundings? = nil) -> [Problem] {
        self.validation(in: surroundings, Unchanged(self, since: nil)).problems
    }

    /// - Parameter unchanged: what need not be looked at but for what it shares with others.
    func validation(in surroundings: Surroundings?, _ unchanged: Unchanged) -> Validation {
        var validation = Validation(configuration: self, surroundings: surroundings, unchanged: unchanged)
        validation.checkVersions()
        validation.checkStorageObjects()
        validation.checkDiscovery()
        validation.checkTargets()
        validation.checkServices()
        validation.checkGroups()
        validation.checkClients()
        return validation
    }
}

/// The checks, which share what they have seen so far.
struct Validation {
    let configuration: Configuration
    let surroundings: Surroundings?
    let unchanged: Unchanged
    var problems: [Problem] = []
    /// Where each file or device is used, by its path.
    private(set) var diskUsers: [String: Place] = [:]
    /// Where each target name is used.
    private(set) var targetNames: [String: Place] = [:]

    /// A JSON path that is put into words only where somebody needs them.
    enum Place: CustomStringConvertible {
        case object(Int)
        case targetName(Int)
        case other(String)

        var description: String {
            switch self {
            case .object(let index): "storage_objects[\(index)]"
            case .targetName(let index): "targets[\(index)].wwn"
            case .other(let path): path
            }
        }
    }

    init(configuration: Configuration, surroundings: Surroundings?, unchanged: Unchanged) {
        self.configuration = configuration
        self.surroundings = surroundings
        self.unchanged = unchanged
    }

    mutating func error(_ path: String, _ cause: String, _ remedy: String) {
        self.problems.append(.error(path, cause, remedy))
    }

    mutating func warn(_ path: String, _ cause: String, _ remedy: String) {
        self.problems.append(.warning(path, cause, remedy))
    }

    /// Notes that `disk` is written through `path`; two writers would destroy each other's data.
    mutating func claim(disk: String, at place: Place) {
        if let other = self.diskUsers[disk] {
            self.error("\(place)", "\(disk) is already used at \(other)", "give each its own file")
        } else {
            self.diskUsers[disk] = place
        }
    }

    /// - Parameter isKnown: whether it was found to be a name before.
    mutating func claim(target name: String, at place: Place, isKnown: Bool = false) {
        if !isKnown, let flaw = Naming.flaw(inISCSIName: name) {
            self.error(
                "\(place)", "\(name) is not an iSCSI name: \(flaw)", "write a name like \(Naming.prefix):disk1")
        } else if let other = self.targetNames[name] {
            self.error("\(place)", "\(name) is already the target at \(other)", "give each target its own name")
        } else {
            self.targetNames[name] = place
        }
    }

    fileprivate mutating func checkVersions() {
        guard let count = self.configuration.versionsKept, !(1...Limits.mostVersionsKept).contains(count) else {
            return
        }
        self.error(
            "max_backup_files", "\(count) earlier versions cannot be kept", "write 1 to \(Limits.mostVersionsKept)")
    }

    mutating func checkPort(_ port: Int, at path: String) {
        if !(1...65_535).contains(port) {
            self.error(path, "\(port) is not a TCP port", "write a number from 1 to 65535")
        }
    }
}
