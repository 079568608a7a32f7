// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import Testing

@Suite("RFC 7143 §6.2 negotiation of keys")
struct NegotiationTests {
    /// Our answer to one proposal, and what is in force after it; "-" where there is no answer.
    private static func answer(_ key: String, _ value: String) -> (String, OperationalParameters) {
        var negotiation = Negotiation()
        let answer = try? negotiation.received(KeyValue(key, value))
        #expect(answer.map { $0.key == key } ?? true)
        return (answer?.value ?? "-", negotiation.agreed)
    }

    @Test(arguments: [
        // Lists: the first of theirs that we have.
        ("AuthMethod", "None", "None"), ("AuthMethod", "CHAP,None", "None"), ("AuthMethod", "CHAP", "Reject"),
        ("AuthMethod", "KRB5,SRP,CHAP", "Reject"), ("AuthMethod", "", "Reject"),
        ("HeaderDigest", "None", "None"), ("HeaderDigest", "CRC32C", "CRC32C"),
        ("HeaderDigest", "CRC32C,None", "CRC32C"), ("HeaderDigest", "None,CRC32C", "None"),
        ("HeaderDigest", "MD5,CRC32C", "CRC32C"), ("HeaderDigest", "MD5", "Reject"), ("HeaderDigest", "none", "Reject"),
        ("DataDigest", "CRC32C,None", "CRC32C"), ("DataDigest", "None", "None"), ("DataDigest", "Yes", "Reject"),
        ("TaskReporting", "RFC3720", "RFC3720"), ("TaskReporting", "FastAbort,RFC3720", "FastAbort"),
        ("TaskReporting", "Telepathy,ResponseFence", "ResponseFence"), ("TaskReporting", "Telepathy", "Reject"),
        // Yes and No.
        ("InitialR2T", "Yes", "Yes"), ("InitialR2T", "No", "No"), ("InitialR2T", "yes", "Reject"),
        ("ImmediateData", "Yes", "Yes"), ("ImmediateData", "No", "No"), ("ImmediateData", "1", "Reject"),
        ("DataPDUInOrder", "Yes", "Yes"), ("DataPDUInOrder", "No", "No"), ("DataPDUInOrder", "", "Reject"),
        ("DataSequenceInOrder", "Yes", "Yes"), ("DataSequenceInOrder", "No", "No"),
        ("DataSequenceInOrder", "Maybe", "Reject"),
        // The smaller one.
        ("MaxConnections", "1", "1"), ("MaxConnections", "8", "8"), ("MaxConnections", "65535", "64"),
        ("MaxConnections", "0", "Reject"),
        ("MaxConnections", "65536", "Reject"),
        ("MaxBurstLength", "262144", "262144"), ("MaxBurstLength", "16776192", "1048576"),
        ("MaxBurstLength", "512", "512"), ("MaxBurstLength", "511", "Reject"),
        ("MaxBurstLength", "16777215", "1048576"),
        ("MaxBurstLength", "16777216", "Reject"), ("MaxBurstLength", "0x10000", "65536"),
        ("FirstBurstLength", "65536", "65536"), ("FirstBurstLength", "16777215", "262144"),
        ("FirstBurstLength", "511", "Reject"), ("FirstBurstLength", "-512", "Reject"),
        ("DefaultTime2Retain", "20", "0"), ("DefaultTime2Retain", "0", "0"), ("DefaultTime2Retain", "3601", "Reject"),
        ("MaxOutstandingR2T", "1", "1"), ("MaxOutstandingR2T", "65535", "16"), ("MaxOutstandingR2T", "0", "Reject"),
        ("MaxOutstandingR2T", "65536", "Reject"),
        ("ErrorRecoveryLevel", "0", "0"), ("ErrorRecoveryLevel", "1", "1"), ("ErrorRecoveryLevel", "2", "2"),
        ("ErrorRecoveryLevel", "3", "Reject"),
        ("iSCSIProtocolLevel", "1", "1"), ("iSCSIProtocolLevel", "2", "2"), ("iSCSIProtocolLevel", "31", "2"),
        ("iSCSIProtocolLevel", "32", "Reject"),
        // The larger one.
        ("DefaultTime2Wait", "0", "0"), ("DefaultTime2Wait", "2", "2"), ("DefaultTime2Wait", "3600", "3600"),
        ("DefaultTime2Wait", "3601", "Reject"), ("DefaultTime2Wait", "two", "Reject"),
        // Declared: no answer, unless it cannot be.
        ("MaxRecvDataSegmentLength", "8192", "-"), ("MaxRecvDataSegmentLength", "512", "-"),
        ("MaxRecvDataSegmentLength", "16777215", "-"), ("MaxRecvDataSegmentLength", "511", "Reject"),
        ("MaxRecvDataSegmentLength", "16777216", "Reject"), ("MaxRecvDataSegmentLength", "None", "Reject"),
        ("InitiatorName", "iqn.2026-11.org.example:a", "-"), ("InitiatorAlias", "a", "-"),
        ("TargetName", "iqn.2026-11.org.apus:a", "-"), ("SessionType", "Normal", "-"),
        ("X#NodeArchitecture", "amd64", "-"),
        // Gone since RFC 7143.
        ("IFMarker", "No", "No"), ("IFMarker", "Yes", "No"), ("OFMarker", "Yes", "No"),
        ("IFMarkInt", "2048~8192", "Reject"), ("OFMarkInt", "1", "Reject"),
        // Not ours to know.
        ("X-com.example.speed", "11", "NotUnderstood"), ("X#Other", "1", "NotUnderstood"),
        ("headerdigest", "None", "NotUnderstood"), ("CHAP_A", "5", "NotUnderstood"),
        // Answers to what was never asked get none.
        ("HeaderDigest", "NotUnderstood", "-"), ("MaxBurstLength", "Irrelevant", "-"), ("InitialR2T", "Reject", "-"),
    ])
    func `each proposal has its answer`(key: String, value: String, answer: String) {
        #expect(Self.answer(key, value).0 == answer)
    }

