// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import Testing

@testable import ISCSI

@Suite("RFC 7143 §12.1.3 CHAP")
struct CHAPTests {
    /// What an exchange with `LoginRandomness.fixed`, the secrets below and CHAP_I A5h with the challenge 00h 01h … 17h
    /// gives, reckoned by OpenSSL's hashes.
    struct Golden: Sendable, CustomTestStringConvertible {
        var algorithm: UInt8
        var challengeLength: Int
        /// The initiator's response.
        var response: String
        /// The target's.
        var proof: String

        var challenge: String { CHAPTests.hex((0..<self.challengeLength).map { 0x22 + UInt8($0) }) }
        var testDescription: String { "algorithm \(self.algorithm)" }

        static let all = [
            Golden(
                algorithm: 5, challengeLength: 16, response: "0xfbb76aa27c63450d38441d067caedcc9",
                proof: "0x4c137f41aa727e5d98df62b6511f34c9"),
            Golden(
                algorithm: 6, challengeLength: 20, response: "0x6c3777afa4ede64b5bf7e802c0c503a5883f4b24",
                proof: "0x8b3995a671da7a55ac35bb46eb9d077a1d9d60ff"),
            Golden(
                algorithm: 7, challengeLength: 32,
                response: "0xec9f783d84c49e214546536f2d56df52f99fd3548b9043adc7c6a838f81687f3",
                proof: "0xba344271a787ac0f4a6096aba5039020c04473bea44f399ca4557547278c9b16"),
            Golden(
                algorithm: 8, challengeLength: 32,
                response: "0xd0ca73cc9214836c3e80fa53bb8a25a60a5b0497e36131187bee2b2d1b9b90c6",
                proof: "0xa463ba298411816f88ace880ee033c9891bdca897542487ad8813e0d620f9bd0"),
        ]
        static let md5 = all[0]
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static let names = LoginUnderTest.names
    private static let user = CHAPCredentials(name: "user", secret: CHAPSecret("initiator secret"))
    private static let ourselves = CHAPCredentials(name: "target user", secret: CHAPSecret("target's own secret"))
    /// What an initiator wants answered, beside its own proof.
    private static let question = ["CHAP_I=165", "CHAP_C=\(hex(Array(0..<24)))"]

    private static func login(
        mutual: Bool = false, algorithms: [CHAPAlgorithm] = CHAPAlgorithm.allCases, user: CHAPCredentials = user
    ) -> LoginUnderTest {
        var login = LoginUnderTest()
        login.authority.authentication = .required(
            CHAPTerms(initiator: user, target: mutual ? Self.ourselves : nil, algorithms: algorithms))
        return login
    }

    /// A login that has been challenged with MD5.
    private static func challenged(mutual: Bool = false, user: CHAPCredentials = user) throws -> LoginUnderTest {
        var login = Self.login(mutual: mutual, user: user)
        _ = try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP"])
        #expect(try login.received(csg: 0, nsg: 1, ["CHAP_A=5"]).status == 0)
        return login
    }

    // MARK: - Digests

    @Test func `the response of RFC 2865 §7.2, whose CHAP is the same`() {
        let challenge: [UInt8] = [
            0x2a, 0xee, 0x86, 0xf0, 0x8d, 0x0d, 0x55, 0x96, 0x9c, 0xa5, 0x97, 0x8e, 0x0d, 0x33, 0x67, 0xa2,
        ]
        let response = CHAPAlgorithm.md5.response(
            identifier: 0x16, secret: CHAPSecret("arctangent"), challenge: challenge)
        #expect(Self.hex(response) == "0xe97557c316185895f293ff6344077275")
    }

    // MARK: - The exchange

