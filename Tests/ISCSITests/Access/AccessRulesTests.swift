// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import Testing

@Suite("Who may log in: LIO's rules")
struct AccessRulesTests {
    private static let here: [UInt8] = [10, 0, 0, 7]
    private static let terms = CHAPTerms(initiator: CHAPCredentials(name: "u", secret: CHAPSecret("p")))

    private static func luns(_ result: Result<AccessGrant, AccessRules.Denial>) -> VisibleLUNs? {
        try? result.get().luns
    }

    @Test func `an ACL lets in its initiator alone, with the LUNs mapped to it`() throws {
        let mapped = VisibleLUNs.mapped([5: LUNMapping(groupLUN: 0, isWriteProtected: true)])
        let rules = AccessRules(
            lists: ["iqn.2026-11.org.example:A": AccessList(authentication: .required(Self.terms), luns: mapped)])
        let grant = try rules.grant(to: "iqn.2026-11.org.example:a", from: Self.here).get()
        #expect(grant.luns == mapped && grant.authentication == .required(Self.terms) && !grant.isDynamic)
        #expect(rules.grant(to: "iqn.2026-11.org.example:b", from: Self.here) == .failure(.notListed))
        #expect(rules.shows(to: "iqn.2026-11.org.example:a", from: Self.here))
        #expect(!rules.shows(to: "iqn.2026-11.org.example:b", from: Self.here))
    }

    @Test func `demo mode lets in everybody else, and may hide from them or protect the LUNs`() throws {
        let own = AccessList(luns: .own(isWriteProtected: false))
        var rules = AccessRules(lists: ["a": own], demoMode: DemoMode(isWriteProtected: true, isDiscoverable: false))
        #expect(Self.luns(rules.grant(to: "b", from: Self.here)) == .own(isWriteProtected: true))
        #expect(Self.luns(rules.grant(to: "a", from: Self.here)) == .own(isWriteProtected: false))
        #expect(!rules.shows(to: "b", from: Self.here) && rules.shows(to: "a", from: Self.here))
        rules.demoMode?.isDiscoverable = true
        #expect(rules.shows(to: "b", from: Self.here))
    }

    @Test func `whom demo mode let in may stay when it is off`() throws {
        var rules = AccessRules(demoMode: DemoMode(isWriteProtected: true), remembersInitiators: true)
        let grant = try rules.grant(to: "b", from: Self.here).get()
        rules.demoMode = nil
        #expect(rules.grant(to: "b", from: Self.here, remembered: grant) == .success(grant))
        #expect(rules.grant(to: "c", from: Self.here) == .failure(.notListed))
        rules.remembersInitiators = false
        #expect(rules.grant(to: "b", from: Self.here, remembered: grant) == .failure(.notListed))
    }

    @Test func `group and ACL must both allow the network`() throws {
        let ten = try #require(SourceNetwork(bytes: [10, 0, 0, 0], prefixLength: 8))
        let seven = try #require(SourceNetwork(bytes: [10, 0, 0, 7], prefixLength: 32))
        let rules = AccessRules(
            lists: ["a": AccessList(networks: [seven])], demoMode: DemoMode(), networks: [ten])
        #expect(Self.luns(rules.grant(to: "a", from: Self.here)) != nil)
        #expect(rules.grant(to: "a", from: [10, 0, 0, 8]) == .failure(.foreignNetwork))
        #expect(Self.luns(rules.grant(to: "b", from: [10, 0, 0, 8])) != nil)
        #expect(rules.grant(to: "b", from: [11, 0, 0, 8]) == .failure(.foreignNetwork))
        #expect(!rules.shows(to: "b", from: [11, 0, 0, 8]))
    }

    // MARK: - Networks

    private static func v6(_ head: [UInt8], _ tail: [UInt8] = []) -> [UInt8] {
        head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    @Test(
        arguments: [
            ([10, 1, 2, 3], 8, [10, 255, 0, 0], true), ([10, 1, 2, 3], 8, [11, 1, 2, 3], false),
            ([10, 1, 2, 3], 0, [200, 1, 1, 1], true), ([10, 1, 2, 3], 32, [10, 1, 2, 3], true),
            ([10, 1, 2, 3], 32, [10, 1, 2, 2], false), ([10, 1, 2, 128], 25, [10, 1, 2, 255], true),
            ([10, 1, 2, 128], 25, [10, 1, 2, 127], false), ([10, 1, 2, 3], 31, [10, 1, 2, 2], true),
            ([10, 1, 2, 3], 0, v6([0xfd]), false), (v6([0xfd]), 0, [10, 1, 2, 3], false),
            (v6([0xfd]), 8, v6([0xfd, 1], [9]), true), (v6([0xfd]), 8, v6([0xfe], [9]), false),
            (v6([0xfd], [1]), 128, v6([0xfd], [1]), true), (v6([0xfd], [1]), 127, v6([0xfd], [2]), false),
            // IPv4 as a socket on :: shows it.
            ([10, 0, 0, 0], 8, v6([], [0xff, 0xff, 10, 9, 9, 9]), true),
            ([10, 0, 0, 0], 8, v6([], [0xff, 0xff, 11, 9, 9, 9]), false),
        ] as [([UInt8], Int, [UInt8], Bool)])
    func `an address lies in a network or not`(
        network: [UInt8], prefix: Int, address: [UInt8], isInside: Bool
    ) throws {
        #expect(try #require(SourceNetwork(bytes: network, prefixLength: prefix)).contains(address) == isInside)
    }

    @Test func `what is no network`() {
        #expect(SourceNetwork(bytes: [10, 0, 0, 0], prefixLength: 33) == nil)
        #expect(SourceNetwork(bytes: [10, 0, 0, 0], prefixLength: -1) == nil)
        #expect(SourceNetwork(bytes: [10, 0, 0], prefixLength: 8) == nil)
        #expect(SourceNetwork(bytes: Self.v6([0xfd]), prefixLength: 129) == nil)
        let any = SourceNetwork(bytes: [0, 0, 0, 0], prefixLength: 0)
        #expect(any?.contains([]) == false)
    }
}