    @Test func `what is answered is in force`() {
        #expect(Self.answer("HeaderDigest", "CRC32C").1.headerDigest)
        #expect(Self.answer("DataDigest", "CRC32C,None").1.dataDigest)
        #expect(!Self.answer("InitialR2T", "No").1.initialR2T)
        #expect(!Self.answer("ImmediateData", "No").1.immediateData)
        #expect(Self.answer("MaxRecvDataSegmentLength", "65536").1.initiatorMaxRecvDataSegmentLength == 65_536)
        #expect(Self.answer("MaxBurstLength", "16776192").1.maxBurstLength == 1_048_576)
        #expect(Self.answer("FirstBurstLength", "4096").1.firstBurstLength == 4_096)
        #expect(Self.answer("MaxOutstandingR2T", "4").1.maxOutstandingR2T == 4)
        #expect(Self.answer("DefaultTime2Wait", "10").1.defaultTime2WaitSeconds == 10)
        #expect(Self.answer("DefaultTime2Retain", "10").1.defaultTime2RetainSeconds == 0)
        #expect(!Self.answer("DataPDUInOrder", "No").1.dataPDUInOrder)
        #expect(!Self.answer("DataSequenceInOrder", "No").1.dataSequenceInOrder)
        #expect(Self.answer("ErrorRecoveryLevel", "2").1.errorRecoveryLevel == 2)
        #expect(Self.answer("MaxConnections", "3").1.maxConnections == 3)
    }

    @Test func `what is rejected leaves the default in force`() {
        for row in KeyTable.rows {
            #expect(Self.answer(row.name, "\u{1}nonsense").1 == OperationalParameters(), "\(row.name)")
        }
    }

