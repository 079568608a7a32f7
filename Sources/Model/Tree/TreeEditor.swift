// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Does the verbs that change the configuration, and collects what the user is told.
struct TreeEditor {
    var configuration: Configuration
    let context: TreeContext
    var messages: [String] = []
    /// The name of the node that `create` made.
    var created: String?

    init(configuration: Configuration, context: TreeContext) {
        self.configuration = configuration
        self.context = context
    }

    mutating func create(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        switch location {
        case .plugin(let plugin): try self.createObject(plugin, &arguments)
        case .aluaGroups(let index): try self.createALUAGroup(of: index, &arguments)
        case .iscsi: try self.createTarget(&arguments)
        case .target(let index): try self.createGroup(in: index, &arguments)
        case .acls(let index): try self.createACL(in: index, &arguments)
        case .luns(let index): try self.createLUN(in: index, &arguments)
        case .portals(let index): try self.createPortal(in: index, &arguments)
        case .acl(let index, let acl): try self.createMapping(in: index, acl, &arguments)
        default: throw TreeRefusal.misplaced("create")
        }
    }

    private mutating func createObject(_ plugin: String, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let name = try arguments.required("name")
        guard !self.configuration.storageObjects.contains(where: { $0.plugin == plugin && $0.name == name }) else {
            throw TreeRefusal("Storage object \(plugin)/\(name) exists")
        }
        var object = StorageObject(plugin: plugin, name: name)
        switch plugin {
        case "block":
            let dev = try arguments.required("dev")
            guard self.context.mediumBytes != nil else {
                throw TreeRefusal("Could not open \(dev); lsblk lists the host's block devices")
            }
            object.dev = dev
            object.readOnly = try arguments.flag("readonly") ?? false
            self.messages.append("Created block storage object \(name) using \(dev).")
        case "fileio":
            let file = try arguments.required("file_or_dev", "dev")
            let wanted = try Self.size(arguments.optional("size"))
            object.dev = file
            object.writeBack = try arguments.flag("write_back") ?? true
            // What a file that is there takes is settled.
            if try arguments.flag("sparse") == false, self.context.mediumBytes == nil {
                object.attributes = ["sparse": .integer(0)]
            }
            if let present = self.context.mediumBytes {
                if wanted != nil { self.messages.append("\(file) exists, using its size (\(present) bytes) instead") }
                object.size = Int(clamping: present)
            } else {
                guard let wanted else {
                    throw TreeRefusal("\(file) does not exist: give the size of the file to create")
                }
                object.size = wanted
            }
            self.messages.append("Created fileio \(name) with size \(object.size ?? 0)")
        case "ramdisk":
            let text = try arguments.required("size")
            object.size = try Self.size(text)
            object.nullIO = try arguments.flag("nullio")
            self.messages.append("Created ramdisk \(name) with size \(text).")
        default:
            let dev = try arguments.required("dev")
            object.dev = dev
            if self.context.isDevice {
                self.messages.append("Note: block backstore recommended for SCSI block devices")
            }
            self.messages.append("Created pscsi storage object \(name) using \(dev)")
        }
        if try arguments.namedFlag("model_alias") == false {
            object.attributes = (object.attributes ?? [:]).merging(["emulate_model_alias": .integer(0)]) { $1 }
        }
        object.wwn = arguments.optional("wwn") ?? self.context.uuid
        self.configuration.storageObjects.append(object)
        self.created = name
    }

    private static func size(_ text: String?) throws(TreeRefusal) -> Int? {
        guard let text else { return nil }
        guard let size = ByteSize(text) else { throw TreeRefusal("\(text) is not a size: write 10G or 512M") }
        return Int(clamping: size.bytes)
    }

    private mutating func createTarget(_ arguments: inout TreeArguments) throws(TreeRefusal) {
        let terms = try GroupTerms(&arguments)
        let name =
            arguments.optional("wwn")?.lowercased()
            ?? "\(Naming.prefix):sn.\(self.context.uuid.prefix(12).filter { $0 != "-" })"
        try Self.check(name)
        guard !self.configuration.targets.contains(where: { $0.wwn == name }) else {
            throw TreeRefusal("This Target already exists in configFS")
        }
        self.configuration.targets.append(Target(wwn: name, portalGroups: []))
        self.messages.append("Created target \(name).")
        self.addGroup(tag: 1, to: self.configuration.targets.count - 1, terms)
        self.created = name
    }

    private mutating func createGroup(in target: Int, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let taken = Set(self.configuration.targets[target].portalGroups.map(\.tag))
        let terms = try GroupTerms(&arguments)
        let text = arguments.optional("tag")
        guard let tag = text.map(Int.init) ?? (1...65_535).first(where: { !taken.contains($0) }), tag > 0 else {
            throw TreeRefusal("\(text ?? "") is not a portal group tag: write 1 to 65535")
        }
        guard !taken.contains(tag) else { throw TreeRefusal("TPG \(tag) already exists") }
        self.addGroup(tag: tag, to: target, terms)
        self.created = "tpg\(tag)"
    }

