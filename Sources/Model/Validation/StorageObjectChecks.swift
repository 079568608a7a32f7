// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    mutating func checkStorageObjects() {
        var paths: [String: String] = [:]
        var serials: [String: String] = [:]
        for (index, object) in self.configuration.storageObjects.enumerated() {
            let path = "storage_objects[\(index)]"
            if let flaw = Naming.flaw(inBackstoreName: object.name) {
                self.error("\(path).name", "\(object.name) cannot be a backstore's name: \(flaw)", "choose another")
            }
            if let other = paths[object.path] {
                self.error(
                    "\(path).name", "\(object.plugin)/\(object.name) exists already, at \(other)",
                    "choose another name")
            }
            paths[object.path] = path
            if let serial = object.wwn {
                if let other = serials[serial] {
                    self.error(
                        "\(path).wwn", "\(serial) is already the serial number at \(other)",
                        "remove wwn to get one of its own: initiators would take both for one disk")
                }
                serials[serial] = path
            }
            self.checkMedium(of: object, at: path)
        }
    }

    private mutating func checkMedium(of object: StorageObject, at path: String) {
        switch object.plugin {
        case "fileio", "block":
            guard let dev = object.dev, dev.hasPrefix("/") else {
                self.error("\(path).dev", "no absolute path is given", "name the file or device: /srv/disk.img")
                return
            }
            self.claim(disk: dev, at: path)
        case "ramdisk":
            if object.size == nil {
                self.error("\(path).size", "a ramdisk needs a size", "give the size in bytes")
            }
        default:
            self.warn(
                "\(path).plugin", "\(object.plugin) backstores are not served",
                "use fileio, block or ramdisk; the entry is kept")
            return
        }
        if let size = object.size, size < Limits.smallestDiskBytes || size % 512 != 0 {
            self.error(
                "\(path).size", "\(size) bytes cannot be a disk",
                "give a multiple of 512, at least \(Limits.smallestDiskBytes)")
        }
    }
}
