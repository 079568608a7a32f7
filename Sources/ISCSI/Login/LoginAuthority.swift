// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Who logs in, and to what.
package struct LoginIdentity: Sendable, Equatable {
    package var initiatorName: String
    package var initiatorAlias: String?
    package var isid: ISID
    /// nil in a discovery session.
    package var targetName: String?

    package init(initiatorName: String, initiatorAlias: String? = nil, isid: ISID, targetName: String?) {
        self.initiatorName = initiatorName
        self.initiatorAlias = initiatorAlias
        self.isid = isid
        self.targetName = targetName
    }
}

/// Decides who may log in. Asked once in each login, as soon as the initiator has named itself and its target.
package protocol LoginAuthority {
    func decide(_ identity: LoginIdentity) -> LoginDecision
}

/// The authority's answer.
package enum LoginDecision: Sendable {
    /// Let in once they have proved who they are, where that is asked for.
    case admitted(
        portalGroupTag: UInt16, alias: String?, authentication: Authentication = .none,
        offer: SessionOffer = SessionOffer())
    /// Sent elsewhere: to `address`, which RFC 7143 §13.8 spells.
    case redirected(to: String, isPermanent: Bool)
    /// Refused with this status, for a reason in words for the operator's log.
    case refused(LoginStatus, reason: String)
}
