// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// The initiator's side of one connection's login phase (RFC 7143 §6.3, §11.12, §11.13).
///
///     begin ─► security ──────────────T, NSG=1──► operational ──T, NSG=3──► established
///                │                                    ▲
///                └──CHAP──► challenged ──CHAP_R, T────┘
///
/// Each response is answered by one request, written to `output`, until the login is established or fails.
package struct InitiatorLogin: Sendable {
    private enum Phase {
        case security
        case challenged
        case answered
        case operational
        case established
    }

    private let proposal: LoginProposal
    private let chap: InitiatorCHAP?
    private var phase = Phase.security
    private var agreement: InitiatorAgreement
    private var gathered = ByteBuffer()
    private var responses = 0

    package init(_ proposal: LoginProposal, firstCmdSN: UInt32) {
        self.proposal = proposal
        self.chap = proposal.credentials.map(InitiatorCHAP.init)
        self.agreement = InitiatorAgreement(firstCmdSN: firstCmdSN)
    }

    /// Writes the first request.
    package mutating func begin(_ output: inout ByteBuffer) {
        let pairs = self.proposal.identityPairs + [KeyValue("AuthMethod", self.chap == nil ? "None" : "CHAP,None")]
        // With something to prove the stage goes on; without, it can end at once.
        let next: LoginStage? = self.chap == nil ? .operationalNegotiation : nil
        self.send(pairs, stage: .securityNegotiation, next: next, &output)
    }

    /// Takes a response and writes the next request; returns what was agreed when there is none.
    package mutating func received(_ pdu: PDU, _ output: inout ByteBuffer) throws(LoginFailure) -> InitiatorAgreement? {
        guard pdu.header.opcode == .loginResponse else { throw .violation("something else than a login response") }
        self.responses += 1
        guard self.responses <= Limits.loginRequests else { throw .violation("a login without an end") }
        try self.checkStatus(pdu)
        self.noteNumbers(pdu.header)
        guard self.gathered.readableBytes + pdu.data.readableBytes <= Limits.textLength else {
            throw .violation("more than \(Limits.textLength) bytes of login text")
        }
        self.gathered.writeImmutableBuffer(pdu.data)
        if pdu.header.flags & 0x40 != 0 {
            self.send([], stage: self.stage, next: nil, &output)
            return nil
        }
        let pairs = try Self.pairs(of: self.gathered)
        self.gathered.clear()
        let transits = pdu.header.flags & 0x80 != 0
        switch self.phase {
        case .security:
            try self.receivedSecurity(pairs, transits, &output)
        case .challenged, .answered:
            try self.receivedChallenge(pairs, transits, &output)
        case .operational:
            return try self.receivedOperational(pairs, transits, pdu.header, &output)
        case .established:
            throw .violation("a login response after the login")
        }
        return nil
    }

    // MARK: - Stages

    private mutating func receivedSecurity(
        _ pairs: [KeyValue], _ transits: Bool, _ output: inout ByteBuffer
    ) throws(LoginFailure) {
        try self.noteDeclarations(pairs)
        let method = pairs.first { $0.key == "AuthMethod" }?.value
        if transits {
            self.proposeOperational(&output)
        } else if let method, method != "None" {
            guard let chap else {
                throw .authentication("the target wants \(method): give user and secret in the URL")
            }
            guard method == "CHAP" else { throw .authentication("the target answers AuthMethod=\(method)") }
            self.phase = .challenged
            self.send(chap.algorithms, stage: .securityNegotiation, next: nil, &output)
        } else {
            self.send([], stage: .securityNegotiation, next: .operationalNegotiation, &output)
        }
    }

    private mutating func receivedChallenge(
        _ pairs: [KeyValue], _ transits: Bool, _ output: inout ByteBuffer
    ) throws(LoginFailure) {
        switch self.phase {
        case .challenged:
            guard let chap else { return }
            let answer = try chap.answer(pairs)
            self.phase = .answered
            self.send(answer, stage: .securityNegotiation, next: .operationalNegotiation, &output)
        default:
            // A proof that is wrong has a status of its own.
            guard transits else { throw .authentication("the target does not go on after our proof") }
            self.proposeOperational(&output)
        }
    }

    private mutating func proposeOperational(_ output: inout ByteBuffer) {
        self.phase = .operational
        self.send(self.proposal.operationalPairs, stage: .operationalNegotiation, next: .fullFeature, &output)
    }

    private mutating func receivedOperational(
        _ pairs: [KeyValue], _ transits: Bool, _ header: BasicHeaderSegment, _ output: inout ByteBuffer
    ) throws(LoginFailure) -> InitiatorAgreement? {
        try self.noteDeclarations(pairs)
        for pair in pairs {
            try self.noteAnswer(pair)
        }
        guard transits else {
            self.send([], stage: .operationalNegotiation, next: .fullFeature, &output)
            return nil
        }
        self.phase = .established
        guard self.agreement.parameters.headerDigest == self.proposal.headerDigest else {
            throw .declined("HeaderDigest=\(self.proposal.headerDigest ? "CRC32C" : "None")")
        }
        guard self.agreement.parameters.dataDigest == self.proposal.dataDigest else {
            throw .declined("DataDigest=\(self.proposal.dataDigest ? "CRC32C" : "None")")
        }
        self.agreement.tsih = UInt16(truncatingIfNeeded: header.lun)
        self.agreement.parameters.firstBurstLength = min(
            self.agreement.parameters.firstBurstLength, self.agreement.parameters.maxBurstLength)
        return self.agreement
    }

    // MARK: - Keys

    /// What the target tells of itself, in any stage.
    private mutating func noteDeclarations(_ pairs: [KeyValue]) throws(LoginFailure) {
        for pair in pairs {
            switch pair.key {
            case "TargetAlias":
                self.agreement.targetAlias = pair.value
            case "MaxRecvDataSegmentLength":
                guard let length = parseKeyNumber(pair.value), 512...16_777_215 ~= length else {
                    throw .violation("MaxRecvDataSegmentLength=\(pair.value)")
                }
                self.agreement.targetMaxRecvDataSegmentLength = Int(length)
            default:
                break
            }
        }
    }

    /// Takes over the answer to what we proposed; it may not be more than that.
    private mutating func noteAnswer(_ pair: KeyValue) throws(LoginFailure) {
        guard pair.key != "MaxRecvDataSegmentLength",
            let ours = self.proposal.operationalPairs.first(where: { $0.key == pair.key }),
            !["NotUnderstood", "Irrelevant", "Reject"].contains(pair.value)
        else { return }
        if let row = KeyTable.row(pair.key), case .minimum(_, let range) = row.rule {
            guard let number = parseKeyNumber(pair.value), let most = parseKeyNumber(ours.value),
                range.contains(number), number <= most
            else { throw .violation("\(pair.key)=\(pair.value) as the answer to \(ours.value)") }
            self.agreement.parameters.set(pair.key, "\(number)")
        } else {
            self.agreement.parameters.set(pair.key, pair.value)
        }
    }

    private static func pairs(of text: ByteBuffer) throws(LoginFailure) -> [KeyValue] {
        do throws(KeyValueText.ParseError) {
            return try KeyValueText.parse(text)
        } catch {
            throw .violation("login text that is no list of keys")
        }
    }

    // MARK: - PDUs

    private var stage: LoginStage {
        self.phase == .operational ? .operationalNegotiation : .securityNegotiation
    }

    private func checkStatus(_ pdu: PDU) throws(LoginFailure) {
        let status = UInt16(truncatingIfNeeded: pdu.header[field: 36] >> 16)
        guard status != 0 else { return }
        if status >> 8 == 1, let address = try? Self.pairs(of: pdu.data).first(where: { $0.key == "TargetAddress" }) {
            throw .moved(address.value)
        }
        throw .refused(status)
    }

    private mutating func noteNumbers(_ header: BasicHeaderSegment) {
        self.agreement.expStatSN = header[field: 24] &+ 1
        self.agreement.maxCmdSN = header[field: 32]
    }

    private func send(_ pairs: [KeyValue], stage: LoginStage, next: LoginStage?, _ output: inout ByteBuffer) {
        var header = BasicHeaderSegment(.loginRequest, flags: stage.rawValue << 2)
        if let next {
            header.flags |= 0x80 | next.rawValue
        }
        header.isImmediate = true
        header.lun = self.proposal.isid.value << 16
        header[field: 24] = self.agreement.cmdSN
        header[field: 28] = self.responses == 0 ? 0 : self.agreement.expStatSN
        let text = KeyValueText.encode(pairs)
        header.dataSegmentLength = text.readableBytes
        header.write(to: &output)
        output.writeImmutableBuffer(text)
        output.writeRepeatingByte(0, count: paddingLength(text.readableBytes))
    }
}
