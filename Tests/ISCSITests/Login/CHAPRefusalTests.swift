// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import Testing

@testable import ISCSI

@Suite("RFC 7143 §9.2.1 and §12.1.3: what CHAP refuses")
struct CHAPRefusalTests {
    private static let names = LoginUnderTest.names
    private static let user = CHAPCredentials(name: "user", secret: CHAPSecret("initiator secret"))
    private static let ourselves = CHAPCredentials(name: "target user", secret: CHAPSecret("target's own secret"))
    /// What both secrets make of our challenge with MD5 (see CHAPTests).
    private static let right = "CHAP_R=0xfbb76aa27c63450d38441d067caedcc9"
    private static let ours = "CHAP_R=0x3ca92b168e65dfac42647f7f15292f90"
    private static let ourChallenge = "0x" + "22232425262728292a2b2c2d2e2f3031"

    private static func login(_ authentication: Authentication) -> LoginUnderTest {
        var login = LoginUnderTest()
        login.authority.authentication = authentication
        return login
    }

    private static func challenged(
        target: CHAPCredentials? = ourselves, user: CHAPCredentials = user
    ) throws -> LoginUnderTest {
        var login = Self.login(.required(CHAPTerms(initiator: user, target: target)))
        _ = try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP"])
        #expect(try login.received(csg: 0, nsg: 1, ["CHAP_A=5"]).status == 0)
        return login
    }

    /// An authentication failure, and no word of the secrets in what the operator reads.
    private static func expectFailure(_ login: inout LoginUnderTest, csg: UInt8 = 0, _ pairs: [String]) throws {
        let answer = try login.received(csg: csg, nsg: csg + 1 == 2 ? 3 : 1, pairs)
        #expect(answer.status == 0x0201 && answer.pairs.isEmpty && answer.flags & 0x80 == 0)
        let reason = try #require(login.reason)
        for secret in ["initiator secret", "target's own secret", "fbb76aa27c", "3ca92b168e"] {
            #expect(!reason.contains(secret))
        }
    }

    // MARK: - Ways around it

    @Test func `a login that begins in the operational stage`() throws {
        var login = Self.login(.required(CHAPTerms(initiator: Self.user)))
        try Self.expectFailure(&login, csg: 1, Self.names)
    }

    @Test func `a login that leaves the security stage without a method, or offers none of ours`() throws {
        for pairs in [[], ["AuthMethod=None"], ["AuthMethod=KRB5,None"], ["AuthMethod="], ["AuthMethod=Reject"]] {
            var login = Self.login(.required(CHAPTerms(initiator: Self.user)))
            try Self.expectFailure(&login, Self.names + pairs)
        }
    }

    @Test func `the stage is not left before the proof, however often that is tried`() throws {
        var login = Self.login(.required(CHAPTerms(initiator: Self.user)))
        #expect(try login.received(csg: 0, nsg: 3, Self.names + ["AuthMethod=CHAP"]).flags == 0)
        #expect(try login.received(csg: 0, nsg: 3, []).flags == 0)
        #expect(try login.received(csg: 0, nsg: 3, ["CHAP_A=5"]).flags == 0)
        #expect(try login.received(csg: 0, nsg: 3, []).flags == 0)
        var jump = login
        #expect(try jump.received(csg: 1, nsg: 3, []).status == 0x0200)
        for _ in 0..<(Limits.loginRequests - 4) {
            #expect(try login.received(csg: 0, nsg: 3, []).login == nil)
        }
        #expect(try login.received(csg: 0, nsg: 3, []).status == 0x0200)
    }

    @Test func `where it is optional, it is done if the initiator puts it first, and then counts`() throws {
        let optional = Authentication.optional(CHAPTerms(initiator: Self.user))
        var none = Self.login(optional)
        #expect(try none.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=None,CHAP"]).flags == 0x81)
        #expect(try none.received(csg: 1, nsg: 3, []).login != nil)
        // Once the stage is behind, there is nothing but None.
        var late = Self.login(optional)
        #expect(try late.received(csg: 0, nsg: 1, Self.names).flags == 0x81)
        try Self.expectFailure(&late, csg: 1, ["AuthMethod=CHAP"])
        var chap = Self.login(optional)
        #expect(try chap.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP,None"]).flags == 0)
        _ = try chap.received(csg: 0, nsg: 1, ["CHAP_A=5"])
        try Self.expectFailure(&chap, ["CHAP_N=user", Self.ours])
        var skipping = Self.login(optional)
        #expect(try skipping.received(csg: 1, nsg: 3, Self.names).login != nil)
    }

    @Test func `a proof that is required and that nothing is configured for`() throws {
        for csg: UInt8 in [0, 1] {
            var login = Self.login(.impossible(reason: "no userid is set"))
            try Self.expectFailure(&login, csg: csg, Self.names)
            #expect(login.reason == "no userid is set")
        }
    }