    /// What the user's preferences say of new portal groups.
    private struct GroupTerms {
        var addsPortal: Bool
        var isEnabled: Bool

        init(_ arguments: inout TreeArguments) throws(TreeRefusal) {
            self.addsPortal = try arguments.namedFlag("add_default_portal") ?? true
            self.isEnabled = try arguments.namedFlag("enable") ?? true
        }
    }

    private mutating func addGroup(tag: Int, to target: Int, _ terms: GroupTerms) {
        self.messages.append("Created TPG \(tag).")
        var group = PortalGroup(tag: tag, enable: terms.isEnabled)
        group.attributes = ["authentication": .integer(0), "generate_node_acls": .integer(0)]
        let portal = NetworkPortal(ipAddress: "0.0.0.0")
        let others = self.configuration.targets[target].portalGroups
        if terms.addsPortal, others.contains(where: { $0.portals.contains { $0.nodeName == portal.nodeName } }) {
            self.messages.append("Default portal not created, TPGs within a target cannot share ip:port.")
        } else if terms.addsPortal {
            self.messages.append("Global pref auto_add_default_portal=true")
            group.portals = [portal]
            self.messages.append("Created default portal listening on all IPs (0.0.0.0), port 3260.")
        }
        self.configuration.targets[target].portalGroups.append(group)
    }

    private mutating func createACL(in index: GroupIndex, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let name = try arguments.required("wwn").lowercased()
        try Self.check(name)
        guard !self.configuration[index].nodeACLs.contains(where: { $0.nodeWWN == name }) else {
            throw TreeRefusal("This NodeACL already exists in configFS")
        }
        let maps = try arguments.flag("add_mapped_luns") ?? true
        self.messages.append("Created Node ACL for \(name)")
        var acl = NodeACL(nodeWWN: name)
        if maps {
            acl.mappedLUNs = self.configuration[index].luns.map { MappedLUN(index: $0.index, tpgLUN: $0.index) }
            self.messages += acl.mappedLUNs.map { "Created mapped LUN \($0.index)." }
        }
        self.configuration[index].nodeACLs.append(acl)
        self.created = name
    }

    private mutating func createLUN(in index: GroupIndex, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let path = try self.backstorePath(
            of: arguments.required("storage_object"),
            else: "storage object or path not valid; write /backstores/block/NAME, or the path of a file or device")
        guard !self.configuration[index].luns.contains(where: { $0.storageObject == path }) else {
            throw TreeRefusal("lun for storage object \(path.dropFirst("/backstores/".count)) already exists")
        }
        let taken = Set(self.configuration[index].luns.map(\.index))
        let text = arguments.optional("lun")
        let digits = text.map { $0.hasPrefix("lun") ? String($0.dropFirst(3)) : $0 }
        guard let number = digits.map({ Int($0) }) ?? (0...Limits.highestLUN).first(where: { !taken.contains($0) }),
            (0...Limits.highestLUN).contains(number)
        else { throw TreeRefusal("\(text ?? "") is not a LUN: write 0 to \(Limits.highestLUN)") }
        guard !taken.contains(number) else { throw TreeRefusal("LUN \(number) already exists") }
        let maps = try arguments.flag("add_mapped_luns") ?? true
        self.configuration[index].luns.append(LUN(index: number, storageObject: path))
        self.messages.append("Created LUN \(number).")
        self.created = "lun\(number)"
        guard maps else { return }
        for acl in self.configuration[index].nodeACLs.indices {
            let name = self.configuration[index].nodeACLs[acl].nodeWWN
            let taken = Set(self.configuration[index].nodeACLs[acl].mappedLUNs.map(\.index))
            // The LUN's own number, or else the first that the initiator does not have yet.
            guard let shown = ([number] + Array(0...taken.count)).first(where: { !taken.contains($0) }) else {
                continue
            }
            self.configuration[index].nodeACLs[acl].mappedLUNs.append(MappedLUN(index: shown, tpgLUN: number))
            self.messages.append("Created LUN \(number)->\(shown) mapping in node ACL \(name)")
        }
    }

