// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Shell
import Testing

@Suite("tag and untag")
struct TagTests {
    private static let acls = "/iscsi/iqn.2023-04.com.example:t/tpg1/acls"

    private static let three = [
        "/backstores/ramdisk create r1 16M", "/backstores/ramdisk create r2 16M",
        "/iscsi create iqn.2023-04.com.example:t", "cd \(acls)", "create iqn.2023-04.com.example:a",
        "create iqn.2023-04.com.example:b", "create iqn.2023-04.com.example:c",
        "../luns create /backstores/ramdisk/r1", "../luns create /backstores/ramdisk/r2",
    ]

    @Test func `initiators under one tag are one node, and are set as one`() async throws {
        let owner = Owner()
        let shown = try await transcript(
            Self.three + [
                "iqn.2023-04.com.example:a set auth userid=u password=secretsecret",
                "iqn.2023-04.com.example:a delete 1",
                "tag iqn.2023-04.com.example:a lab", "ls", "tag iqn.2023-04.com.example:b lab", "ls . 1",
                "lab delete mapped_lun0", "lab create 5 /backstores/ramdisk/r2 write_protect=1",
                "lab set attribute nopin_timeout=3", "lab set auth userid=v", "lab info", "untag lab", "ls . 2",
            ], owner: owner)
        let lines = shown.split(separator: "\n").filter { !$0.contains("> ") }.suffix(39)
        #expect(
            lines.joined(separator: "\n").hasSuffix(
                """
                Parameter password is now '(hidden)'.
                Parameter userid is now 'u'.
                Deleted Mapped LUN 1.
                o- acls .............................................................. [ACLs: 3]
                  o- iqn.2023-04.com.example:b ................................ [Mapped LUNs: 2]
                  | o- mapped_lun0 ...................................... [lun0 ramdisk/r1 (rw)]
                  | o- mapped_lun1 ...................................... [lun1 ramdisk/r2 (rw)]
                  o- iqn.2023-04.com.example:c ................................ [Mapped LUNs: 2]
                  | o- mapped_lun0 ...................................... [lun0 ramdisk/r1 (rw)]
                  | o- mapped_lun1 ...................................... [lun1 ramdisk/r2 (rw)]
                  o- lab ............. [(iqn.2023-04.com.example:a), 1-way auth, Mapped LUNs: 1]
                    o- mapped_lun0 ...................................... [lun0 ramdisk/r1 (rw)]
                o- acls .............................................................. [ACLs: 2]
                  o- iqn.2023-04.com.example:c ................................ [Mapped LUNs: 2]
                  o- lab ............................ [(group of 2), 1-way auth, Mapped LUNs: 1]
                Deleted Mapped LUN 0.
                Created Mapped LUN 5.
                Parameter nopin_timeout is now '3'.
                Parameter userid is now 'v'.
                chap_password: (hidden)
                chap_userid: v
                tag: lab
                wwns:
                iqn.2023-04.com.example:a
                iqn.2023-04.com.example:b
                o- acls .............................................................. [ACLs: 3]
                  o- iqn.2023-04.com.example:a .................... [1-way auth, Mapped LUNs: 1]
                  | o- mapped_lun5 ...................................... [lun1 ramdisk/r2 (ro)]
                  o- iqn.2023-04.com.example:b .................... [1-way auth, Mapped LUNs: 1]
                  | o- mapped_lun5 ...................................... [lun1 ramdisk/r2 (ro)]
                  o- iqn.2023-04.com.example:c ................................ [Mapped LUNs: 2]
                    o- mapped_lun0 ...................................... [lun0 ramdisk/r1 (rw)]
                    o- mapped_lun1 ...................................... [lun1 ramdisk/r2 (rw)]
                """))
        let lists = try #require(await owner.present.targets.first?.portalGroups.first?.nodeACLs)
        #expect(lists.map(\.chapPassword) == ["secretsecret", "secretsecret", nil])
        #expect(lists.map(\.tag) == [nil, nil, nil])
    }

    @Test func `a tag is kept where rtslib keeps it, and goes as a whole`() async throws {
        let owner = Owner()
        _ = try await transcript(
            Self.three + ["tag iqn.2023-04.com.example:a lab", "tag iqn.2023-04.com.example:b lab"], owner: owner)
        let saved = await owner.present.json
        #expect(Configuration.read(saved).configuration == (await owner.present))
        guard case .object(let acl)? = await owner.present.targets.first?.portalGroups.first?.nodeACLs.first?.json
        else {
            Issue.record("an ACL is an object")
            return
        }
        #expect(acl["tag"] == .string("lab"))
        let shown = try await transcript(["\(Self.acls) delete lab", "ls \(Self.acls) 1"], owner: owner)
        #expect(
            shown.contains("Deleted Node ACL iqn.2023-04.com.example:a.\nDeleted Node ACL iqn.2023-04.com.example:b.\n")
        )
        #expect(shown.contains("[ACLs: 1]"))
    }

    @Test(arguments: [
        (
            "tag iqn.2023-04.com.example:a a.b",
            "a.b is no tag: '.' and other characters of names and paths are not permitted in it"
        ),
        (
            "tag iqn.2023-04.com.example:z lab",
            "wwn_or_tag iqn.2023-04.com.example:z not found; ls shows those that there are"
        ),
        ("untag lab", "wwn_or_tag lab not found; ls shows those that there are"),
        ("tag lab", "Missing required parameter new_tag: tag new_tag=…"),
        ("/iscsi tag a b", "Command not found tag here; help tag tells where it is"),
    ])
    func `what makes no sense is one line`(line: String, answer: String) async throws {
        let shown = try await transcript(Self.three + [line])
        #expect(shown.split(separator: "\n").last.map(String.init) == answer)
    }
}
