// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Shell
import Testing

@Suite("What a user of targetcli types")
struct TranscriptTests {
    @Test func `a disk is made a target, as the document of the field shows it`() async throws {
        let shown = try await transcript([
            "cd backstores/block",
            "create dev=/dev/sda name=sda",
            "cd /iscsi",
            "create wwn=iqn.2023-04.com.example:server",
            "cd iqn.2023-04.com.example:server/tpg1/acls",
            "create wwn=iqn.2023-04.com.example:node",
            "cd /iscsi/iqn.2023-04.com.example:server/tpg1/luns",
            "create /backstores/block/sda",
            "cd /",
            "ls",
            "exit",
        ])
        #expect(
            shown == """
                /> cd backstores/block
                /backstores/block> create dev=/dev/sda name=sda
                Created block storage object sda using /dev/sda.
                /backstores/block> cd /iscsi
                /iscsi> create wwn=iqn.2023-04.com.example:server
                Created target iqn.2023-04.com.example:server.
                Created TPG 1.
                Global pref auto_add_default_portal=true
                Created default portal listening on all IPs (0.0.0.0), port 3260.
                /iscsi> cd iqn.2023-04.com.example:server/tpg1/acls
                /iscsi/iqn.20...ver/tpg1/acls> create wwn=iqn.2023-04.com.example:node
                Created Node ACL for iqn.2023-04.com.example:node
                /iscsi/iqn.20...ver/tpg1/acls> cd /iscsi/iqn.2023-04.com.example:server/tpg1/luns
                /iscsi/iqn.20...ver/tpg1/luns> create /backstores/block/sda
                Created LUN 0.
                Created LUN 0->0 mapping in node ACL iqn.2023-04.com.example:node
                /iscsi/iqn.20...ver/tpg1/luns> cd /
                /> ls
                o- / ..................................................................... [...]
                  o- backstores .......................................................... [...]
                  | o- block .............................................. [Storage Objects: 1]
                  | | o- sda .......................... [/dev/sda (1.0GiB) write-thru activated]
                  | |   o- alua ............................................... [ALUA Groups: 1]
                  | |     o- default_tg_pt_gp ................... [ALUA state: Active/optimized]
                  | o- fileio ............................................. [Storage Objects: 0]
                  | o- pscsi .............................................. [Storage Objects: 0]
                  | o- ramdisk ............................................ [Storage Objects: 0]
                  o- iscsi ........................................................ [Targets: 1]
                    o- iqn.2023-04.com.example:server ................................ [TPGs: 1]
                      o- tpg1 ........................................... [no-gen-acls, no-auth]
                        o- acls ...................................................... [ACLs: 1]
                        | o- iqn.2023-04.com.example:node ..................... [Mapped LUNs: 1]
                        |   o- mapped_lun0 ............................... [lun0 block/sda (rw)]
                        o- luns ...................................................... [LUNs: 1]
                        | o- lun0 .................... [block/sda (/dev/sda) (default_tg_pt_gp)]
                        o- portals ................................................ [Portals: 1]
                          o- 0.0.0.0:3260 ................................................. [OK]
                /> exit
                Global pref auto_save_on_exit=true
                Last 100 configs saved in /etc/apus/saveconfig.json.history/.
                Configuration saved to /etc/apus/saveconfig.json

                """)
    }

    @Test func `deleting is the way back`() async throws {
        let shown = try await transcript([
            "/backstores/ramdisk create r1 16M",
            "/backstores/fileio create f1 /f1.img 64M write_back=false",
            "/iscsi create iqn.2023-04.com.example:t",
            "cd /iscsi/iqn.2023-04.com.example:t/tpg1",
            "acls create iqn.2023-04.com.example:n",
            "luns create /backstores/ramdisk/r1",
            "luns create ../../../backstores/fileio/f1 lun=7",
            "acls/iqn.2023-04.com.example:n delete 0",
            "acls/iqn.2023-04.com.example:n create 3 0 write_protect=true",
            "portals delete 0.0.0.0 3260",
            "portals create ::1 3261",
            "disable",
            "disable",
            "ls / 3",
            "luns delete lun7",
            "/backstores/ramdisk delete r1",
            "ls",
            "acls delete iqn.2023-04.com.example:n",
            "/iscsi delete iqn.2023-04.com.example:t",
            "pwd",
        ])
        #expect(
            shown.split(separator: "\n").filter { !$0.contains("> ") }.joined(separator: "\n") == """
                Created ramdisk r1 with size 16M.
                Created fileio f1 with size 67108864
                Created target iqn.2023-04.com.example:t.
                Created TPG 1.
                Global pref auto_add_default_portal=true
                Created default portal listening on all IPs (0.0.0.0), port 3260.
                Created Node ACL for iqn.2023-04.com.example:n
                Created LUN 0.
                Created LUN 0->0 mapping in node ACL iqn.2023-04.com.example:n
                Created LUN 7.
                Created LUN 7->7 mapping in node ACL iqn.2023-04.com.example:n
                Deleted Mapped LUN 0.
                Created Mapped LUN 3.
                Deleted network portal 0.0.0.0:3260
                Created network portal [::1]:3261.
                The TPGT has been disabled.
                The TPGT is already disabled.
                o- / ..................................................................... [...]
                  o- backstores .......................................................... [...]
                  | o- block .............................................. [Storage Objects: 0]
                  | o- fileio ............................................. [Storage Objects: 1]
                  | | o- f1 ........................... [/f1.img (64.0MiB) write-thru activated]
                  | o- pscsi .............................................. [Storage Objects: 0]
                  | o- ramdisk ............................................ [Storage Objects: 1]
                  |   o- r1 .............................................. [(16.0MiB) activated]
                  o- iscsi ........................................................ [Targets: 1]
                    o- iqn.2023-04.com.example:t ..................................... [TPGs: 1]
                      o- tpg1 ....................................................... [disabled]
                Deleted LUN 7.
                Deleted storage object r1.
                o- tpg1 ............................................................. [disabled]
                  o- acls ............................................................ [ACLs: 1]
                  | o- iqn.2023-04.com.example:n .............................. [Mapped LUNs: 0]
                  o- luns ............................................................ [LUNs: 0]
                  o- portals ...................................................... [Portals: 1]
                    o- [::1]:3261 ......................................................... [OK]
                Deleted Node ACL iqn.2023-04.com.example:n.
                Deleted Target iqn.2023-04.com.example:t.
                /iscsi/iqn.2023-04.com.example:t/tpg1
                """)
    }

    @Test(arguments: [
        ("ls /backstores/nosuch", "No such path /backstores/nosuch; /backstores has block, fileio, pscsi, ramdisk"),
        ("cd nosuch", "No such path /nosuch; / has backstores, iscsi"),
        ("bogus", "Command not found bogus; help lists the verbs"),
        ("/ create x", "Command not found create here; help create tells where it is"),
        (
            "/backstores/block create sda /dev/nosuch",
            "Could not open /dev/nosuch; lsblk lists the host's block devices"
        ),
        ("/backstores/block create sdb", "Missing required parameter dev: create dev=…"),
        (
            "/backstores/block create sda /dev/sda nosuch=1",
            "Unexpected keyword parameter 'nosuch'; help create tells which there are"
        ),
        ("/backstores/fileio create f1 /nosuch", "/nosuch does not exist: give the size of the file to create"),
        ("/backstores/ramdisk create r1 many", "many is not a size: write 10G or 512M"),
        ("/backstores/pscsi create p", "Missing required parameter dev: create dev=…"),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1/portals create 10.0.0.9",
            "portal 10.0.0.9:3260: no interface of this host has that address; addresses here: 10.0.0.1, 127.0.0.1, ::1, fe80::1%eth0"
        ),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1/portals create fe80::1",
            "fe80::1 is an address on each interface: name the one that is meant, fe80::1%eth0"
        ),
        ("/backstores/block delete nosuch", "No storage object named nosuch; ls shows those that there are"),
        ("/iscsi create disk1", "WWN not valid as: iqn, naa, eui (it begins with none of iqn. eui. naa.)"),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1/luns create /backstores/block/no",
            "storage object or path not valid; write /backstores/block/NAME, or the path of a file or device"
        ),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute nosuch=1",
            "Unknown parameter nosuch in group 'attribute'; set attribute lists those that there are"
        ),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1 set colour red=1",
            "Unknown configuration group: colour; set lists those that are here"
        ),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute authentication=yes",
            "Not setting authentication! 'yes' is not 0|1"
        ),
        ("/iscsi/nosuch*/tpg1 enable", "No such path /iscsi/nosuch*/tpg1; /iscsi has iqn.2023-04.com.example:t"),
        ("cd", "cd needs a path here; on a terminal it lets you choose"),
        ("bookmarks add", "bookmarks add: write add NAME, del NAME, go NAME or show"),
        ("sessions all", "action must be one of: list, detail"),
        ("sessions detail 7", "no session found with sid 7; sessions lists those that there are"),
        ("set global prompt_length=wide", "Not setting prompt_length! 'wide' is not a number"),
        (
            "set global auto_save_on_exit=false",
            "Not setting auto_save_on_exit! every change is in the file when the prompt is back"
        ),
        ("clearconfig", "Please add confirm=true parameter to really clear the configuration."),
        ("ls / deep", "deep is not a depth: write a number"),
        ("ls 'x", "the quote ' is never closed"),
        ("cd @home", "No such bookmark home; bookmarks lists those that there are"),
        ("help me", "Cannot find help topic me; help lists the verbs"),
    ])
    func `errors are one line`(line: String, answer: String) async throws {
        let shown = try await transcript(["/iscsi create iqn.2023-04.com.example:t", line])
        #expect(shown.split(separator: "\n").last.map(String.init) == answer)
    }

    @Test func `listings are JSON where that is asked for, as deep as is asked for`() async throws {
        var session = ShellSession(backend: Owner(), version: "1")
        session.isJSON = true
        func shown(_ line: String) async throws -> String { try await session.run(line).text }
        #expect(try await shown("get global prompt_length") == "{\n  \"prompt_length\" : \"30\"\n}\n")
        _ = try await shown("/iscsi create iqn.2023-04.com.example:t")
        let settings = try await shown("/iscsi/iqn.2023-04.com.example:t/tpg1 get attribute authentication")
        #expect(settings == "{\n  \"authentication\" : \"0\"\n}\n")
        _ = try await shown("bookmarks add home")
        #expect(try await shown("bookmarks") == "{\n  \"home\" : \"/\"\n}\n")
        #expect(try await shown("ls / 1").contains("\"backstores\""))
        #expect(try await !shown("ls / 1").contains("\"block\""))
        #expect(try await shown("ls / 2").contains("\"block\""))
        // Of several nodes, one document.
        _ = try await shown("/iscsi create iqn.2023-04.com.example:u")
        let several = try await shown("/iscsi/*/tpg1 get attribute authentication")
        #expect(
            several.filter { $0 == "{" }.count == 3 && several.contains("\"/iscsi/iqn.2023-04.com.example:u/tpg1\" : {")
        )
        #expect(try await shown("ls /iscsi/*/tpg1 0").contains("\"/iscsi/iqn.2023-04.com.example:t/tpg1\" : {"))
        #expect(try await shown("/iscsi info") == "{}\n")
    }

    @Test func `settings are shown, set and kept under LIO's names`() async throws {
        let owner = Owner()
        let shown = try await transcript(
            [
                "/iscsi create iqn.2023-04.com.example:t", "cd /iscsi/iqn.2023-04.com.example:t/tpg1",
                "get attribute login_timeout", "set attribute generate_node_acls=1", "get attribute generate_node_acls",
                "set parameter MaxBurstLength=65536", "get parameter MaxBurstLength", "status",
                "acls create iqn.2023-04.com.example:n", "acls/iqn.2023-04.com.example:n set auth userid=u password=p",
                "acls/iqn.2023-04.com.example:n get auth password", "acls/iqn.2023-04.com.example:n ls", "sessions",
                "get",
            ], owner: owner)
        #expect(
            shown.split(separator: "\n").filter { !$0.contains("> ") }.dropFirst(4).joined(separator: "\n") == """
                login_timeout=15
                Parameter generate_node_acls is now '1'.
                generate_node_acls=1
                Parameter MaxBurstLength is now '65536'.
                MaxBurstLength=65536
                Status for /iscsi/iqn.2023-04.com.example:t/tpg1: gen-acls, no-auth
                Created Node ACL for iqn.2023-04.com.example:n
                Parameter password is now '(hidden)'.
                Parameter userid is now 'u'.
                password=(hidden)
                o- iqn.2023-04.com.example:n ...................... [1-way auth, Mapped LUNs: 0]
                (no open sessions)
                groups here: attribute, auth, parameter, global
                """)
        let group = try #require(await owner.present.targets.first?.portalGroups.first)
        #expect(group.isDemoMode)
        #expect(group.parameters?["MaxBurstLength"] == .string("65536"))
        #expect(group.nodeACLs.first?.chapPassword == "p")
    }

    @Test func `cd knows where one was, and bookmarks`() async throws {
        let shown = try await transcript([
            "cd iscsi", "cd -", "cd -", "bookmarks add here", "cd /backstores", "cd @here", "..", "bookmarks go here",
            "bookmarks show", "bookmarks del here", "pwd # a comment",
        ])
        #expect(shown.hasSuffix("/iscsi> pwd # a comment\n/iscsi\n"))
        #expect(shown.contains("here  /iscsi\n"))
    }
}
