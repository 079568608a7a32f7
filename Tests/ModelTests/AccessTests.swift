// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("Who may log in, as LIO's file says it")
struct AccessTests {
    private static let target = "iqn.2023-04.com.example:t"
    private static let node = "iqn.2023-04.com.example:n"

    /// A configuration with one target, whose portal groups are the JSON given.
    private static func configuration(_ groups: String..., fabric: String = "") throws -> Configuration {
        let (configuration, problems) = try read(
            """
            {"fabric_modules": [\(fabric)],
             "storage_objects": [{"plugin":"ramdisk","name":"r","size":1048576,"wwn":"s"}],
             "targets": [{"fabric":"iscsi","wwn":"\(Self.target)","tpgs":[\(groups.joined(separator: ","))]}]}
            """)
        #expect(problems.isEmpty)
        return configuration
    }

    private static func group(_ members: String, tag: Int = 1) -> String {
        #"{"tag":\#(tag),"luns":[{"index":0,"storage_object":"/backstores/ramdisk/r"}]\#(members.isEmpty ? "" : ",")\#(members)}"#
    }

    private static func access(_ members: String) throws -> ServedAccess {
        let deployment = try Self.configuration(Self.group(members)).expanded(in: surroundings).deployment
        return try #require(deployment.targets[Self.target]?.groups.first).access
    }

    private static let credentials =
        #""chap_userid":"u","chap_password":"initiator secret","chap_mutual_userid":"t","chap_mutual_password":"target secret""#

    private static func chap(_ user: String = "u", algorithms: [Int] = ServedCHAP.allAlgorithms) throws -> ServedCHAP {
        ServedCHAP(
            user: try #require(CHAPAccount(name: user, secret: "initiator secret")),
            target: CHAPAccount(name: "t", secret: "target secret"), algorithms: algorithms)
    }

    private static func acl(_ members: String = "") -> String {
        #""node_acls":[{"node_wwn":"\#(Self.node)","mapped_luns":[]\#(members.isEmpty ? "" : ",")\#(members)}]"#
    }

    // MARK: - Credentials

    @Test func `what is shown in the place of a secret is no secret`() {
        let acl = NodeACL(
            nodeWWN: "iqn.2026-11.org.example:n", chapUserID: "user", chapPassword: JSONValue.hiddenSecret)
        let configuration = Configuration(
            targets: [Target(wwn: "iqn.2026-11.org.example:t", portalGroups: [PortalGroup(nodeACLs: [acl])])])
        let errors = configuration.validate(in: surroundings).filter { $0.severity == .error }
        #expect(errors.map(\.path) == ["targets[0].tpgs[0].node_acls[0].chap_password"])
        #expect(errors.first?.remedy.contains("apus config show --secrets") == true)
    }

