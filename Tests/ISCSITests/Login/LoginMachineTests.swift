// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import Testing

@Suite("RFC 7143 §6.3 login phase")
struct LoginMachineTests {
    private static let names = LoginUnderTest.names

    // MARK: - Stages

    @Test func `a request that does not want to go on is answered in its stage`() throws {
        var login = LoginUnderTest()
        #expect(
            try login.received(csg: 0, nsg: nil, Self.names + ["AuthMethod=None"])
                == LoginAnswer(flags: 0x00, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        #expect(try login.received(csg: 0, nsg: 1, []) == LoginAnswer(flags: 0x81))
        #expect(
            try login.received(csg: 1, nsg: nil, ["HeaderDigest=CRC32C"])
                == LoginAnswer(flags: 0x04, ["HeaderDigest=CRC32C", "MaxRecvDataSegmentLength=262144"]))
        let last = try login.received(csg: 1, nsg: 3, ["DataDigest=CRC32C"])
        #expect(last == LoginAnswer(flags: 0x87, ["DataDigest=CRC32C"]))
        #expect(last.login?.parameters.headerDigest == true && last.login?.parameters.dataDigest == true)
    }

    @Test func `the security stage may lead straight to the full-feature phase`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(csg: 0, nsg: 3, Self.names + ["AuthMethod=None"])
        #expect(answer == LoginAnswer(flags: 0x83, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        #expect(answer.login?.parameters == OperationalParameters())
    }

    @Test func `the target's alias is told once`() throws {
        var login = LoginUnderTest()
        login.authority.alias = "blue"
        #expect(
            try login.received(csg: 1, nsg: nil, Self.names).pairs
                == ["TargetPortalGroupTag=1", "TargetAlias=blue", "MaxRecvDataSegmentLength=262144"])
        #expect(try login.received(csg: 1, nsg: 3, []).pairs == [])
    }

    @Test func `the session type's default is Normal, and names are compared in lower case`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(
            csg: 1, nsg: 3, ["InitiatorName=IQN.2024-01.Test:A", "TargetName=\(OneTarget.target.uppercased())"])
        #expect(answer.status == 0)
        #expect(answer.login?.identity.initiatorName == "iqn.2024-01.test:a")
        #expect(answer.login?.identity.targetName == OneTarget.target)
    }

    @Test func `the header's fields come back, and go into the session`() throws {
        var machine = LoginMachine(randomness: .fixed)
        var framer = PDUFramer()
        framer.append(
            Request.login(
                csg: 1, nsg: 3, isid: 0x4000_2723_89cc, tag: 0x1234_5678, cmdSN: 77, connectionID: 9,
                text: Self.names.flatMap { text($0) }
            ).encode())
        let request = LoginRequest(try #require(try framer.next()))
        guard case .establish(let response, let login) = machine.received(request, authority: OneTarget()) else {
            Issue.record("the login does not succeed")
            return
        }
        #expect(login.identity.isid == ISID(0x4000_2723_89cc) && login.identity.isid.description == "4000272389cc")
        #expect(login.connectionID == 9 && login.firstCmdSN == 77 && login.tsih == 0)
        #expect(response.header.initiatorTaskTag == 0x1234_5678)
        #expect(response.header.lun == 0x4000_2723_89cc_0000)
    }

    // MARK: - Text over several requests

    @Test func `text with the C bit is gathered, and answered when it is whole`() throws {
        let whole = (Self.names + ["HeaderDigest=CRC32C"]).flatMap { text($0) }
        for cut in 1..<(whole.count - 1) {
            var login = LoginUnderTest()
            let first = try login.received(
                .login(csg: 1, nsg: nil, isContinued: true, text: Array(whole[..<cut])))
            #expect(first == LoginAnswer(flags: 0x04), "cut at \(cut)")
            let last = try login.received(.login(csg: 1, nsg: 3, text: Array(whole[cut...])))
            #expect(
                last
                    == LoginAnswer(
                        flags: 0x87,
                        ["TargetPortalGroupTag=1", "HeaderDigest=CRC32C", "MaxRecvDataSegmentLength=262144"]))
        }
    }

    @Test func `text may come in many requests`() throws {
        var login = LoginUnderTest()
        let whole = Self.names.flatMap { text($0) }
        let cuts = stride(from: 0, to: whole.count, by: 10).map { Array(whole[$0..<min($0 + 10, whole.count)]) }
        for part in cuts.dropLast() {
            #expect(
                try login.received(.login(csg: 1, nsg: nil, isContinued: true, text: part)) == LoginAnswer(flags: 0x04))
        }
        #expect(try login.received(.login(csg: 1, nsg: 3, text: cuts.last ?? [])).login != nil)
    }

    // MARK: - Refusals

    /// What one first request is refused with.
    private static func refusal(_ request: Request, authority: OneTarget = OneTarget()) throws -> UInt16 {
        var login = LoginUnderTest()
        login.authority = authority
        let answer = try login.received(request)
        #expect(answer.flags & 0x80 == 0 && answer.pairs.isEmpty && answer.login == nil)
        #expect(login.reason?.isEmpty == false)
        return answer.status
    }

    private static func first(_ pairs: [String], csg: UInt8 = 1, nsg: UInt8? = 3, continued: Bool = false) -> Request {
        .login(csg: csg, nsg: nsg, isContinued: continued, text: pairs.flatMap { text($0) })
    }

    @Test func `C bit together with T bit is an initiator error`() throws {
        #expect(try Self.refusal(Self.first(Self.names, continued: true)) == 0x0200)
    }

    @Test(
        arguments: [
            (2, 3), (3, 3), (3, nil), (2, nil), (1, 0), (1, 1), (1, 2), (0, 0), (0, 2),
        ] as [(UInt8, UInt8?)])
    func `stages that do not exist or do not follow are initiator errors`(csg: UInt8, nsg: UInt8?) throws {
        #expect(try Self.refusal(Self.first(Self.names, csg: csg, nsg: nsg)) == 0x0200)
    }

    @Test func `a stage cannot be left but by its answer, and not gone back to`() throws {
        for (nsg, next) in [(nil, 1), (1, 0)] as [(UInt8?, UInt8)] {
            var login = LoginUnderTest()
            _ = try login.received(csg: 0, nsg: nsg, Self.names)
            #expect(try login.received(csg: next, nsg: 3, []).status == 0x0200)
        }
    }

    @Test func `only version 0 is spoken`() throws {
        var request = Self.first(Self.names)
        request.header[2] = 3
        request.header[3] = 1
        #expect(try Self.refusal(request) == 0x0205)
        request.header[3] = 0
        var login = LoginUnderTest()
        #expect(try login.received(request).status == 0)
    }

    @Test func `names are missing`() throws {
        #expect(try Self.refusal(Self.first(Array(Self.names.dropFirst()))) == 0x0207)
        #expect(try Self.refusal(Self.first(["InitiatorName=", "TargetName=\(OneTarget.target)"])) == 0x0207)
        #expect(try Self.refusal(Self.first(["InitiatorName=iqn.a"])) == 0x0207)
        #expect(try Self.refusal(Self.first([])) == 0x0207)
    }

    @Test func `names that are no iSCSI names`() throws {
        for name in [
            "iqn.2026-11.org.example:\u{1b}[2J", "iqn.a\nlogin: root", "iqn.a b",
            "iqn." + String(repeating: "a", count: 220),
        ] {
            #expect(
                try Self.refusal(Self.first(["InitiatorName=\(name)", "TargetName=\(OneTarget.target)"])) == 0x0200)
            #expect(try Self.refusal(Self.first(["InitiatorName=iqn.a", "TargetName=\(name)"])) == 0x0200)
        }
    }

    @Test func `a session type of its own invention`() throws {
        #expect(try Self.refusal(Self.first(Self.names.dropLast() + ["SessionType=Tunnel"])) == 0x0209)
    }

    @Test func `an unknown target, a refused initiator, and what else the authority says`() throws {
        #expect(try Self.refusal(Self.first(["InitiatorName=iqn.a", "TargetName=iqn.b"])) == 0x0203)
        #expect(
            try Self.refusal(
                Self.first(["InitiatorName=iqn.2024-01.test.bootlab:stranger", "TargetName=\(OneTarget.target)"]))
                == 0x0202)
        for status: LoginStatus in [.targetRemoved, .serviceUnavailable, .outOfResources, .targetError] {
            #expect(
                try Self.refusal(Self.first(Self.names), authority: OneTarget(refusal: status)) == status.rawValue)
        }
    }

    @Test func `no common method of authentication`() throws {
        #expect(try Self.refusal(Self.first(Self.names + ["AuthMethod=CHAP"], csg: 0, nsg: 1)) == 0x0201)
    }

    @Test(arguments: [(false, 0x0101), (true, 0x0102)] as [(Bool, UInt16)])
    func `an initiator is sent on with the address to go to`(isPermanent: Bool, status: UInt16) throws {
        var login = LoginUnderTest()
        login.authority.redirection = ("[fd00::9]:3261", isPermanent)
        let answer = try login.received(csg: 0, nsg: 1, Self.names + ["AuthMethod=None"])
        #expect(answer == LoginAnswer(flags: 0x00, status: status, ["TargetAddress=[fd00::9]:3261"]))
        #expect(answer.login == nil)
        // Discovery goes on where it is.
        var discovery = LoginUnderTest()
        discovery.authority = login.authority
        #expect(
            try discovery.received(csg: 1, nsg: 3, ["InitiatorName=iqn.a", "SessionType=Discovery"]).login != nil)
    }

    @Test func `SendTargets has no place in a login`() throws {
        #expect(try Self.refusal(Self.first(Self.names + ["SendTargets=All"])) == 0x020b)
    }

    @Test func `a key twice, in one request or in two`() throws {
        #expect(try Self.refusal(Self.first(Self.names + ["InitialR2T=No", "InitialR2T=Yes"])) == 0x0200)
        var login = LoginUnderTest()
        _ = try login.received(csg: 1, nsg: nil, Self.names + ["InitialR2T=No"])
        #expect(try login.received(csg: 1, nsg: 3, ["InitialR2T=No"]).status == 0x0200)
    }

    @Test func `text that is no list of pairs`() throws {
        for text in [Array("InitiatorName=iqn.a".utf8), text("InitiatorName"), [0xff, 0x3d, 0xff, 0]] {
            #expect(try Self.refusal(.login(csg: 1, nsg: 3, text: text)) == 0x0200)
        }
    }

    // MARK: - Limits

    @Test func `a login ends after its share of requests`() throws {
        var login = LoginUnderTest()
        _ = try login.received(csg: 1, nsg: nil, Self.names)
        for _ in 1..<Limits.loginRequests {
            #expect(try login.received(csg: 1, nsg: nil, []).status == 0)
        }
        #expect(try login.received(csg: 1, nsg: 3, []).status == 0x0200)
    }

    @Test func `text is gathered up to its limit`() throws {
        var login = LoginUnderTest()
        let part = [UInt8](repeating: 0, count: 8_192)
        for _ in 0..<(Limits.textLength / part.count) {
            #expect(try login.received(.login(csg: 1, nsg: nil, isContinued: true, text: part)).status == 0)
        }
        #expect(try login.received(.login(csg: 1, nsg: nil, isContinued: true, text: [0])).status == 0x0200)
    }

    @Test func `answers that do not fit into one response`() throws {
        let pairs = Self.names + (0..<700).map { "X-\($0)=1" }
        #expect(try Self.refusal(Self.first(pairs)) == 0x0200)
    }

    @Test func `requests of any bytes are answered and never trap`() throws {
        var generator = SeededGenerator(seed: 63)
        let keys = KeyTable.rows.map(\.name) + ["X-a", "", "CHAP_A"]
        let values = ["Yes", "No", "None", "1", "0", "CRC32C,None", "99999999999", "Reject", "iqn.a", OneTarget.target]
        var established = 0
        for round in 0..<20_000 {
            var login = LoginUnderTest()
            for _ in 0..<4 {
                var pairs = Bool.random(using: &generator) ? Self.names : []
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    pairs.append(
                        "\(keys.randomElement(using: &generator) ?? "")=\(values.randomElement(using: &generator) ?? "")"
                    )
                }
                var request = Self.first(pairs)
                request.header[1] = UInt8.random(in: 0...255, using: &generator) | (round & 1 == 0 ? 0x87 : 0)
                if round & 1 == 0 { request.header[1] &= 0xbf }
                let answer = try login.received(request)
                #expect(answer.status == 0 || answer.login == nil, "seed 63, round \(round)")
                if answer.login != nil { established += 1 }
                if answer.status != 0 || answer.login != nil { break }
            }
        }
        #expect(established > 100)
    }
}
