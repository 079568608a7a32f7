// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension Validation {
    mutating func checkStorageObjects() {
        var paths: [String: Place] = [:]
        var serials: [String: Place] = [:]
        for (index, object) in self.configuration.storageObjects.enumerated() {
            let place = Place.object(index)
            if let other = paths.updateValue(place, forKey: object.path) {
                self.error(
                    "\(place).name", "\(object.plugin)/\(object.name) exists already, at \(other)",
                    "choose another name")
            }
            if let serial = object.wwn, let other = serials.updateValue(place, forKey: serial) {
                self.error(
                    "\(place).wwn", "\(serial) is already the serial number at \(other)",
                    "remove wwn to get one of its own: initiators would take both for one disk")
            }
            if let medium = object.ownMedium { self.claim(disk: medium, at: place) }
            if !self.unchanged.objects[index] { self.check(object, at: "\(place)") }
        }
    }

    /// What can be said of a backstore without looking at others.
    mutating func check(_ object: StorageObject, at path: String) {
        if let flaw = Naming.flaw(inBackstoreName: object.name) {
            self.error("\(path).name", "\(object.name) cannot be a backstore's name: \(flaw)", "choose another")
        }
        self.checkMedium(of: object, at: path)
        self.checkALUAGroups(of: object, at: path)
    }

    private mutating func checkALUAGroups(of object: StorageObject, at path: String) {
        var ids: Set<Int> = []
        var names: Set<String> = []
        for (index, group) in object.effectiveALUAGroups.enumerated() {
            let path = "\(path).alua_tpgs[\(index)]"
            if !(0...65_535).contains(group.id) || !ids.insert(group.id).inserted {
                self.error(
                    "\(path).tg_pt_gp_id", "\(group.id) is taken or no identifier", "choose another, up to 65535")
            }
            if group.name.isEmpty || !names.insert(group.name).inserted {
                self.error("\(path).name", "there is a group of that name already", "choose another name")
            }
            for name in ALUAGroup.defaults.keys.sorted() {
                if let remedy = ALUAGroup.flaw(name, group.setting(name)) {
                    self.error("\(path).\(name)", "\(group.setting(name)) means nothing", remedy)
                }
            }
        }
    }

    private mutating func checkMedium(of object: StorageObject, at path: String) {
        if object.plugin != "block", let bytes = BackstoreAttributes(of: object).blockSize, bytes != 512, bytes != 4096
        {
            self.error("\(path).attributes.block_size", "a block cannot have \(bytes) bytes", "write 512 or 4096")
        }
        switch object.plugin {
        case "fileio", "block":
            guard let dev = object.dev, dev.hasPrefix("/") else {
                self.error("\(path).dev", "no absolute path is given", "name the file or device: /srv/disk.img")
                return
            }
        case "pscsi":
            guard let dev = object.dev, dev.hasPrefix("/") || dev.split(separator: ":").count == 4 else {
                self.error("\(path).dev", "no SCSI device is given", "name it: /dev/sg0, /dev/sdb or 2:0:0:1")
                return
            }
        case "ramdisk":
            if object.size == nil {
                self.error("\(path).size", "a ramdisk needs a size", "give the size in bytes")
            }
        default:
            self.warn(
                "\(path).plugin", "\(object.plugin) backstores are not served",
                "use fileio, block, pscsi or ramdisk; the entry is kept")
            return
        }
        if let size = object.size, size < Limits.smallestDiskBytes || size % 512 != 0 {
            self.error(
                "\(path).size", "\(size) bytes cannot be a disk",
                "give a multiple of 512, at least \(Limits.smallestDiskBytes)")
        }
    }
}
