// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Configuration {
    /// Everything that is wrong with the configuration, in the order of the file.
    ///
    /// With `surroundings`, images that clients name are looked for there.
    package func validate(in surroundings: Surroundings? = nil) -> [Problem] {
        var validation = Validation(configuration: self, surroundings: surroundings)
        validation.checkStorageObjects()
        validation.checkDiscovery()
        validation.checkTargets()
        validation.checkServices()
        validation.checkClients()
        return validation.problems
    }
}

/// The checks, which share what they have seen so far.
struct Validation {
    let configuration: Configuration
    let surroundings: Surroundings?
    var problems: [Problem] = []
    /// Where each file or device is used, by its path.
    var diskUsers: [String: String] = [:]
    /// Where each target name is used.
    var targetNames: [String: String] = [:]

    init(configuration: Configuration, surroundings: Surroundings?) {
        self.configuration = configuration
        self.surroundings = surroundings
    }

    mutating func error(_ path: String, _ cause: String, _ remedy: String) {
        self.problems.append(.error(path, cause, remedy))
    }

    mutating func warn(_ path: String, _ cause: String, _ remedy: String) {
        self.problems.append(.warning(path, cause, remedy))
    }

    /// Notes that `disk` is written through `path`; two writers would destroy each other's data.
    mutating func claim(disk: String, at path: String) {
        if let other = self.diskUsers[disk] {
            self.error(path, "\(disk) is already used at \(other)", "give each its own file")
        } else {
            self.diskUsers[disk] = path
        }
    }

    mutating func claim(target name: String, at path: String) {
        if let flaw = Naming.flaw(inISCSIName: name) {
            self.error(path, "\(name) is not an iSCSI name: \(flaw)", "write a name like \(Naming.prefix):disk1")
        } else if let other = self.targetNames[name] {
            self.error(path, "\(name) is already the target at \(other)", "give each target its own name")
        } else {
            self.targetNames[name] = path
        }
    }

    mutating func checkPort(_ port: Int, at path: String) {
        if !(1...65_535).contains(port) {
            self.error(path, "\(port) is not a TCP port", "write a number from 1 to 65535")
        }
    }
}