    @Test func `a key may be negotiated once`() throws {
        var negotiation = Negotiation()
        _ = try negotiation.received(KeyValue("MaxBurstLength", "4096"))
        #expect(throws: Negotiation.Violation.repeatedKey("MaxBurstLength")) {
            try negotiation.received(KeyValue("MaxBurstLength", "8192"))
        }
        #expect(negotiation.agreed.maxBurstLength == 4_096)
        // What nobody understands may be said as often as one likes.
        _ = try negotiation.received(KeyValue("X-a", "1"))
        #expect(try negotiation.received(KeyValue("X-a", "1")) == KeyValue("X-a", "NotUnderstood"))
    }

    @Test func `the first burst is never longer than a burst`() throws {
        var negotiation = Negotiation()
        _ = try negotiation.received(KeyValue("MaxBurstLength", "4096"))
        #expect(negotiation.final.firstBurstLength == 4_096)
    }

    @Test func `our segment length is declared once`() {
        var negotiation = Negotiation()
        #expect(negotiation.declaration() == KeyValue("MaxRecvDataSegmentLength", "262144"))
        #expect(negotiation.declaration() == nil)
    }

    @Test func `a target may offer less`() throws {
        var negotiation = Negotiation(offer: SessionOffer(maxConnections: 2, errorRecoveryLevel: 0))
        #expect(try negotiation.received(KeyValue("MaxConnections", "8")) == KeyValue("MaxConnections", "2"))
        #expect(try negotiation.received(KeyValue("ErrorRecoveryLevel", "2")) == KeyValue("ErrorRecoveryLevel", "0"))
    }

    @Test(
        arguments: [
            ("HeaderDigest", "None,CRC32C", "CRC32C"), ("DataDigest", "CRC32C,None", "None"),
            ("DataDigest", "CRC32C", "Reject"), ("InitialR2T", "No", "Yes"), ("ImmediateData", "Yes", "No"),
            ("DataPDUInOrder", "No", "Yes"), ("DataSequenceInOrder", "No", "Yes"), ("MaxOutstandingR2T", "8", "3"),
            ("MaxBurstLength", "262144", "65536"), ("FirstBurstLength", "65536", "4096"),
            ("FirstBurstLength", "1024", "1024"), ("DefaultTime2Wait", "2", "7"), ("DefaultTime2Wait", "9", "9"),
        ])
    func `a target's own half of a key holds`(key: String, value: String, answer: String) throws {
        var offer = SessionOffer()
        (offer.headerDigests, offer.dataDigests) = (["CRC32C"], ["None"])
        (offer.initialR2T, offer.immediateData, offer.dataPDUInOrder, offer.dataSequenceInOrder) = (
            true, false, true, true
        )
        (offer.maxOutstandingR2T, offer.maxBurstLength, offer.firstBurstLength) = (3, 65_536, 4_096)
        offer.defaultTime2Wait = 7
        var negotiation = Negotiation(offer: offer)
        #expect(try negotiation.received(KeyValue(key, value)) == KeyValue(key, answer))
    }

    @Test func `a target may take and send shorter segments, and retain tasks longer`() throws {
        var offer = SessionOffer()
        (offer.maxRecvDataSegmentLength, offer.maxXmitDataSegmentLength) = (8_192, 4_096)
        offer.defaultTime2Retain = 120
        var negotiation = Negotiation(offer: offer)
        #expect(negotiation.declaration() == KeyValue("MaxRecvDataSegmentLength", "8192"))
        let pairs = [
            KeyValue("MaxRecvDataSegmentLength", "65536"), KeyValue("ErrorRecoveryLevel", "2"),
            KeyValue("DefaultTime2Retain", "600"),
        ]
        negotiation.foresee(pairs)
        #expect(try pairs.map { try negotiation.received($0)?.value } == [nil, "2", "120"])
        #expect(negotiation.final.maxRecvDataSegmentLength == 8_192)
        #expect(negotiation.final.initiatorMaxRecvDataSegmentLength == 4_096)
        offer.maxRecvDataSegmentLength = 1 << 24
        var large = Negotiation(offer: offer)
        #expect(large.declaration() == KeyValue("MaxRecvDataSegmentLength", "262144"))
    }

    @Test func `a digest that the target insists on is missed where it was not agreed on`() throws {
        var offer = SessionOffer()
        offer.dataDigests = ["CRC32C"]
        var negotiation = Negotiation(offer: offer)
        #expect(negotiation.missingDigest == "DataDigest=CRC32C")
        _ = try negotiation.received(KeyValue("DataDigest", "CRC32C,None"))
        #expect(negotiation.missingDigest == nil)
        #expect(Negotiation(isDiscovery: true, offer: offer).missingDigest == nil)
        #expect(Negotiation().missingDigest == nil)
    }

    @Test(
        arguments: [
            // level, sequences in order; R2Ts, retention
            (0, "Yes", "8", "0"), (1, "Yes", "1", "0"), (1, "No", "8", "0"), (2, "Yes", "1", "20"),
            (2, "No", "8", "20"),
        ])
    func `what recovery demands is known before it is told`(level: Int, order: String, r2ts: String, retain: String)
        throws
    {
        let pairs = [
            KeyValue("MaxOutstandingR2T", "8"), KeyValue("DefaultTime2Retain", "30"),
            KeyValue("DataSequenceInOrder", order), KeyValue("ErrorRecoveryLevel", "\(level)"),
        ]
        var negotiation = Negotiation()
        negotiation.foresee(pairs)
        let answers = try pairs.map { try negotiation.received($0)?.value }
        #expect(answers == [r2ts, retain, order, "\(level)"])
        #expect(negotiation.final.maxOutstandingR2T == UInt32(r2ts))
        // Told one request earlier, several were agreed on; one is used.
        var late = Negotiation()
        for pair in pairs {
            late.foresee([pair])
            _ = try late.received(pair)
        }
        #expect(late.agreed.maxOutstandingR2T == 8 && late.final.maxOutstandingR2T == UInt32(r2ts))
    }

    @Test func `what holds for a session is Irrelevant on its further connections`() throws {
        var negotiation = Negotiation(isLeading: false)
        for key in [
            "MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength", "MaxOutstandingR2T",
            "DataPDUInOrder", "DataSequenceInOrder", "TaskReporting", "ErrorRecoveryLevel", "DefaultTime2Wait",
        ] {
            #expect(try negotiation.received(KeyValue(key, "1")) == KeyValue(key, "Irrelevant"))
        }
        #expect(try negotiation.received(KeyValue("InitiatorName", "iqn.2026-11.org.example:a")) == nil)
        #expect(try negotiation.received(KeyValue("HeaderDigest", "CRC32C")) == KeyValue("HeaderDigest", "CRC32C"))
        var session = OperationalParameters()
        session.maxConnections = 4
        let joined = session.joined(by: negotiation.final)
        #expect(joined.headerDigest && joined.maxConnections == 4)
    }

    @Test func `keys that mean nothing to a discovery session are Irrelevant there`() throws {
        var negotiation = Negotiation(isDiscovery: true)
        for key in [
            "MaxConnections", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength", "MaxOutstandingR2T",
            "DataPDUInOrder", "DataSequenceInOrder", "TaskReporting",
        ] {
            #expect(try negotiation.received(KeyValue(key, "1")) == KeyValue(key, "Irrelevant"))
        }
        #expect(try negotiation.received(KeyValue("HeaderDigest", "None")) == KeyValue("HeaderDigest", "None"))
        #expect(negotiation.agreed == OperationalParameters())
    }

    @Test(
        arguments: [
            ("MaxRecvDataSegmentLength", "4096", nil), ("MaxRecvDataSegmentLength", "1", "Reject"),
            ("InitiatorAlias", "a", nil), ("MaxBurstLength", "4096", "Reject"), ("HeaderDigest", "CRC32C", "Reject"),
            ("AuthMethod", "None", "Reject"), ("X-a", "1", "NotUnderstood"),
        ] as [(String, String, String?)])
    func `after the login only what each side tells of itself may change`(key: String, value: String, answer: String?) {
        var negotiation = Negotiation()
        #expect(negotiation.receivedInFullFeaturePhase(KeyValue(key, value))?.value == answer)
        // And it may change again.
        #expect(negotiation.receivedInFullFeaturePhase(KeyValue(key, value))?.value == answer)
    }
}
