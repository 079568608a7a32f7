// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Initiator
import Testing

@Suite("iscsi:// URLs")
struct TargetURLTests {
    @Test func `a whole URL`() throws {
        let url = try TargetURL("iscsi://user%sec:r@et%x@disk.example:3261/iqn.2024-01.test:a/7")
        #expect(url.user == "user" && url.secret == "sec:r@et%x")
        #expect(url.host == "disk.example" && url.port == 3_261)
        #expect(url.target == "iqn.2024-01.test:a" && url.lun == 7)
        #expect(url.shown == "iscsi://disk.example:3261/iqn.2024-01.test:a/7")
    }

    @Test func `what is left out has its default`() throws {
        let url = try TargetURL("iscsi://192.0.2.1")
        #expect(url.port == 3_260 && url.target == nil && url.lun == 0 && url.user == nil)
        #expect(try TargetURL("iscsi://192.0.2.1/iqn.a").target == "iqn.a")
        #expect(try TargetURL("iscsi://user@192.0.2.1").secret == nil)
    }

    @Test func `an IPv6 address has brackets`() throws {
        let url = try TargetURL("iscsi://[2001:db8::1]:99/iqn.a/1")
        #expect(url.host == "2001:db8::1" && url.port == 99)
        #expect(url.shown == "iscsi://[2001:db8::1]:99/iqn.a/1")
    }

    @Test(arguments: [
        "http://a/b/0", "iscsi://", "iscsi:///iqn.a/0", "iscsi://a:0/iqn.a/0", "iscsi://a:70000/iqn.a/0",
        "iscsi://a/iqn.a/x", "iscsi://a/iqn.a/-1", "iscsi://a/iqn.a/16384", "iscsi://a/iqn.a/0/1", "iscsi://@a/iqn.a/0",
        "iscsi://%s@a", "iscsi://a:/iqn.a/0",
    ])
    func `what is no such URL is refused`(text: String) {
        #expect(throws: TargetURL.ParseError.self) { try TargetURL(text) }
    }
}
