// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §6.3 login phase, the initiator's side")
struct InitiatorLoginTests {
    private static var proposal: LoginProposal {
        LoginProposal(
            initiatorName: "iqn.2024-01.test:a", targetName: OneTarget.target, isid: ISID(0x8000_0000_0001))
    }

    /// What the login has to say at first: flags and keys of its request.
    private static func first(_ login: inout InitiatorLogin) throws -> (PDU, [String]) {
        var output = ByteBuffer()
        login.begin(&output)
        return try Self.request(output)
    }

    private static func request(_ bytes: ByteBuffer) throws -> (PDU, [String]) {
        var framer = PDUFramer()
        framer.append(bytes)
        let pdu = try #require(try framer.next())
        #expect(framer.bufferedBytes == 0)
        return (pdu, pdu.pairs)
    }

    /// A Login Response with these flags, status and keys.
    private static func response(flags: UInt8, status: UInt16 = 0, statSN: UInt32 = 0, _ pairs: String...) -> PDU {
        var header = BasicHeaderSegment(.loginResponse, flags: flags)
        header.lun = 0x8000_0000_0001_0007
        header[field: 24] = statSN
        header[field: 28] = 1
        header[field: 32] = 32
        header[field: 36] = UInt32(status) << 16
        return PDU(header: header, data: ByteBuffer(string: pairs.map { $0 + "\0" }.joined()))
    }

    /// Our initiator and our target, until the login has ended on both sides or failed on one.
    private static func negotiate(
        _ proposal: LoginProposal, _ authority: OneTarget
    ) throws -> (InitiatorAgreement, EstablishedLogin) {
        var login = InitiatorLogin(proposal, firstCmdSN: 7)
        var machine = LoginMachine(randomness: LoginRandomness([UInt8](0..<UInt8(LoginRandomness.byteCount))))
        var output = ByteBuffer()
        login.begin(&output)
        for statSN in 0..<10 as Range<UInt32> {
            let (pdu, _) = try Self.request(output)
            output.clear()
            var answer: LoginResponse
            var established: EstablishedLogin?
            switch machine.received(LoginRequest(pdu), authority: authority) {
            case .reply(let response): answer = response
            case .establish(let response, let login): (answer, established) = (response, login)
            case .fail(let response, _): answer = response
            }
            answer.tsih = 9
            var header = answer.header
            header[field: 24] = statSN
            header[field: 28] = 7
            header[field: 32] = 40
            let agreement = try login.received(PDU(header: header, data: answer.text), &output)
            #expect((agreement == nil) == (established == nil))
            guard let agreement, let established else { continue }
            #expect(agreement.expStatSN == statSN + 1)
            #expect(output.readableBytes == 0)
            return (agreement, established)
        }
        throw LoginFailure.violation("the login does not end")
    }

    @Test(arguments: [false, true])
    func `our target and our initiator agree`(digests: Bool) throws {
        var proposal = Self.proposal
        proposal.headerDigest = digests
        proposal.dataDigest = digests
        let (agreement, established) = try Self.negotiate(proposal, OneTarget())
        #expect(agreement.tsih == 9)
        #expect((agreement.cmdSN, agreement.maxCmdSN) == (7, 40))
        #expect(agreement.targetMaxRecvDataSegmentLength == Limits.maxRecvDataSegmentLength)
        var parameters = established.parameters
        #expect(parameters.initiatorMaxRecvDataSegmentLength == proposal.maxRecvDataSegmentLength)
        // Each side keeps what the other one declared.
        parameters.initiatorMaxRecvDataSegmentLength = agreement.parameters.initiatorMaxRecvDataSegmentLength
        #expect(agreement.parameters == parameters)
    }

    // MARK: - CHAP

    private static func credentials(_ secret: String) -> CHAPCredentials {
        CHAPCredentials(name: "user", secret: CHAPSecret(secret))
    }

    @Test(arguments: CHAPAlgorithm.allCases)
    func `a secret is proven by each algorithm`(algorithm: CHAPAlgorithm) throws {
        var proposal = Self.proposal
        proposal.credentials = Self.credentials("a secret of some length")
        let terms = CHAPTerms(initiator: Self.credentials("a secret of some length"), algorithms: [algorithm])
        let authority = OneTarget(authentication: .required(terms))
        #expect(try Self.negotiate(proposal, authority).0.tsih == 9)
    }

