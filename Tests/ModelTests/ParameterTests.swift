// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Testing

@testable import Model

@Suite("Parameters of portal groups")
struct ParameterTests {
    private static let path = "targets[0].tpgs[0].parameters"

    private static func configuration(
        _ parameters: [String: String], attributes: String = ""
    ) throws -> Configuration {
        let members = parameters.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }
        let (configuration, problems) = try read(
            """
            {"storage_objects": [{"plugin":"ramdisk","name":"r","size":1048576,"wwn":"s"}],
             "targets": [{"fabric":"iscsi","wwn":"iqn.2023-04.com.example:t","tpgs":[{"tag":1,"luns":[],
             "attributes":{\(attributes)}, "parameters":{\(members.joined(separator: ","))}}]}]}
            """)
        #expect(problems.isEmpty)
        return configuration
    }

    private static func served(_ parameters: [String: String]) throws -> ServedParameters {
        let deployment = try Self.configuration(parameters).expanded(in: surroundings).deployment
        return try #require(deployment.targets["iqn.2023-04.com.example:t"]?.groups.first?.parameters)
    }

    @Test func `what is not set is LIO's default, but for larger bursts`() throws {
        #expect(
            try Self.served([:])
                == ServedParameters(
                    headerDigests: ["CRC32C", "None"], dataDigests: ["CRC32C", "None"], maxConnections: 1,
                    errorRecoveryLevel: 0, initialR2T: false, immediateData: true, dataPDUInOrder: true,
                    dataSequenceInOrder: true, maxOutstandingR2T: 1, maxBurstLength: 1_048_576,
                    firstBurstLength: 262_144, maxRecvDataSegmentLength: 262_144, maxXmitDataSegmentLength: 262_144,
                    defaultTime2Wait: 2, defaultTime2Retain: 20))
    }

    @Test func `what is set is what is served`() throws {
        #expect(
            try Self.served([
                "HeaderDigest": "CRC32C", "DataDigest": "None", "MaxConnections": "8", "ErrorRecoveryLevel": "2",
                "InitialR2T": "No", "ImmediateData": "No", "DataPDUInOrder": "No", "DataSequenceInOrder": "No",
                "MaxOutstandingR2T": "16", "MaxBurstLength": "1048576", "FirstBurstLength": "262144",
                "MaxRecvDataSegmentLength": "262144", "MaxXmitDataSegmentLength": "65536", "DefaultTime2Wait": "0",
                "DefaultTime2Retain": "60",
            ])
                == ServedParameters(
                    headerDigests: ["CRC32C"], dataDigests: ["None"], maxConnections: 8, errorRecoveryLevel: 2,
                    initialR2T: false, immediateData: false, dataPDUInOrder: false, dataSequenceInOrder: false,
                    maxOutstandingR2T: 16, maxBurstLength: 1_048_576, firstBurstLength: 262_144,
                    maxRecvDataSegmentLength: 262_144, maxXmitDataSegmentLength: 65_536, defaultTime2Wait: 0,
                    defaultTime2Retain: 60))
    }

    @Test(arguments: [("", nil), ("64", nil), ("0", nil), ("16", 16)] as [(String, UInt32?)])
    func `how many commands a session may have outstanding, unless it is LIO's default`(
        depth: String, window: UInt32?
    ) throws {
        let attributes = depth.isEmpty ? "" : #""default_cmdsn_depth":\#(depth)"#
        let deployment = try Self.configuration([:], attributes: attributes).expanded(in: surroundings).deployment
        let group = try #require(deployment.targets["iqn.2023-04.com.example:t"]?.groups.first)
        #expect(group.parameters?.commandWindow == window)
    }

    @Test(
        arguments: [
            ("MaxConnections", "0", "write a number from 1 to 65535"),
            ("ErrorRecoveryLevel", "3", "write a number from 0 to 2"),
            ("MaxOutstandingR2T", "65536", "write a number from 1 to 65535"),
            ("MaxBurstLength", "511", "write a number from 512 to 16777215"),
            ("FirstBurstLength", "64k", "write a number from 512 to 16777215"),
            ("MaxRecvDataSegmentLength", "16777216", "write a number from 512 to 16777215"),
            ("MaxXmitDataSegmentLength", "", "write a number from 512 to 16777215"),
            ("DefaultTime2Wait", "3601", "write a number from 0 to 3600"),
            ("DefaultTime2Retain", "-1", "write a number from 0 to 3600"),
            ("InitialR2T", "1", "write Yes or No"), ("ImmediateData", "yes", "write Yes or No"),
            ("DataPDUInOrder", "No,Yes", "write Yes or No"), ("DataSequenceInOrder", "", "write Yes or No"),
            ("HeaderDigest", "CRC32", "write CRC32C, None, or both with a comma between them"),
            ("DataDigest", "None,None", "write CRC32C, None, or both with a comma between them"),
            ("AuthMethod", "SRP", "write CHAP, None, or both with a comma between them"),
            ("IFMarker", "Yes", "write No: RFC 7143 has done away with markers"),
            ("OFMarkInt", "2048", "write Reject: RFC 7143 has done away with markers"),
            ("TargetAlias", String(repeating: "a", count: 256), "write at most 255 bytes"),
        ])
    func `what no session could agree on is refused, and the default serves`(
        name: String, value: String, remedy: String
    ) throws {
        let problems = try Self.configuration([name: value]).validate()
        #expect(problems == [.error("\(Self.path).\(name)", "\(name) cannot be '\(value)'", remedy)])
        #expect(try Self.served([name: value]) == Self.served([:]))
    }

    @Test func `every parameter has a kind, and its default is of it`() {
        #expect(Set(TreeSettings.portalGroupParameters.keys) == Set(ParameterKind.all.keys))
        for (name, value) in TreeSettings.portalGroupParameters {
            #expect(ParameterKind.all[name]?.allows(value) == true, "\(name)")
        }
    }

    @Test func `a first burst that is longer than a burst is told of`() throws {
        let problems = try Self.configuration(["FirstBurstLength": "65536", "MaxBurstLength": "32768"]).validate()
        #expect(problems.map(\.severity) == [.warning])
        #expect(try Self.configuration(["FirstBurstLength": "262144"]).validate().isEmpty)
        #expect(try Self.configuration(["MaxBurstLength": "32768"]).validate().isEmpty)
    }
}
