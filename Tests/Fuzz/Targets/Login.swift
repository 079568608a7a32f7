// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// A login of any requests: it comes to an end, and nobody gets in who has not proved who he is.
func fuzzLogin(_ input: Input) {
    var input = input
    let needsProof = input.byte() & 1 != 0
    var machine = LoginMachine(
        randomness: LoginRandomness((0..<LoginRandomness.byteCount).map { UInt8(truncatingIfNeeded: $0) }))
    var framer = PDUFramer()
    framer.append(input.buffer())
    while let pdu = try? framer.next() {
        guard pdu.header.opcode == .loginRequest else { continue }
        switch machine.received(LoginRequest(pdu), authority: Admission(needsProof: needsProof)) {
        case .reply(let response):
            guard response.text.readableBytes <= 8_192 else { broken("an answer longer than its segment may be") }
        case .establish:
            // The secret's answer to the fixed challenge cannot be guessed.
            guard !needsProof else { broken("let in without a proof") }
            return
        case .fail(let response, _):
            guard response.status != .success else { broken("failed with success") }
            return
        }
    }
}

private struct Admission: LoginAuthority {
    let needsProof: Bool

    func decide(_ identity: LoginIdentity) -> LoginDecision {
        let terms = CHAPTerms(
            initiator: CHAPCredentials(name: "host", secret: CHAPSecret("0123456789abcdef")),
            target: CHAPCredentials(name: "disk", secret: CHAPSecret("fedcba9876543210")))
        return .admitted(portalGroupTag: 1, alias: "a", authentication: self.needsProof ? .required(terms) : .none)
    }
}

/// Text of keys: what was parsed and written again parses to the same.
func fuzzText(_ input: Input) {
    var input = input
    guard let pairs = try? KeyValueText.parse(input.buffer()) else { return }
    let again = try? KeyValueText.parse(KeyValueText.encode(pairs))
    guard again == pairs else { broken("\(pairs) became \(again ?? [])") }
}