    @Test func `a wrong secret is refused, a missing one asked for, and one that nobody wants not told`() throws {
        let terms = CHAPTerms(initiator: Self.credentials("a secret of some length"))
        var proposal = Self.proposal
        #expect(throws: LoginFailure.self) {
            _ = try Self.negotiate(proposal, OneTarget(authentication: .required(terms)))
        }
        proposal.credentials = Self.credentials("another secret")
        #expect(throws: LoginFailure.refused(LoginStatus.authenticationFailure.rawValue)) {
            _ = try Self.negotiate(proposal, OneTarget(authentication: .required(terms)))
        }
        #expect(try Self.negotiate(proposal, OneTarget()).0.tsih == 9)
    }

    @Test(arguments: [
        ["CHAP_A=4", "CHAP_I=1", "CHAP_C=0x01"], ["CHAP_A=5", "CHAP_I=256", "CHAP_C=0x01"],
        ["CHAP_A=5", "CHAP_I=1", "CHAP_C=0xzz"], ["CHAP_A=5", "CHAP_I=1"], [],
    ])
    func `a challenge that is none ends the login`(challenge: [String]) throws {
        var proposal = Self.proposal
        proposal.credentials = Self.credentials("secret")
        var login = InitiatorLogin(proposal, firstCmdSN: 1)
        _ = try Self.first(&login)
        var output = ByteBuffer()
        #expect(try login.received(Self.response(flags: 0, "AuthMethod=CHAP"), &output) == nil)
        var pdu = Self.response(flags: 0)
        pdu.data = ByteBuffer(string: challenge.map { $0 + "\0" }.joined())
        let error = #expect(throws: LoginFailure.self) { _ = try login.received(pdu, &output) }
        guard case .authentication = error else { Issue.record("\(error.debugDescription)"); return }
    }

    // MARK: - Stages

    @Test func `a login without a secret leaves the security stage at once`() throws {
        var login = InitiatorLogin(Self.proposal, firstCmdSN: 1)
        let (pdu, pairs) = try Self.first(&login)
        #expect(pdu.header.flags == 0x81 && pdu.header.isImmediate)
        #expect(pdu.header.lun == 0x8000_0000_0001_0000)
        #expect(
            pairs == [
                "InitiatorName=iqn.2024-01.test:a", "TargetName=\(OneTarget.target)", "SessionType=Normal",
                "AuthMethod=None",
            ])
    }

    @Test func `a discovery session names no target and offers no data transfer`() throws {
        let proposal = LoginProposal(initiatorName: "iqn.2024-01.test:a", targetName: nil, isid: ISID(1))
        var login = InitiatorLogin(proposal, firstCmdSN: 1)
        #expect(try Self.first(&login).1.contains("SessionType=Discovery"))
        var output = ByteBuffer()
        #expect(try login.received(Self.response(flags: 0x81, "AuthMethod=None"), &output) == nil)
        let keys = try Self.request(output).1.map { String($0.prefix { $0 != "=" }) }
        #expect(
            Set(keys) == [
                "HeaderDigest", "DataDigest", "MaxRecvDataSegmentLength", "DefaultTime2Wait", "DefaultTime2Retain",
                "ErrorRecoveryLevel",
            ])
    }

    @Test func `text that comes in two responses is asked for and read as one`() throws {
        var login = InitiatorLogin(Self.proposal, firstCmdSN: 1)
        _ = try Self.first(&login)
        var output = ByteBuffer()
        var part = Self.response(flags: 0x40)
        part.data = ByteBuffer(string: "TargetAlias=bl")
        #expect(try login.received(part, &output) == nil)
        let (request, pairs) = try Self.request(output)
        #expect(request.header.flags == 0x00 && pairs.isEmpty)
        output.clear()
        part = Self.response(flags: 0x81, statSN: 1)
        part.data = ByteBuffer(string: "ue\0AuthMethod=None\0")
        #expect(try login.received(part, &output) == nil)
        output.clear()
        let agreement = try login.received(Self.response(flags: 0x87, statSN: 2), &output)
        #expect(agreement?.targetAlias == "blue")
        #expect(agreement?.parameters == OperationalParameters())
    }

    @Test(arguments: [
        (Self.response(flags: 0, status: 0x0201), LoginFailure.refused(0x0201)),
        (Self.response(flags: 0, status: 0x0101, "TargetAddress=192.0.2.1:3260"), .moved("192.0.2.1:3260")),
        (
            Self.response(flags: 0, "AuthMethod=CHAP"),
            .authentication("the target wants CHAP: give user and secret in the URL")
        ),
        (Self.response(flags: 0x81, "MaxRecvDataSegmentLength=17"), .violation("MaxRecvDataSegmentLength=17")),
    ])
    func `a login that cannot go on says why`(response: PDU, failure: LoginFailure) throws {
        var login = InitiatorLogin(Self.proposal, firstCmdSN: 1)
        _ = try Self.first(&login)
        #expect(throws: failure) {
            var output = ByteBuffer()
            _ = try login.received(response, &output)
        }
    }

    @Test(arguments: ["MaxBurstLength=16777215", "FirstBurstLength=262145", "MaxOutstandingR2T=0"])
    func `an answer beyond the proposal is a violation`(answer: String) throws {
        var login = InitiatorLogin(Self.proposal, firstCmdSN: 1)
        _ = try Self.first(&login)
        var output = ByteBuffer()
        #expect(try login.received(Self.response(flags: 0x81), &output) == nil)
        #expect(throws: LoginFailure.self) {
            _ = try login.received(Self.response(flags: 0x87, answer), &output)
        }
    }

    @Test func `a target that never lets the login end is left`() throws {
        var login = InitiatorLogin(Self.proposal, firstCmdSN: 1)
        _ = try Self.first(&login)
        #expect(throws: LoginFailure.violation("a login without an end")) {
            var output = ByteBuffer()
            while true { _ = try login.received(Self.response(flags: 0), &output) }
        }
    }
}