    /// The backstore that `name` is, or one that is made for the file or device of that name.
    private mutating func backstorePath(of name: String, else refusal: String) throws(TreeRefusal) -> String {
        let path = TreePath(name).description
        if self.configuration.storageObject(at: path) != nil { return path }
        guard !path.hasPrefix("/backstores/"), let bytes = self.context.mediumBytes else {
            throw TreeRefusal(refusal)
        }
        let plugin = self.context.isDevice ? "block" : "fileio"
        let taken = Set(self.configuration.storageObjects.filter { $0.plugin == plugin }.map(\.name))
        let stem = TreePath(name).components.last ?? plugin
        let names = [stem] + (1...taken.count + 1).map { "\(stem)-\($0)" }
        guard let free = names.first(where: { !taken.contains($0) }) else { throw TreeRefusal(refusal) }
        var object = StorageObject(plugin: plugin, name: free, wwn: self.context.uuid, dev: path)
        if !self.context.isDevice {
            object.size = Int(clamping: bytes)
            object.writeBack = true
        }
        self.configuration.storageObjects.append(object)
        self.messages.append("Created storage object \(free).")
        return object.path
    }

    private mutating func createPortal(in index: GroupIndex, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let address = arguments.optional("ip_address") ?? "0.0.0.0"
        guard let numeric = IPAddress(address) else {
            throw TreeRefusal("\(address) is not a numeric address: write 10.0.0.5, fd00::5, or 0.0.0.0 for all")
        }
        guard !numeric.isLinkLocal || numeric.zone != nil else {
            throw TreeRefusal("\(address) is an address on each interface: name the one that is meant, \(numeric)%eth0")
        }
        let text = arguments.optional("ip_port")
        guard let port = text.map(Int.init) ?? 3260 else { throw TreeRefusal("\(text ?? "") is not a port") }
        let portal = NetworkPortal(ipAddress: address, port: port)
        guard !self.configuration[index].portals.contains(where: { $0.nodeName == portal.nodeName }) else {
            throw TreeRefusal("This NetworkPortal already exists in configFS")
        }
        if let here = self.context.addresses, !numeric.isUnspecified,
            !here.contains(where: { IPAddress($0) == numeric })
        {
            throw TreeRefusal(
                "portal \(portal.nodeName): no interface of this host has that address; addresses here: "
                    + here.joined(separator: ", "))
        }
        if port == 3260 { self.messages.append("Using default IP port 3260") }
        if address == "0.0.0.0" { self.messages.append("Binding to INADDR_ANY (0.0.0.0)") }
        self.configuration[index].portals.append(portal)
        self.messages.append("Created network portal \(portal.nodeName).")
        self.created = portal.nodeName
    }

    private mutating func createMapping(
        in index: GroupIndex, _ acl: Int, _ arguments: inout TreeArguments
    ) throws(TreeRefusal) {
        let number = try Self.number(arguments.required("mapped_lun"), after: "mapped_lun")
        let source = try arguments.required("tpg_lun_or_backstore")
        let isProtected = try arguments.flag("write_protect")
        guard !self.configuration[index].nodeACLs[acl].mappedLUNs.contains(where: { $0.index == number }) else {
            throw TreeRefusal("Mapped LUN \(number) already exists")
        }
        let lun = try self.lun(of: source, in: index)
        if self.configuration[index].nodeACLs[acl].mappedLUNs.contains(where: { $0.tpgLUN == lun }) {
            self.messages.append("Warning: TPG LUN \(lun) already mapped to this NodeACL")
        }
        for member in self.configuration[index].members(with: acl) {
            self.configuration[index].nodeACLs[member].mappedLUNs.append(
                MappedLUN(index: number, tpgLUN: lun, writeProtect: isProtected))
        }
        self.messages.append("Created Mapped LUN \(number).")
        self.created = "mapped_lun\(number)"
    }

    /// The portal group's LUN that `source` names by its number or its backstore, which becomes one where it is none.
    private mutating func lun(of source: String, in index: GroupIndex) throws(TreeRefusal) -> Int {
        let luns = self.configuration[index].luns
        if let number = Int(source.hasPrefix("lun") ? String(source.dropFirst(3)) : source) {
            guard luns.contains(where: { $0.index == number }) else {
                throw TreeRefusal("LUN \(number) does not exist")
            }
            return number
        }
        let path = try self.backstorePath(
            of: source,
            else: "LUN, storage object, or path not valid; write its number, /backstores/block/NAME, or a path")
        if let present = luns.first(where: { $0.storageObject == path }) { return present.index }
        let taken = Set(luns.map(\.index))
        guard let number = (0...Limits.highestLUN).first(where: { !taken.contains($0) }) else {
            throw TreeRefusal("the portal group has no number left for another LUN")
        }
        self.configuration[index].luns.append(LUN(index: number, storageObject: path))
        self.messages.append("Created LUN \(number).")
        return number
    }

    private static func check(_ name: String) throws(TreeRefusal) {
        if let flaw = Naming.flaw(inISCSIName: name) { throw TreeRefusal("WWN not valid as: iqn, naa, eui (\(flaw))") }
    }

    static func number(_ text: String, after prefix: String) throws(TreeRefusal) -> Int {
        guard let number = Int(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.utf8.count)) : text) else {
            throw TreeRefusal("\(text) is not a number")
        }
        return number
    }
}