    @Test func `CHAP keys that nobody agreed on are not understood`() throws {
        var login = Self.login(.none)
        #expect(
            try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP,None", "CHAP_A=5"]).pairs
                == ["TargetPortalGroupTag=1", "AuthMethod=None", "CHAP_A=NotUnderstood"])
    }

    // MARK: - Values

    @Test(arguments: ["", "56", "0", "4", "1,2,3", "5 ", "-5", ",", "five"])
    func `a list without an algorithm that we have`(list: String) throws {
        var login = Self.login(.required(CHAPTerms(initiator: Self.user)))
        _ = try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP"])
        try Self.expectFailure(&login, ["CHAP_A=\(list)"])
    }

    @Test(
        arguments: [
            ["CHAP_N=user", ours], ["CHAP_N=User", right], ["CHAP_N=resu", right],
            ["CHAP_N=user", "CHAP_R=0xfbb76aa27c63450d38441d067caedcc8"],
            ["CHAP_N=user", "CHAP_R=0xfab76aa27c63450d38441d067caedcc9"], ["CHAP_N=", right], ["CHAP_N=user ", right],
            ["CHAP_N=user"], [right], ["CHAP_N=user", "CHAP_R="], ["CHAP_N=user", "CHAP_R=0x"],
            ["CHAP_N=user", "CHAP_R=fbb76aa27c63450d38441d067caedcc9"], ["CHAP_N=user", right + "00"],
            ["CHAP_N=user", String(right.dropLast())], ["CHAP_N=user", String(right.dropLast(2))],
            // A valid digest with something before it, as libiscsi's suite sends it.
            ["CHAP_N=user", "CHAP_R=0bb3ZlcnNpemUK+7dqonxjRQ04RB0GfK7cyQ=="],
            ["CHAP_N=user", right, "CHAP_A=5"], ["CHAP_A=5"], ["CHAP_N=user", "CHAP_N=user", right],
            ["CHAP_N=user", right, "CHAP_X=1"],
            ["CHAP_N=" + String(repeating: "u", count: 1_025), right],
            ["CHAP_N=user", "CHAP_R=0x" + String(repeating: "00", count: 1_025)],
        ])
    func `a proof that is none`(pairs: [String]) throws {
        var login = try Self.challenged()
        try Self.expectFailure(&login, pairs)
    }

    @Test(
        arguments: [
            ["CHAP_I=1"], ["CHAP_C=0x00"], ["CHAP_I=256", "CHAP_C=0x00"], ["CHAP_I=x", "CHAP_C=0x00"],
            ["CHAP_I=1", "CHAP_C="], ["CHAP_I=1", "CHAP_C=0x"], ["CHAP_I=1", "CHAP_C=abc"],
            ["CHAP_I=1", "CHAP_C=0x" + String(repeating: "00", count: 1_025)],
            // Our own challenge, in both spellings.
            ["CHAP_I=17", "CHAP_C=" + ourChallenge], ["CHAP_I=1", "CHAP_C=0bIiMkJSYnKCkqKywtLi8wMQ=="],
        ])
    func `a question that is none, or is our own`(question: [String]) throws {
        var login = try Self.challenged()
        try Self.expectFailure(&login, ["CHAP_N=user", Self.right] + question)
    }

    @Test func `a challenge of 1,024 bytes is answered`() throws {
        var login = try Self.challenged()
        let question = ["CHAP_I=1", "CHAP_C=0x" + String(repeating: "07", count: 1_024)]
        #expect(try login.received(csg: 0, nsg: 1, ["CHAP_N=user", Self.right] + question).pairs.count == 2)
    }

    @Test func `a target that has nothing to prove itself with`() throws {
        var login = try Self.challenged(target: nil)
        try Self.expectFailure(&login, ["CHAP_N=user", Self.right, "CHAP_I=1", "CHAP_C=0x00112233"])
        #expect(login.reason?.contains("mutual_userid") == true)
    }

    @Test func `one secret for both directions`() throws {
        var login = try Self.challenged(target: CHAPCredentials(name: "other", secret: Self.user.secret))
        try Self.expectFailure(&login, ["CHAP_N=user", Self.right])
    }

    @Test func `nothing more after the proof`() throws {
        var login = try Self.challenged()
        #expect(try login.received(csg: 0, nsg: nil, ["CHAP_N=user", Self.right]).status == 0)
        try Self.expectFailure(&login, ["CHAP_N=user", Self.right])
    }

    // MARK: - Secrets

    @Test func `a secret shows itself nowhere`() {
        let secret = CHAPSecret("initiator secret")
        let terms = CHAPTerms(initiator: CHAPCredentials(name: "user", secret: secret))
        var dumped = ""
        dump(Authentication.required(terms), to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\(terms)", String(reflecting: terms), dumped] {
            #expect(!text.contains("initiator secret") && !text.contains("105"))
        }
        #expect("\(secret)" == "(hidden)")
        #expect(secret == CHAPSecret("initiator secret") && secret != CHAPSecret("initiator secreu"))
        #expect(secret != CHAPSecret("initiator"))
    }

    @Test func `exchanges of any keys never trap, and none succeeds by chance`() throws {
        var generator = SeededGenerator(seed: 1_994)
        let keys = ["CHAP_A", "CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C", "AuthMethod", "CHAP_"]
        let values = ["5", "5,8", "user", "0x00", "0b====", "", "CHAP", "17", Self.ourChallenge, "0x"]
        for round in 0..<5_000 {
            var login = Self.login(.required(CHAPTerms(initiator: Self.user, target: Self.ourselves)))
            var answer = try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP"])
            for _ in 0..<4 where answer.status == 0 {
                let pairs = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                    "\(keys.randomElement(using: &generator) ?? "")=\(values.randomElement(using: &generator) ?? "")"
                }
                answer = try login.received(csg: 0, nsg: 3, pairs)
                #expect(answer.flags & 0x80 == 0 && answer.login == nil, "seed 1994, round \(round)")
            }
        }
    }
}
