// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("pscsi backstores")
struct PassThroughTests {
    private static func configuration(_ dev: String?, groups: [ALUAGroup] = []) -> Configuration {
        let group = PortalGroup(luns: [LUN(index: 0, storageObject: "/backstores/pscsi/p", aluaGroup: "far")])
        return Configuration(
            storageObjects: [StorageObject(plugin: "pscsi", name: "p", wwn: "w", dev: dev, aluaGroups: groups)],
            targets: [Target(wwn: "iqn.2026-11.org.apus:p", portalGroups: [group])])
    }

    @Test(arguments: ["/dev/sg0", "/dev/disk/by-id/x", "2:0:0:1"])
    func `a device is served as it is, whatever groups rtslib wrote for it`(dev: String) {
        let groups = [ALUAGroup(name: "far", id: 3, settings: ["alua_access_state": .integer(2)])]
        let expanded = Self.configuration(dev, groups: groups).expanded(in: Surroundings(stateFolder: "/s"))
        let deployment = expanded.deployment
        #expect(expanded.problems.isEmpty)
        #expect(deployment.backstores["/backstores/pscsi/p"]?.kind == .passThrough(path: dev))
        #expect(deployment.access.isEmpty)
        #expect(deployment.targets["iqn.2026-11.org.apus:p"]?.groups.first?.luns == [0: "/backstores/pscsi/p"])
    }

    @Test(arguments: [nil, "", "sg0", "1:2:3"])
    func `a device has to be named`(dev: String?) {
        let problems = Self.configuration(dev).validate(in: Surroundings(stateFolder: "/s"))
        #expect(
            problems.map(\.description) == [
                "storage_objects[0].dev: no SCSI device is given; name it: /dev/sg0, /dev/sdb or 2:0:0:1"
            ])
    }

    @Test func `one device is one backstore`() {
        var configuration = Self.configuration("/dev/sdb")
        configuration.storageObjects.append(StorageObject(plugin: "block", name: "b", wwn: "v", dev: "/dev/sdb"))
        #expect(configuration.validate(in: Surroundings(stateFolder: "/s")).contains { $0.severity == .error })
    }
}
