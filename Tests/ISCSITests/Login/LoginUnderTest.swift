// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

/// Admits one initiator to one target, and anybody to discovery.
struct OneTarget: LoginAuthority {
    static let target = "iqn.2024-01.test.bootlab:disk"

    var alias: String?
    var refusal: LoginStatus?
    var authentication = Authentication.none
    /// Where everybody is sent on to, and whether for good.
    var redirection: (address: String, isPermanent: Bool)?

    func decide(_ identity: LoginIdentity) -> LoginDecision {
        if let refusal { return .refused(refusal, reason: "a test refuses it") }
        guard let name = identity.targetName else {
            return .admitted(portalGroupTag: 1, alias: nil, authentication: self.authentication)
        }
        if let redirection { return .redirected(to: redirection.address, isPermanent: redirection.isPermanent) }
        guard name == Self.target else { return .refused(.targetNotFound, reason: "no such target") }
        guard identity.initiatorName != "iqn.2024-01.test.bootlab:stranger" else {
            return .refused(.authorizationFailure, reason: "a stranger")
        }
        return .admitted(portalGroupTag: 1, alias: self.alias, authentication: self.authentication)
    }
}

/// One answer of a login machine, in what the wire shows of it.
struct LoginAnswer: Equatable {
    var flags: UInt8
    var status: UInt16
    var pairs: [String]
    var login: EstablishedLogin?

    static func == (left: LoginAnswer, right: LoginAnswer) -> Bool {
        left.flags == right.flags && left.status == right.status && left.pairs == right.pairs
    }

    init(flags: UInt8, status: UInt16 = 0, _ pairs: [String] = []) {
        self.flags = flags
        self.status = status
        self.pairs = pairs
    }

    init(_ response: LoginResponse, _ login: EstablishedLogin?) {
        let pdu = PDU(header: response.header, data: response.text)
        self.flags = pdu.header.flags
        self.status = pdu.loginStatus
        self.pairs = pdu.pairs
        self.login = login
    }
}

/// A login machine fed with requests from bytes.
struct LoginUnderTest {
    private var machine = LoginMachine(randomness: .fixed)
    var authority = OneTarget()
    private(set) var reason: String?

    /// The names that a normal session begins with.
    static let names = [
        "InitiatorName=iqn.2024-01.test.bootlab:vm0", "TargetName=\(OneTarget.target)", "SessionType=Normal",
    ]

    mutating func received(_ request: Request) throws -> LoginAnswer {
        var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
        framer.append(request.encode())
        let pdu = try #require(try framer.next())
        switch self.machine.received(LoginRequest(pdu), authority: self.authority) {
        case .reply(let response):
            return LoginAnswer(response, nil)
        case .establish(let response, let login):
            return LoginAnswer(response, login)
        case .fail(let response, let reason):
            self.reason = reason
            return LoginAnswer(response, nil)
        }
    }

    mutating func received(
        csg: UInt8, nsg: UInt8?, isContinued: Bool = false, _ pairs: [String]
    ) throws -> LoginAnswer {
        try self.received(
            .login(csg: csg, nsg: nsg, isContinued: isContinued, text: pairs.flatMap { text($0) }))
    }
}

extension LoginRandomness {
    /// Identifier 11h, challenge 22h 23h 24h …
    static let fixed = LoginRandomness([0x11] + (0..<32).map { 0x22 + $0 })
}
