// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import Testing

@Suite("RFC 7143 §13 table of keys")
struct KeyTableTests {
    /// Every key that the standard names, with its default (§13) where it has one.
    static let standard: [String: String?] = [
        "AuthMethod": "None", "InitiatorName": nil, "InitiatorAlias": nil, "TargetName": nil, "SessionType": "Normal",
        "HeaderDigest": "None", "DataDigest": "None", "MaxConnections": "1", "InitialR2T": "Yes",
        "ImmediateData": "Yes", "MaxRecvDataSegmentLength": "8192", "MaxBurstLength": "262144",
        "FirstBurstLength": "65536", "DefaultTime2Wait": "2", "DefaultTime2Retain": "20", "MaxOutstandingR2T": "1",
        "DataPDUInOrder": "Yes", "DataSequenceInOrder": "Yes", "ErrorRecoveryLevel": "0", "TaskReporting": "RFC3720",
        "iSCSIProtocolLevel": "1", "IFMarker": "No", "OFMarker": "No", "IFMarkInt": nil, "OFMarkInt": nil,
        "X#NodeArchitecture": nil, "SendTargets": nil,
    ]

    @Test func `every key has a row, once, with its default`() {
        #expect(Set(KeyTable.rows.map(\.name)) == Set(Self.standard.keys))
        #expect(KeyTable.rows.count == Self.standard.count)
        for row in KeyTable.rows {
            #expect(row.defaultValue == Self.standard[row.name] ?? nil, "\(row.name)")
        }
    }

    @Test func `what is in force before any key is the table's default`() {
        for (key, value) in OperationalParameters().keyValues {
            #expect(KeyTable.row(key)?.defaultValue == value, "\(key)")
        }
    }

    @Test func `a key's range holds its default and our own value`() {
        for row in KeyTable.rows {
            switch row.rule {
            case .minimum(let ours, let range), .maximum(let ours, let range):
                #expect(range.contains(ours), "\(row.name)")
                #expect(row.defaultValue.flatMap(parseKeyNumber).map(range.contains) ?? true, "\(row.name)")
            case .declaredNumber(let range):
                #expect(row.defaultValue.flatMap(parseKeyNumber).map(range.contains) ?? true, "\(row.name)")
            default:
                break
            }
        }
    }

    @Test func `names are told apart by case`() {
        #expect(KeyTable.row("headerdigest") == nil)
        #expect(KeyTable.row("HeaderDigest") != nil)
    }
}