    @Test func `an ACL has its own credentials, and they count where authentication is required`() throws {
        func authentication(_ attributes: String, _ acl: String) throws -> ServedAuthentication? {
            try Self.access(#""attributes":{\#(attributes)},\#(Self.acl(acl))"#).lists[Self.node]?.authentication
        }
        let required = #""authentication":1"#
        #expect(try authentication(required, Self.credentials) == .required(Self.chap()))
        #expect(try authentication("", Self.credentials) == .optional(Self.chap()))
        #expect(try authentication("", "") == ServedAuthentication.none)
        #expect(
            try authentication("", #""attributes":{"authentication":1},"# + Self.credentials) == .required(Self.chap()))
        #expect(
            try authentication(required, #""attributes":{"authentication":0},"# + Self.credentials)
                == .optional(Self.chap()))
        #expect(
            try authentication(required, #""attributes":{"authentication":-1},"# + Self.credentials)
                == .required(Self.chap()))
        #expect(
            try authentication(required + #","chap_algorithms":"5,7""#, Self.credentials)
                == .required(Self.chap(algorithms: [5, 7])))
        guard case .impossible = try authentication(required, "") else {
            Issue.record("an ACL without credentials lets in who cannot prove anything")
            return
        }
    }

    @Test func `the group's credentials are demo mode's, not those of ACLs outside it`() throws {
        let group = #""attributes":{"authentication":1,"generate_node_acls":1},"# + Self.credentials
        let demo = try Self.access(group + "," + Self.acl())
        #expect(try demo.demoMode?.authentication == .required(Self.chap()))
        #expect(try demo.lists[Self.node]?.authentication == .required(Self.chap()))
        let closed = try Self.access(#""attributes":{"authentication":1},"# + Self.credentials + "," + Self.acl())
        #expect(closed.demoMode == nil)
        guard case .impossible = closed.lists[Self.node]?.authentication else {
            Issue.record("the group's secret lets an ACL in")
            return
        }
    }

    @Test func `an AuthMethod without None requires authentication too`() throws {
        for (methods, isRequired) in [("CHAP", true), ("CHAP,None", false), ("None", false), ("", false)] {
            let access = try Self.access(
                #""parameters":{"AuthMethod":"\#(methods)"},"attributes":{"generate_node_acls":1},"# + Self.credentials)
            #expect(
                try access.demoMode?.authentication
                    == (isRequired ? .required(Self.chap()) : .optional(Self.chap())), "\(methods)")
        }
    }

    @Test func `discovery's credentials stand with the fabric`() throws {
        func discovery(_ members: String) throws -> ServedAuthentication {
            try Self.configuration(fabric: #"{"name":"iscsi",\#(members)}"#).expanded(in: surroundings).deployment
                .discovery
        }
        let credentials = Self.credentials.replacing("chap_", with: "discovery_")
        #expect(try discovery(#""discovery_enable_auth":true,"# + credentials) == .required(Self.chap()))
        #expect(try discovery(#""discovery_enable_auth":false,"# + credentials) == ServedAuthentication.none)
        guard case .impossible = try discovery(#""discovery_enable_auth":true"#) else {
            Issue.record("discovery needs a proof that nobody can give, and lets everybody in")
            return
        }
        let step = Step.setDiscovery(.required(try Self.chap()))
        #expect(!"\(step) \(String(reflecting: step))".contains("secret "))
    }

    @Test func `no description or dump of what is served shows a secret`() throws {
        let deployment = try Self.configuration(
            Self.group(#""attributes":{"authentication":1},"# + Self.acl(Self.credentials))
        ).expanded(in: surroundings).deployment
        var dumped = ""
        dump(deployment, to: &dumped)
        for text in [dumped, "\(deployment)", String(reflecting: deployment)] {
            #expect(!text.contains("initiator secret") && !text.contains("target secret"))
        }
        #expect(dumped.contains("\"u\""))
    }

    // MARK: - LUNs, networks, demo mode

    @Test func `mapped LUNs have numbers and protection of their own`() throws {
        func mappings(_ attributes: String) throws -> [UInt16: ServedAccess.Mapping]? {
            try Self.access(
                #""attributes":{\#(attributes)},"node_acls":[{"node_wwn":"\#(Self.node)","mapped_luns":["#
                    + #"{"index":7,"tpg_lun":0},{"index":9,"tpg_lun":0,"write_protect":true}]}]"#
            ).lists[Self.node]?.mappings
        }
        let plain = try #require(try mappings(""))
        #expect(plain[7]?.groupLUN == 0 && plain[7]?.isWriteProtected == false)
        #expect(plain[9]?.groupLUN == 0 && plain[9]?.isWriteProtected == true && plain.count == 2)
        #expect(try mappings(#""prod_mode_write_protect":1"#)?[7]?.isWriteProtected == true)
    }

    @Test func `demo mode protects LUNs unless it is told not to`() throws {
        let demo = #""generate_node_acls":1"#
        #expect(try Self.access("").demoMode == nil)
        #expect(try Self.access(#""attributes":{\#(demo)}"#).demoMode?.isWriteProtected == true)
        let open = try Self.access(
            #""attributes":{\#(demo),"demo_mode_write_protect":0,"demo_mode_discovery":0,"cache_dynamic_acls":1}"#)
        #expect(open.demoMode?.isWriteProtected == false && open.demoMode?.isDiscoverable == false)
        #expect(open.remembersInitiators)
    }

    @Test func `networks of groups and ACLs`() throws {
        let access = try Self.access(
            #""attributes":{"allowed_networks":"10.0.0.0/8, fd00::/8"},"#
                + Self.acl(#""attributes":{"allowed_networks":"10.0.0.7"}"#))
        #expect(access.networks.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(access.lists[Self.node]?.networks.map(\.description) == ["10.0.0.7/32"])
    }

    @Test(arguments: [
        ("10.0.0.9", "10.0.0.9"), ("10.0.0.9:3261", "10.0.0.9:3261"), ("fd00::9", "[fd00::9]"),
        ("[fd00::9]:3261", "[fd00::9]:3261"), ("10.0.0.9:3260,2", "10.0.0.9:3260,2"), ("10.0.0.9,2", "10.0.0.9,2"),
    ])
    func `where initiators are sent`(text: String, address: String) throws {
        let deployment = try Self.configuration(
            Self.group(#""attributes":{"redirect_address":"\#(text)","redirect_permanently":1}"#)
        ).expanded(in: surroundings).deployment
        let redirection = try #require(deployment.targets[Self.target]?.groups.first?.redirection)
        #expect(redirection.address == address && redirection.isPermanent)
    }

    // MARK: - Several portal groups

    @Test func `portal groups have portals, LUNs and ACLs of their own`() throws {
        let configuration = try Self.configuration(
            Self.group(#""portals":[{"ip_address":"10.0.0.1","port":3260}],"# + Self.acl()),
            Self.group(#""portals":[{"ip_address":"::","port":3261}]"#, tag: 7),
            Self.group(#""enable":false,"portals":[{"ip_address":"10.0.0.3","port":3262}]"#, tag: 8))
        let expanded = configuration.expanded(in: surroundings)
        let (deployment, problems) = (expanded.deployment, expanded.problems)
        #expect(problems.isEmpty)
        let groups = try #require(deployment.targets[Self.target]?.groups)
        #expect(groups.map(\.tag) == [1, 7])
        #expect(
            groups.map { $0.portals?.map(\.description).sorted() } == [
                ["10.0.0.1:3260"], ["0.0.0.0:3261", "[::]:3261"],
            ])
        #expect(deployment.portals.map(\.description).sorted() == ["0.0.0.0:3261", "10.0.0.1:3260", "[::]:3261"])
        #expect(deployment.targets[Self.target]?.backstores == ["/backstores/ramdisk/r"])
    }

    @Test func `one portal in two groups of a target is an error`() throws {
        let portal = #""portals":[{"ip_address":"10.0.0.1","port":3260}]"#
        let problems = try Self.configuration(Self.group(portal), Self.group(portal, tag: 2)).validate()
        #expect(problems.map(\.path) == ["targets[0].tpgs[1].portals[0]"])
    }

    @Test func `an entry with an error is left out, and the rest is served`() throws {
        let expanded = try Self.configuration(
            Self.group(
                #""node_acls":[{"node_wwn":"bad","mapped_luns":[]},{"node_wwn":"\#(Self.node)","mapped_luns":["#
                    + #"{"index":0,"tpg_lun":0},{"index":1,"tpg_lun":5}]}]"#),
            Self.group(#""attributes":{"allowed_networks":"anywhere"}"#, tag: 2)
        ).expanded(in: surroundings)
        let (deployment, problems) = (expanded.deployment, expanded.problems)
        #expect(problems.filter { $0.severity == .error }.count == 3)
        let groups = try #require(deployment.targets[Self.target]?.groups)
        #expect(groups.map(\.tag) == [1])
        #expect(groups.first?.access.lists.keys.sorted() == [Self.node])
        #expect(groups.first?.access.lists[Self.node]?.mappings?.keys.sorted() == [0])
    }

    // MARK: - Flaws

    struct AccessFlaw: Sendable, CustomTestStringConvertible {
        var path: String
        var group: String
        var words: String
        var severity: Problem.Severity = .error
        var testDescription: String { "\(self.path) \(self.words)" }
    }

    @Test(arguments: [
        AccessFlaw(
            path: "targets[0].tpgs[0].attributes.allowed_networks",
            group: #""attributes":{"allowed_networks":"10.0.0.0/33"}"#, words: "no list of networks"),
        AccessFlaw(
            path: "targets[0].tpgs[0].attributes.chap_algorithms",
            group: #""attributes":{"chap_algorithms":"9"}"#, words: "no list of CHAP"),
        AccessFlaw(
            path: "targets[0].tpgs[0].attributes.chap_algorithms",
            group: #""attributes":{"chap_algorithms":"5,5"}"#, words: "no list of CHAP"),
        AccessFlaw(
            path: "targets[0].tpgs[0].attributes.redirect_address",
            group: #""attributes":{"redirect_address":"host.example"}"#, words: "no address"),
        AccessFlaw(
            path: "targets[0].tpgs[0].chap_userid",
            group: #""attributes":{"generate_node_acls":1,"authentication":1}"#, words: "nothing is set",
            severity: .warning),
        AccessFlaw(
            path: "targets[0].tpgs[0].chap_password",
            group: #""chap_userid":"u","chap_password":"short""#, words: "guessed", severity: .warning),
        AccessFlaw(
            path: "targets[0].tpgs[0].chap_mutual_password",
            group:
                #""chap_userid":"u","chap_password":"0123456789ab","chap_mutual_userid":"t","chap_mutual_password":"0123456789ab""#,
            words: "same secret"),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].chap_userid",
            group:
                #""attributes":{"authentication":1},"node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","mapped_luns":[]}]"#,
            words: "nothing is set", severity: .warning),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].chap_userid",
            group:
                #""node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","attributes":{"authentication":1},"mapped_luns":[]}]"#,
            words: "nothing is set", severity: .warning),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].attributes.allowed_networks",
            group:
                #""node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","attributes":{"allowed_networks":"x"},"mapped_luns":[]}]"#,
            words: "no list of networks"),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].chap_mutual_password",
            group:
                #""node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","chap_userid":"u","chap_password":"0123456789ab","chap_mutual_userid":"t","chap_mutual_password":"0123456789ab","mapped_luns":[]}]"#,
            words: "same secret"),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].mapped_luns[1].index",
            group:
                #""luns":[{"index":0,"storage_object":"/backstores/ramdisk/r"}],"node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","mapped_luns":[{"index":4,"tpg_lun":0},{"index":4,"tpg_lun":0}]}]"#,
            words: "another LUN"),
        AccessFlaw(
            path: "targets[0].tpgs[0].node_acls[0].mapped_luns[0].index",
            group:
                #""luns":[{"index":0,"storage_object":"/backstores/ramdisk/r"}],"node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","mapped_luns":[{"index":16384,"tpg_lun":0}]}]"#,
            words: "not a LUN"),
    ])
    func `each flaw is named by its path, cause and remedy`(flaw: AccessFlaw) throws {
        let problems = try Self.configuration("{\"tag\":1," + flaw.group + "}").validate()
        #expect(problems.map(\.path) == [flaw.path])
        #expect(problems.first?.severity == flaw.severity)
        #expect(problems.first.map { "\($0)".contains(flaw.words) } == true, "\(problems)")
        for secret in ["0123456789ab", "short\""] { #expect(!"\(problems)".contains(secret)) }
    }

    @Test func `discovery without credentials is warned of`() throws {
        let problems = try Self.configuration(fabric: #"{"name":"iscsi","discovery_enable_auth":true}"#).validate()
        #expect(problems.map(\.path) == ["fabric_modules.discovery_userid"])
    }
}

@Suite("Networks")
struct NetworkTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.0.0.0/8"), ("10.0.0.1", "10.0.0.1/32"), ("fd00::/8", "fd00::/8"), ("::1", "::1/128"),
        ("[fd00::]/16", "fd00::/16"), ("0.0.0.0/0", "0.0.0.0/0"),
    ])
    func `good ones`(text: String, canonical: String) {
        #expect(IPNetwork(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "fd00::/129", "a/8", "10.0.0.0/8/8",
    ])
    func `bad ones`(text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test func `lists of them`() {
        #expect(IPNetwork.list("10.0.0.0/8,fd00::/8 10.9.9.9")?.count == 3)
        #expect(IPNetwork.list("") == [])
        #expect(IPNetwork.list("10.0.0.0/8,x") == nil)
    }
}
