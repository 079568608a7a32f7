// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

private import NIOCore

/// The target's side of one connection's login phase (RFC 7143 §6.3, §11.12, §11.13).
///
///                 ┌───────────────────────── C bit: text is gathered, an empty answer asks for more
///                 ▼
///     start ─► security ──────T, NSG=1──► operational ──T, NSG=3──► established
///        │        └───────────T, NSG=3────────────────────────────────▲
///        └────► operational (an initiator may begin there) ───────────┘
///
/// One request is answered by one response, so the machine is a function from request to outcome. The initiator must
/// name itself and its target in its first request; the authority is asked then, before anything is negotiated.
/// Authentication has its place in the security stage. Where the authority requires it, a login that does not begin there
/// fails, and one that does is not let out before the initiator has proved who it is.
package struct LoginMachine: Sendable {
    package enum Outcome: Sendable {
        /// Send it and wait for the next request.
        case reply(LoginResponse)
        /// The login is complete: send the response with a TSIH filled in and begin the full-feature phase.
        case establish(LoginResponse, EstablishedLogin)
        /// Send it and close the connection; the reason is for the log.
        case fail(LoginResponse, reason: String)
    }

    private var stage: LoginStage?
    private var identity: LoginIdentity?
    /// What the initiator says that it runs on (X#NodeArchitecture, RFC 7143 §13.26): for the log alone.
    package private(set) var nodeArchitecture: String?
    private var isDiscovery = false
    private var connectionID: UInt16 = 0
    private var negotiation = Negotiation()
    private var gathered = ByteBuffer()
    private var requests = 0
    private var hasNamedPortalGroup = false
    private var portalGroupTag: UInt16 = 0
    private var targetAlias: String?
    private var authentication = Authentication.none
    /// There once CHAP has been agreed on.
    private var chap: CHAPExchange?
    private let randomness: LoginRandomness

    package init(randomness: LoginRandomness) {
        self.randomness = randomness
    }

    /// Who is logging in, as far as is known.
    package var peer: LoginIdentity? {
        self.identity
    }

    /// Takes one Login Request.
    package mutating func received(_ request: LoginRequest, authority: some LoginAuthority) -> Outcome {
        do throws(Refusal) {
            return try self.advance(request, authority)
        } catch {
            var response = self.response(to: request, error.status)
            response.text = KeyValueText.encode(error.answers)
            return .fail(response, reason: error.reason)
        }
    }

    private mutating func advance(
        _ request: LoginRequest, _ authority: some LoginAuthority
    ) throws(Refusal) -> Outcome {
        try self.checkHeader(request)
        guard self.gathered.readableBytes + request.text.readableBytes <= Limits.textLength else {
            throw Refusal(.initiatorError, "more than \(Limits.textLength) bytes of login text")
        }
        self.gathered.writeImmutableBuffer(request.text)
        if request.isContinued {
            return .reply(self.response(to: request, .success))
        }

        let pairs = try self.takePairs()
        if self.identity == nil {
            try self.identify(pairs, request, authority)
        }
        var answers = self.openingAnswers()
        try self.negotiate(pairs, into: &answers)
        return try self.conclude(request, answers)
    }

    /// The rules for CSG, NSG, T, C and version that hold for every request.
    private mutating func checkHeader(_ request: LoginRequest) throws(Refusal) {
        self.requests += 1
        guard self.requests <= Limits.loginRequests else {
            throw Refusal(.initiatorError, "no end of the login after \(Limits.loginRequests) requests")
        }
        guard request.versionMin == 0 else {
            throw Refusal(.unsupportedVersion, "the initiator wants version \(request.versionMin); 0 is the only one")
        }
        guard let current = request.currentStage, current != .fullFeature else {
            throw Refusal(.initiatorError, "CSG names no stage of a login")
        }
        guard self.stage == nil || self.stage == current else {
            throw Refusal(.initiatorError, "CSG is not the stage that the login is in")
        }
        guard !(request.wantsTransit && request.isContinued) else {
            throw Refusal(.initiatorError, "C bit and T bit together")
        }
        if request.wantsTransit {
            guard let next = request.nextStage, next.rawValue > current.rawValue else {
                throw Refusal(.initiatorError, "NSG does not follow CSG")
            }
        }
        self.stage = current
    }

    private mutating func takePairs() throws(Refusal) -> [KeyValue] {
        do throws(KeyValueText.ParseError) {
            let pairs = try KeyValueText.parse(self.gathered)
            self.gathered.clear()
            return pairs
        } catch {
            throw Refusal(.initiatorError, "login text cannot be read: \(error)")
        }
    }

    /// The first request's names: who, what kind of session, which target (RFC 7143 §6.3, §13.4, §13.5, §13.21).
    private mutating func identify(
        _ pairs: [KeyValue], _ request: LoginRequest, _ authority: some LoginAuthority
    ) throws(Refusal) {
        func value(_ key: String) -> String? {
            pairs.first { $0.key == key }?.value
        }
        guard let initiatorName = value("InitiatorName"), !initiatorName.isEmpty else {
            throw Refusal(.missingParameter, "the first login request has no InitiatorName")
        }
        switch value("SessionType") ?? "Normal" {
        case "Normal": self.isDiscovery = false
        case "Discovery": self.isDiscovery = true
        case let other: throw Refusal(.sessionTypeNotSupported, "SessionType=\(other)")
        }
        let targetName = self.isDiscovery ? nil : value("TargetName")
        guard self.isDiscovery || targetName != nil else {
            throw Refusal(.missingParameter, "a normal session's first login request has no TargetName")
        }
        guard NameSyntax.isName(initiatorName), targetName.map(NameSyntax.isName) ?? true,
            value("InitiatorAlias").map(NameSyntax.isAlias) ?? true
        else {
            throw Refusal(.initiatorError, "a name is too long or has characters that no name can have")
        }
        // iSCSI names are compared in lower case (RFC 7143 §4.2.7.2).
        let identity = LoginIdentity(
            initiatorName: initiatorName.lowercased(), initiatorAlias: value("InitiatorAlias"),
            isid: request.isid, targetName: targetName?.lowercased())
        self.identity = identity
        self.connectionID = request.connectionID
        switch authority.decide(identity) {
        case .admitted(let tag, let alias, let authentication, let offer):
            self.negotiation = Negotiation(
                isDiscovery: self.isDiscovery, isLeading: request.tsih == 0, offer: offer)
            self.portalGroupTag = tag
            self.targetAlias = alias
            try self.require(authentication)
        case .redirected(let address, let isPermanent):
            var refusal = Refusal(
                isPermanent ? .targetMovedPermanently : .targetMovedTemporarily, "sent on to \(address)")
            refusal.answers = [KeyValue("TargetAddress", address)]
            throw refusal
        case .refused(let status, let reason):
            throw Refusal(status, reason)
        }
    }

    /// A login that begins in the operational stage has nothing to authenticate by (RFC 7143 §6.3).
    private mutating func require(_ authentication: Authentication) throws(Refusal) {
        self.authentication = authentication
        if case .impossible(let reason) = authentication { throw Refusal(.authenticationFailure, reason) }
        guard self.stage != .securityNegotiation else {
            self.negotiation.authMethods = authentication.methods
            return
        }
        guard !authentication.isRequired else {
            throw Refusal(.authenticationFailure, "the initiator skips the authentication that is required")
        }
    }

    /// What the first answer of a normal session tells of the target (RFC 7143 §13.9).
    private mutating func openingAnswers() -> [KeyValue] {
        guard !self.hasNamedPortalGroup else { return [] }
        self.hasNamedPortalGroup = true
        guard !self.isDiscovery else { return [] }
        var answers = [KeyValue("TargetPortalGroupTag", "\(self.portalGroupTag)")]
        if let alias = self.targetAlias {
            answers.append(KeyValue("TargetAlias", alias))
        }
        return answers
    }

    private mutating func negotiate(_ pairs: [KeyValue], into answers: inout [KeyValue]) throws(Refusal) {
        self.negotiation.foresee(pairs)
        for pair in pairs where self.chap == nil || !CHAPExchange.isKey(pair.key) {
            if KeyTable.row(pair.key)?.phase == .fullFeature {
                throw Refusal(.invalidDuringLogin, "\(pair.key) belongs to the full-feature phase")
            }
            do throws(Negotiation.Violation) {
                if let answer = try self.negotiation.received(pair) {
                    answers.append(answer)
                }
            } catch {
                switch error {
                case .repeatedKey(let key): throw Refusal(.initiatorError, "\(key) is negotiated twice")
                }
            }
            // Whatever it says, nothing depends on it (RFC 7143 §13.26.2).
            if pair.key == "X#NodeArchitecture", NameSyntax.isAlias(pair.value) { self.nodeArchitecture = pair.value }
            if pair.key == "AuthMethod" { try self.agreeOnMethod(answers.last?.value) }
        }
        if self.stage == .securityNegotiation { try self.authenticate(pairs, into: &answers) }
        if self.stage == .operationalNegotiation, let declaration = self.negotiation.declaration() {
            answers.append(declaration)
        }
    }

    private mutating func agreeOnMethod(_ method: String?) throws(Refusal) {
        switch method {
        case "None": break
        case "CHAP":
            if let terms = self.authentication.terms { self.chap = CHAPExchange(terms, self.randomness) }
        default:
            let ours = self.authentication.methods.joined(separator: ",")
            throw Refusal(.authenticationFailure, "the initiator's AuthMethod has none of \(ours)")
        }
    }

    private mutating func authenticate(_ pairs: [KeyValue], into answers: inout [KeyValue]) throws(Refusal) {
        do throws(CHAPExchange.Failure) {
            answers += try self.chap?.received(pairs.filter { CHAPExchange.isKey($0.key) }) ?? []
        } catch {
            throw Refusal(.authenticationFailure, error.reason)
        }
    }

    /// Whether the stage may be left: the security stage, when what was agreed or is required has been proved.
    private func mayTransit() throws(Refusal) -> Bool {
        guard self.stage == .securityNegotiation else { return true }
        if let chap { return chap.isProven }
        guard !self.authentication.isRequired else {
            throw Refusal(.authenticationFailure, "the initiator leaves the security stage without authentication")
        }
        return true
    }

    private mutating func conclude(_ request: LoginRequest, _ answers: [KeyValue]) throws(Refusal) -> Outcome {
        var response = self.response(to: request, .success)
        response.text = KeyValueText.encode(answers)
        guard response.text.readableBytes <= Limits.loginDataSegmentLength else {
            throw Refusal(.initiatorError, "the answers to the login's keys do not fit into one response")
        }
        guard request.wantsTransit, let next = request.nextStage, try self.mayTransit() else {
            return .reply(response)
        }
        if next == .fullFeature, let digest = self.negotiation.missingDigest {
            throw Refusal(.initiatorError, "the target requires \(digest)")
        }
        response.transits = true
        response.nextStage = next
        self.stage = next
        // Past its stage, nothing but None could still be agreed on.
        self.negotiation.authMethods = ["None"]
        guard next == .fullFeature, let identity = self.identity else { return .reply(response) }
        let login = EstablishedLogin(
            identity: identity, isDiscovery: self.isDiscovery, portalGroupTag: self.portalGroupTag,
            connectionID: self.connectionID, tsih: request.tsih, firstCmdSN: request.cmdSN,
            parameters: self.negotiation.final, isProven: self.chap?.isProven ?? false)
        return .establish(response, login)
    }

    private func response(to request: LoginRequest, _ status: LoginStatus) -> LoginResponse {
        LoginResponse(
            currentStage: request.currentStage ?? .securityNegotiation, isid: request.isid, tsih: request.tsih,
            initiatorTaskTag: request.initiatorTaskTag, status: status)
    }

    private struct Refusal: Error {
        var status: LoginStatus
        var reason: String
        var answers: [KeyValue] = []

        init(_ status: LoginStatus, _ reason: String) {
            self.status = status
            self.reason = reason
        }
    }
}

/// A login that has only to be entered among the sessions.
package struct EstablishedLogin: Sendable {
    package var identity: LoginIdentity
    package var isDiscovery: Bool
    package var portalGroupTag: UInt16
    package var connectionID: UInt16
    /// The session that the initiator wants to join; 0 for a new one.
    package var tsih: UInt16
    package var firstCmdSN: UInt32
    package var parameters: OperationalParameters
    /// Whether the initiator has proved who it is.
    package var isProven = false
}
