// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@Suite("Validation")
struct ValidationTests {
    static let good = """
        {"boot": {"services": {"address": "10.77.0.1", "interface": "br0", "dhcp": "proxy"},
          "clients": [{"name": "pc1", "mac": "52:54:00:00:00:01", "image": "lab"}]},
         "storage_objects": [{"plugin": "ramdisk", "name": "r", "size": 1048576}],
         "targets": [{"fabric": "iscsi", "wwn": "iqn.2023-04.com.example:t", "tpgs": [{"tag": 1,
           "luns": [{"index": 0, "storage_object": "/backstores/ramdisk/r"}],
           "node_acls": [{"node_wwn": "iqn.2023-04.com.example:n", "mapped_luns": []}],
           "portals": [{"ip_address": "0.0.0.0", "port": 3260}]}]}]}
        """

    @Test func `a good configuration has no problem`() throws {
        let (configuration, problems) = try read(Self.good)
        #expect(problems.isEmpty)
        #expect(configuration.validate(in: surroundings).isEmpty)
    }

    struct Flaw: Sendable, CustomTestStringConvertible {
        var path: String
        var patch: String
        var words: String
        var severity: Problem.Severity = .error
        var testDescription: String { self.path + " " + self.words }
    }

    @Test(arguments: [
        Flaw(
            path: "boot.clients[0].mac",
            patch: #"{"boot":{"clients":[{"name":"a","mac":"52:54:00:00:01","image":"lab"}]}}"#, words: "Ethernet"),
        Flaw(
            path: "boot.clients[0].mac",
            patch: #"{"boot":{"clients":[{"name":"a","mac":"01:00:5e:00:00:01","image":"lab"}]}}"#, words: "Ethernet"),
        Flaw(
            path: "boot.clients[1].mac",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:0A","image":"lab"},
                {"name":"b","mac":"52-54-00-00-00-0a","image":"lab"}]}}
                """, words: "already what a is known by"),
        Flaw(
            path: "boot.clients[1].name",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","image":"lab"},
                {"name":"a","mac":"52:54:00:00:00:02","image":"lab"}]}}
                """, words: "already the machine"),
        Flaw(
            path: "boot.clients[0].name",
            patch: #"{"boot":{"clients":[{"name":"../a","mac":"52:54:00:00:00:01","image":"lab"}]}}"#, words: "letters"),
        Flaw(
            path: "boot.clients[0].image",
            patch: #"{"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","image":"lub"}]}}"#,
            words: "no image lub"),
        Flaw(
            path: "boot.clients[0].method",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","disk":"/d.img","method":"kernel"}]}}
                """, words: "brings no kernel"),
        Flaw(
            path: "boot.clients[1].disk",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","disk":"/d.img"},
                {"name":"b","mac":"52:54:00:00:00:02","disk":"/d.img"}]}}
                """, words: "already used at boot.clients[0].disk"),
        Flaw(
            path: "boot.clients[0].size",
            patch: #"{"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","image":"lab","size":1048576}]}}"#,
            words: "less than the image"),
        Flaw(
            path: "boot.clients[0].target_name",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","image":"lab",
                "target_name":"iqn.2023-04.com.example:t"}]}}
                """, words: "already the target at targets[0].wwn"),
        Flaw(
            path: "boot.clients[0].initiator_name",
            patch: """
                {"boot":{"clients":[{"name":"a","mac":"52:54:00:00:00:01","image":"lab",
                "initiator_name":"iqn.2023-04.Com.example:t"}]}}
                """, words: "capital letter C"),
        Flaw(path: "boot.services", patch: #"{"boot":{"services":null}}"#, words: "nobody", severity: .warning),
        Flaw(path: "boot.services.address", patch: #"{"boot":{"services":{"address":"fd00::1"}}}"#, words: "IPv4"),
        Flaw(
            path: "boot.services.interface", patch: #"{"boot":{"services":{"interface":"a/b"}}}"#, words: "interface"),
        Flaw(path: "boot.services.tftp_port", patch: #"{"boot":{"services":{"tftp_port":0}}}"#, words: "TCP port"),
        Flaw(path: "boot.services.http_port", patch: #"{"boot":{"services":{"http_port":3260}}}"#, words: "share"),
        Flaw(
            path: "boot.services.range.last",
            patch: #"{"boot":{"services":{"dhcp":"range","range":{"first":"10.77.0.9","last":"10.77.0.5"}}}}"#,
            words: "swap"),
        Flaw(
            path: "boot.services.range.first",
            patch: #"{"boot":{"services":{"dhcp":"range","range":{"first":"10.76.0.9","last":"10.77.0.15"}}}}"#,
            words: "not in the network"),
        Flaw(
            path: "boot.services.range",
            patch: #"{"boot":{"services":{"dhcp":"range","range":{"first":"10.77.0.1","last":"10.77.0.15"}}}}"#,
            words: "own address"),
        Flaw(
            path: "storage_objects[0].size",
            patch: #"{"storage_objects":[{"plugin":"ramdisk","name":"r","size":1000}]}"#, words: "512"),
        Flaw(
            path: "storage_objects[0].dev",
            patch: #"{"storage_objects":[{"plugin":"fileio","name":"r","dev":"x"}],"targets":[]}"#, words: "absolute"),
        Flaw(
            path: "storage_objects[1].name",
            patch: """
                {"storage_objects":[{"plugin":"ramdisk","name":"r","size":1048576},
                {"plugin":"ramdisk","name":"r","size":1048576}]}
                """, words: "exists already"),
        Flaw(
            path: "storage_objects[1]",
            patch: """
                {"storage_objects":[{"plugin":"fileio","name":"r","dev":"/x"},{"plugin":"block","name":"s","dev":"/x"}],
                "targets":[]}
                """, words: "already used"),
        Flaw(
            path: "storage_objects[0].plugin",
            patch: #"{"storage_objects":[{"plugin":"user","name":"r"}],"targets":[]}"#,
            words: "not served", severity: .warning),
        Flaw(
            path: "targets[0].wwn", patch: #"{"targets":[{"fabric":"iscsi","wwn":"iqn.2023.com:t","tpgs":[]}]}"#,
            words: "year and a month"),
        Flaw(
            path: "targets[0].fabric", patch: #"{"targets":[{"fabric":"loopback","wwn":"naa.1","tpgs":[]}]}"#,
            words: "not served", severity: .warning),
        Flaw(
            path: "targets[0].tpgs[0].luns[0].storage_object",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "luns":[{"index":0,"storage_object":"/backstores/block/no"}]}]}]}
                """, words: "no backstore"),
        Flaw(
            path: "targets[0].tpgs[0].portals[1]",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "portals":[{"ip_address":"0.0.0.0","port":3260},{"ip_address":"10.0.0.1","port":3260}]}]}]}
                """, words: "overlaps"),
        Flaw(
            path: "targets[0].tpgs[0].portals[0].ip_address",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "portals":[{"ip_address":"host.example","port":3260}]}]}]}
                """, words: "numeric"),
        Flaw(
            path: "targets[0].tpgs[0].portals[0].ip_address",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "portals":[{"ip_address":"fe80::1","port":3260}]}]}]}
                """, words: "name the one that is meant: fe80::1%eth0"),
        Flaw(
            path: "targets[0].tpgs[0].portals[0].ip_address",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "portals":[{"ip_address":"fd00::1%eth0","port":3260}]}]}]}
                """, words: "numeric"),
        Flaw(
            path: "targets[0].tpgs[0].node_acls[0].mapped_luns[0].tpg_lun",
            patch: """
                {"targets":[{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,
                "node_acls":[{"node_wwn":"iqn.2023-04.com.example:n","mapped_luns":[{"index":0,"tpg_lun":3}]}]}]}]}
                """, words: "no LUN 3"),
        Flaw(
            path: "boot.clients[0].method", patch: Self.oneClient(#""image":"lab","secure_boot":true"#),
            words: "runs iPXE, which Secure Boot refuses"),
        Flaw(
            path: "boot.clients[0].method",
            patch: Self.oneClient(#""image":"lab","method":"http","secure_boot":true"#), words: "kernel or firmware"),
        Flaw(
            path: "boot.clients[0].method", patch: Self.oneClient(#""disk":"/srv/d.img","method":"http""#),
            words: "sanboot or firmware"),
        Flaw(
            path: "boot.clients[0].address",
            patch: Self.oneClient(#""image":"lab","address":"10.78.0.9""#, dhcp: range),
            words: "none of the networks"),
        Flaw(
            path: "boot.clients[0].address",
            patch: Self.oneClient(#""image":"lab","address":"10.77.0.1""#, dhcp: range),
            words: "services' own"),
        Flaw(
            path: "boot.clients[0].address", patch: Self.oneClient(#""image":"lab","address":"pc1""#, dhcp: range),
            words: "not an IPv4 address"),
        Flaw(
            path: "boot.clients[0].address", patch: Self.oneClient(#""image":"lab","address":"10.77.0.9""#),
            words: "gives out no addresses", severity: .warning),
        Flaw(
            path: "boot.services.tftp_transfer_ports",
            patch: Self.oneClient(#""image":"lab""#, dhcp: range + #","tftp_transfer_ports":"80-90""#),
            words: "above 1023"),
        Flaw(
            path: "boot.services.range.options[0]",
            patch: Self.oneClient(
                #""image":"lab""#, dhcp: range.replacing("}", with: #","options":["53=1","6=10.0.0.53"]}"#)),
            words: "53=1 is not"),
        Flaw(
            path: "boot.services.relayed_ranges[0].last",
            patch: Self.oneClient(
                #""image":"lab""#,
                dhcp: range + #","relayed_ranges":[{"first":"10.9.0.5","last":"10.8.0.9","router":"10.9.0.1"}]"#),
            words: "not in the network"),
        Flaw(
            path: "boot.services.relayed_ranges[0].router",
            patch: Self.oneClient(
                #""image":"lab""#, dhcp: range + #","relayed_ranges":[{"first":"10.9.0.5","last":"10.9.0.9"}]"#),
            words: "no router", severity: .warning),
    ])
    func `each flaw is named by its path, cause and remedy`(flaw: Flaw) throws {
        let document = try json(Self.good).merging(json(flaw.patch))
        let (configuration, unreadable) = Configuration.read(document)
        #expect(unreadable.isEmpty)
        let problems = configuration.validate(in: surroundings)
        #expect(problems.map(\.path) == [flaw.path])
        #expect(problems.first?.severity == flaw.severity)
        #expect(problems.first.map { "\($0)".contains(flaw.words) } == true, "\(problems)")
        #expect(problems.first?.remedy.isEmpty == false)
    }

    private static let range = #""dhcp":"range","range":{"first":"10.77.0.50","last":"10.77.0.99"}"#

    /// A document's part with boot services and one machine that has these members besides its name.
    private static func oneClient(_ members: String, dhcp: String = #""dhcp":"off""#) -> String {
        """
        {"boot":{"services":{"address":"10.77.0.1","interface":"eth0",\(dhcp)},
        "clients":[{"name":"pc1","mac":"52:54:00:00:00:01",\(members)}]}}
        """
    }

    @Test func `all problems are reported at once`() throws {
        let (configuration, _) = try read(
            """
            {"boot": {"services": {"address": "x", "interface": "", "dhcp": "off", "http_port": 99999},
              "clients": [{"name": "A", "mac": "zz", "image": "nope"}]}}
            """)
        #expect(
            configuration.validate(in: surroundings).map(\.path) == [
                "boot.services.interface", "boot.services.http_port", "boot.services.address",
                "boot.clients[0].name", "boot.clients[0].mac", "boot.clients[0].image",
            ])
    }

    @Test(arguments: [
        ("iqn.2023-04.com.example:server", true), ("iqn.2023-04.com.example", true), ("iqn.2023-13.com.example", false),
        ("iqn.2023-04.com.example:A", false), ("iqn.2023-04..x", false), ("eui.02004567A425678D", true),
        ("eui.0200", false), ("naa.52004567BA64678D", true), ("disk1", false),
        ("iqn.2023-04.com.example:" + String(repeating: "x", count: 200), false), ("iqn.2023-04.de.bücher:ß", true),
        ("iqn.2023-04.com.example:a b", false), ("iqn.2023-04.com.example:a_b", false),
    ])
    func `iSCSI names are those of RFC 7143`(name: String, isGood: Bool) {
        #expect((Naming.flaw(inISCSIName: name) == nil) == isGood)
    }
}

@Suite("Numeric addresses")
struct AddressTests {
    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("[::0]", "::"), ("::1", "::1"),
        ("fd00:0:0:0:0:0:0:1", "fd00::1"), ("[2001:db8::a:0:0:1]", "2001:db8::a:0:0:1"),
        ("::ffff:10.0.0.1", "::ffff:a00:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1::", "1::"),
    ])
    func `good ones are read and written canonically`(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::", "g::",
        "1:2:3:4:5:6:7:8:9", "[::1", "1:2:3:4:5:6:7:8::", "example.org", "+1.0.0.0",
    ])
    func `bad ones are refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("52:54:00:12:34:56", "52:54:00:12:34:56"), ("52-54-00-AB-CD-EF", "52:54:00:ab:cd:ef"),
        ("525400abcdef", "52:54:00:ab:cd:ef"), ("52:54:00:12:34", nil), ("52:54:00:12:34:5g", nil),
        ("52:54:00:12:34:567", nil), ("", nil),
    ])
    func `MAC addresses are read in their usual spellings`(text: String, canonical: String?) {
        #expect(MACText.canonical(text) == canonical)
    }

    @Test func `a wildcard covers the addresses behind it`() throws {
        func portal(_ text: String, _ port: UInt16 = 3260) throws -> PortalAddress {
            PortalAddress(address: try #require(IPAddress(text)), port: port)
        }
        #expect(try portal("0.0.0.0").covers(portal("10.0.0.1")))
        #expect(try portal("::").covers(portal("fd00::1")))
        #expect(try !portal("::").covers(portal("0.0.0.0")))
        #expect(try !portal("0.0.0.0").covers(portal("::1")))
        #expect(try !portal("10.0.0.1").covers(portal("0.0.0.0")))
        #expect(try !portal("0.0.0.0", 3261).covers(portal("10.0.0.1")))
    }
}

@Suite("DHCP options as users write them")
struct DHCPOptionSettingTests {
    @Test(
        arguments: [
            ("6=10.0.0.53", 6, [10, 0, 0, 53]), ("42=10.0.0.1,10.0.0.2", 42, [10, 0, 0, 1, 10, 0, 0, 2]),
            ("15=lab", 15, [0x6c, 0x61, 0x62]), ("224=0x0aFF", 224, [0x0a, 0xff]), ("15=a=b", 15, [0x61, 0x3d, 0x62]),
        ] as [(String, UInt8, [UInt8])])
    func `addresses, bytes and text are told apart`(_ text: String, _ code: UInt8, _ value: [UInt8]) throws {
        let setting = try #require(DHCPOptionSetting(text))
        #expect(setting.code == code && setting.value == value)
    }

    @Test(arguments: ["", "6", "6=", "=x", "256=x", "-1=x", "53=1", "82=x", "6=0x", "6=0x1", "224=0xzz"])
    func `what is none, or is ours to set, is refused`(_ text: String) {
        #expect(DHCPOptionSetting(text) == nil)
    }
}
