// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSIServer
import Model
import NIOCore

extension TargetDefinition {
    /// - Parameter units: the open backstores; LUNs of others are left out.
    init(_ target: ServedTarget, units: [String: ServedUnit]) {
        self.init(
            name: target.name,
            groups: target.groups.map { group in
                PortalGroupDefinition(
                    tag: group.tag, alias: group.alias, portals: group.portals.map { Set($0.map(Portal.init)) },
                    units: group.luns.compactMapValues { units[$0] }, access: AccessRules(group.access),
                    redirection: group.redirection.map { .init(address: $0.address, isPermanent: $0.isPermanent) },
                    offer: group.parameters.map(SessionOffer.init) ?? SessionOffer(),
                    loginTime: group.loginSeconds.map { .seconds(Int64($0)) })
            })
    }
}

extension SessionOffer {
    init(_ parameters: ServedParameters) {
        self.init(maxConnections: parameters.maxConnections, errorRecoveryLevel: parameters.errorRecoveryLevel)
        self.headerDigests = parameters.headerDigests
        self.dataDigests = parameters.dataDigests
        self.initialR2T = parameters.initialR2T
        self.immediateData = parameters.immediateData
        self.dataPDUInOrder = parameters.dataPDUInOrder
        self.dataSequenceInOrder = parameters.dataSequenceInOrder
        self.maxOutstandingR2T = parameters.maxOutstandingR2T
        self.maxBurstLength = parameters.maxBurstLength
        self.firstBurstLength = parameters.firstBurstLength
        self.maxRecvDataSegmentLength = parameters.maxRecvDataSegmentLength
        self.maxXmitDataSegmentLength = parameters.maxXmitDataSegmentLength
        self.defaultTime2Wait = parameters.defaultTime2Wait
        self.defaultTime2Retain = parameters.defaultTime2Retain
        self.commandWindow = parameters.commandWindow ?? self.commandWindow
    }
}

extension AccessRules {
    init(_ access: ServedAccess) {
        self.init(
            lists: access.lists.mapValues(AccessList.init),
            demoMode: access.demoMode.map {
                DemoMode(
                    authentication: Authentication($0.authentication), isWriteProtected: $0.isWriteProtected,
                    isDiscoverable: $0.isDiscoverable)
            },
            networks: access.networks.compactMap(SourceNetwork.init), remembersInitiators: access.remembersInitiators)
    }
}

extension AccessList {
    init(_ list: ServedAccess.List) {
        self.init(
            authentication: Authentication(list.authentication),
            luns: list.mappings.map { mappings in
                .mapped(
                    mappings.mapValues { LUNMapping(groupLUN: $0.groupLUN, isWriteProtected: $0.isWriteProtected) })
            } ?? .own(isWriteProtected: false),
            networks: list.networks.compactMap(SourceNetwork.init), patience: Patience(list.patience),
            holder: list.holder)
    }
}

extension Patience {
    init(_ patience: ServedAccess.Patience) {
        self.init()
        func milliseconds(_ seconds: UInt32?) -> UInt32? { seconds.map { UInt32(clamping: UInt64($0) * 1_000) } }
        self.pingMilliseconds = milliseconds(patience.ping)
        self.pingAnswerMilliseconds = milliseconds(patience.pingAnswer)
        self.dataOutMilliseconds = milliseconds(patience.dataOut)
        self.dataOutRetries = patience.dataOutRetries
    }
}

extension SourceNetwork {
    init?(_ network: IPNetwork) {
        self.init(bytes: network.address.bytes, prefixLength: network.prefixLength)
    }
}

extension Authentication {
    init(_ served: ServedAuthentication) {
        switch served {
        case .none: self = .none
        case .optional(let chap): self = .optional(CHAPTerms(chap))
        case .required(let chap): self = .required(CHAPTerms(chap))
        case .impossible(let reason): self = .impossible(reason: reason)
        }
    }
}

extension CHAPTerms {
    init(_ chap: ServedCHAP) {
        self.init(
            initiator: CHAPCredentials(chap.user), target: chap.target.map(CHAPCredentials.init),
            algorithms: chap.algorithms.compactMap { UInt8(exactly: $0).flatMap(CHAPAlgorithm.init(rawValue:)) })
    }
}

extension CHAPCredentials {
    init(_ account: CHAPAccount) {
        self.init(name: account.name, secret: CHAPSecret(account.secret))
    }
}
