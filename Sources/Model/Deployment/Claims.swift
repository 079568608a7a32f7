// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

/// What only one entry of a configuration may have: names, serial numbers, files.
struct Claims: Sendable {
    /// Paths of backstores.
    var paths: TreeSet<String> = []
    var serials: TreeSet<String> = []
    /// Files and devices, those of machines too.
    var disks: TreeSet<String> = []
    /// Names of targets, those of machines too.
    var targets: TreeSet<String> = []

    /// False where another entry has something of `object` already.
    mutating func add(_ object: StorageObject) -> Bool {
        let isFree = self.paths.insert(object.path).inserted
        let hasOwnSerial = object.wwn.map { self.serials.insert($0).inserted } ?? true
        return object.ownMedium.map { self.disks.insert($0).inserted } ?? true && isFree && hasOwnSerial
    }

    mutating func remove(_ object: StorageObject) {
        self.paths.remove(object.path)
        if let serial = object.wwn { self.serials.remove(serial) }
        if let medium = object.ownMedium { self.disks.remove(medium) }
    }
}

extension StorageObject {
    /// The file or device that nobody else may write to; nil where there is none.
    var ownMedium: String? {
        guard let dev, !dev.isEmpty, ["fileio", "block", "pscsi"].contains(self.plugin) else { return nil }
        return dev
    }
}