    @Test(arguments: Golden.all)
    func `one way, step by step`(golden: Golden) throws {
        var login = Self.login()
        // An initiator asks to go on as soon as it likes; it is kept in the stage until it has proved itself.
        #expect(
            try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=CHAP,None"])
                == LoginAnswer(flags: 0x00, ["TargetPortalGroupTag=1", "AuthMethod=CHAP"]))
        #expect(
            try login.received(csg: 0, nsg: 1, ["CHAP_A=\(golden.algorithm)"])
                == LoginAnswer(
                    flags: 0x00, ["CHAP_A=\(golden.algorithm)", "CHAP_I=17", "CHAP_C=\(golden.challenge)"]))
        #expect(
            try login.received(csg: 0, nsg: 1, ["CHAP_N=user", "CHAP_R=\(golden.response)"])
                == LoginAnswer(flags: 0x81))
        #expect(try login.received(csg: 1, nsg: 3, []).login != nil)
    }

    @Test(arguments: Golden.all)
    func `mutual`(golden: Golden) throws {
        var login = Self.login(mutual: true)
        _ = try login.received(csg: 0, nsg: nil, Self.names + ["AuthMethod=CHAP"])
        _ = try login.received(csg: 0, nsg: nil, ["CHAP_A=\(golden.algorithm)"])
        #expect(
            try login.received(
                csg: 0, nsg: 3, Self.question + ["CHAP_R=\(golden.response)", "CHAP_N=user"])
                == LoginAnswer(flags: 0x83, ["CHAP_N=target user", "CHAP_R=\(golden.proof)"]))
    }

    @Test func `an initiator may leave the stage in a request of its own after its proof`() throws {
        var login = try Self.challenged(mutual: true)
        #expect(
            try login.received(
                csg: 0, nsg: nil, ["CHAP_N=user", "CHAP_R=\(Golden.md5.response)"] + Self.question)
                == LoginAnswer(flags: 0x00, ["CHAP_N=target user", "CHAP_R=\(Golden.md5.proof)"]))
        #expect(try login.received(csg: 0, nsg: 1, []) == LoginAnswer(flags: 0x81))
    }

    @Test func `an initiator that does not ask for it is not given the target's proof`() throws {
        var login = try Self.challenged(mutual: true)
        #expect(
            try login.received(csg: 0, nsg: 1, ["CHAP_N=user", "CHAP_R=\(Golden.md5.response)"])
                == LoginAnswer(flags: 0x81))
    }

    @Test func `method and list may come in one request, and text over several`() throws {
        var login = Self.login()
        let whole = (Self.names + ["AuthMethod=CHAP", "CHAP_A=7"]).flatMap { text($0) }
        _ = try login.received(.login(csg: 0, nsg: nil, isContinued: true, text: Array(whole[..<70])))
        let answer = try login.received(.login(csg: 0, nsg: nil, text: Array(whole[70...])))
        #expect(answer.pairs.prefix(3) == ["TargetPortalGroupTag=1", "AuthMethod=CHAP", "CHAP_A=7"])
    }

    @Test func `binary values in base64 and in capitals`() throws {
        for response in ["0b+7dqonxjRQ04RB0GfK7cyQ==", "0X" + Golden.md5.response.dropFirst(2).uppercased()] {
            var login = try Self.challenged()
            #expect(try login.received(csg: 0, nsg: 1, ["CHAP_N=user", "CHAP_R=\(response)"]).flags == 0x81)
        }
    }

    @Test(arguments: ["0xabcd", "0babcd", "0x", "5", "a,b=c"])
    func `a user name is text, whatever it looks like`(name: String) throws {
        var login = try Self.challenged(user: CHAPCredentials(name: name, secret: Self.user.secret))
        #expect(
            try login.received(csg: 0, nsg: 1, ["CHAP_N=\(name)", "CHAP_R=\(Golden.md5.response)"]).flags == 0x81)
    }

    @Test(
        arguments: [
            ("5", 5), ("5,6", 6), ("5,6,7,8", 8), ("8,7,6,5", 8), ("7,5", 7), ("0x5,0x7", 7), ("99,5", 5), ("56,5", 5),
        ] as [(String, Int)])
    func `the algorithm is the best that both have`(list: String, chosen: Int) throws {
        var login = Self.login()
        _ = try login.received(csg: 0, nsg: nil, Self.names + ["AuthMethod=CHAP"])
        #expect(try login.received(csg: 0, nsg: nil, ["CHAP_A=\(list)"]).pairs.first == "CHAP_A=\(chosen)")
    }

    @Test func `another order of preference, and algorithms left out`() throws {
        for (allowed, list, chosen) in [
            ([.md5, .sha256], "5,7", "5"), ([.sha256, .sha1], "5,6", "6"),
        ] as [([CHAPAlgorithm], String, String)] {
            var login = Self.login(algorithms: allowed)
            _ = try login.received(csg: 0, nsg: nil, Self.names + ["AuthMethod=CHAP"])
            #expect(try login.received(csg: 0, nsg: nil, ["CHAP_A=\(list)"]).pairs.first == "CHAP_A=\(chosen)")
        }
        var login = Self.login(algorithms: [.sha3256])
        _ = try login.received(csg: 0, nsg: nil, Self.names + ["AuthMethod=CHAP"])
        #expect(try login.received(csg: 0, nsg: nil, ["CHAP_A=5,6,7"]).status == 0x0201)
    }
}
