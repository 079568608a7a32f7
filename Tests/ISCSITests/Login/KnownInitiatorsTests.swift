// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import Testing

/// What initiators of the field send, as captured, and our exact answers.
@Suite("RFC 7143 §6.3 logins of known initiators")
struct KnownInitiatorsTests {
    private static let target = "TargetName=\(OneTarget.target)"

    @Test func `iPXE of 2019 goes through the security stage, and wants an R2T for everything`() throws {
        var login = LoginUnderTest()
        #expect(
            try login.received(
                csg: 0, nsg: 1,
                [
                    "InitiatorName=iqn.2010-04.org.ipxe:00000000-0000-0000-0000-000000000000", Self.target,
                    "SessionType=Normal", "AuthMethod=None",
                ]) == LoginAnswer(flags: 0x81, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "HeaderDigest=None", "DataDigest=None", "MaxConnections=1", "InitialR2T=Yes", "ImmediateData=No",
                "MaxRecvDataSegmentLength=8192", "MaxBurstLength=262144", "FirstBurstLength=65536",
                "DefaultTime2Wait=0", "DefaultTime2Retain=0", "MaxOutstandingR2T=1", "DataPDUInOrder=Yes",
                "DataSequenceInOrder=Yes", "ErrorRecoveryLevel=0",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "HeaderDigest=None", "DataDigest=None", "MaxConnections=1", "InitialR2T=Yes",
                        "ImmediateData=No", "MaxBurstLength=262144", "FirstBurstLength=65536", "DefaultTime2Wait=0",
                        "DefaultTime2Retain=0", "MaxOutstandingR2T=1", "DataPDUInOrder=Yes",
                        "DataSequenceInOrder=Yes", "ErrorRecoveryLevel=0", "MaxRecvDataSegmentLength=262144",
                    ]))
        let established = try #require(answer.login)
        #expect(established.parameters.initialR2T && !established.parameters.immediateData)
        #expect(established.parameters.initiatorMaxRecvDataSegmentLength == 8_192)
        #expect(established.portalGroupTag == 1 && !established.isDiscovery && established.firstCmdSN == 1)
    }

    @Test func `libiscsi 1.19 names itself again when it wanted CHAP and got None, but nobody changes their name`()
        throws
    {
        let names = ["InitiatorName=iqn.2024-01.test.bootlab:vm0", "SessionType=Discovery"]
        var login = LoginUnderTest()
        #expect(try login.received(csg: 0, nsg: 1, names + ["AuthMethod=CHAP,None"]).pairs == ["AuthMethod=None"])
        var other = login
        #expect(try login.received(csg: 1, nsg: 3, names).login != nil)
        #expect(try other.received(csg: 1, nsg: 3, ["InitiatorName=iqn.2024-01.test.bootlab:vm1"]).status == 0x0200)
    }

    @Test func `edk2 writes 0 as its retention and InitialR2T=No`() throws {
        var login = LoginUnderTest()
        #expect(
            try login.received(
                csg: 0, nsg: 1,
                [
                    "InitiatorName=iqn.2024-01.test.bootlab:vm0", "SessionType=Normal", Self.target, "AuthMethod=None",
                ]) == LoginAnswer(flags: 0x81, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "HeaderDigest=None", "DataDigest=None", "ErrorRecoveryLevel=0", "InitialR2T=No", "ImmediateData=Yes",
                "MaxRecvDataSegmentLength=65536", "MaxBurstLength=262144", "FirstBurstLength=65536",
                "MaxConnections=1", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes", "DefaultTime2Wait=2",
                "DefaultTime2Retain=20", "MaxOutstandingR2T=1",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "HeaderDigest=None", "DataDigest=None", "ErrorRecoveryLevel=0", "InitialR2T=No",
                        "ImmediateData=Yes", "MaxBurstLength=262144", "FirstBurstLength=65536", "MaxConnections=1",
                        "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes", "DefaultTime2Wait=2", "DefaultTime2Retain=0",
                        "MaxOutstandingR2T=1", "MaxRecvDataSegmentLength=262144",
                    ]))
        #expect(answer.login?.parameters.initialR2T == false)
    }

    private static let openISCSI = [
        "HeaderDigest=None", "DataDigest=None", "DefaultTime2Wait=2", "DefaultTime2Retain=0", "IFMarker=No",
        "OFMarker=No", "ErrorRecoveryLevel=0",
    ]

    @Test func `open-iscsi discovers in one request`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "InitiatorName=iqn.2024-01.test.bootlab:vm0", "InitiatorAlias=localhost", "SessionType=Discovery",
            ] + Self.openISCSI + ["MaxRecvDataSegmentLength=32768"])
        #expect(answer == LoginAnswer(flags: 0x87, Self.openISCSI + ["MaxRecvDataSegmentLength=262144"]))
        let established = try #require(answer.login)
        #expect(established.isDiscovery && established.identity.targetName == nil)
        #expect(established.identity.initiatorAlias == "localhost")
        #expect(established.parameters.initiatorMaxRecvDataSegmentLength == 32_768)
    }

    @Test func `open-iscsi logs in in one request, with bursts of 16 MiB`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "InitiatorName=iqn.2024-01.test.bootlab:vm0", "InitiatorAlias=localhost", Self.target,
                "SessionType=Normal",
            ] + Self.openISCSI + [
                "InitialR2T=No", "ImmediateData=Yes", "MaxBurstLength=16776192", "FirstBurstLength=262144",
                "MaxOutstandingR2T=1", "MaxConnections=1", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes",
                "MaxRecvDataSegmentLength=262144",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    ["TargetPortalGroupTag=1"] + Self.openISCSI + [
                        "InitialR2T=No", "ImmediateData=Yes", "MaxBurstLength=1048576", "FirstBurstLength=262144",
                        "MaxOutstandingR2T=1", "MaxConnections=1", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes",
                        "MaxRecvDataSegmentLength=262144",
                    ]))
        #expect(answer.login?.parameters.maxBurstLength == 1_048_576)
    }

    /// As measured on the wire by others: Windows counts the levels and connections of which it is capable, and closes
    /// the connection over an answer to a key that it did not offer.
    @Test func `Windows goes through the security stage, and offers level 2 and many connections`() throws {
        var login = LoginUnderTest()
        #expect(
            try login.received(
                csg: 0, nsg: 1,
                [
                    "InitiatorName=iqn.1991-05.com.microsoft:win2003s", "SessionType=Normal", Self.target,
                    "AuthMethod=None",
                ]) == LoginAnswer(flags: 0x81, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "HeaderDigest=None,CRC32C", "DataDigest=None,CRC32C", "ErrorRecoveryLevel=2", "InitialR2T=No",
                "ImmediateData=Yes", "MaxRecvDataSegmentLength=65536", "MaxBurstLength=262144",
                "FirstBurstLength=65536", "MaxConnections=32", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes",
                "DefaultTime2Wait=0", "DefaultTime2Retain=60", "MaxOutstandingR2T=16",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "HeaderDigest=None", "DataDigest=None", "ErrorRecoveryLevel=2", "InitialR2T=No",
                        "ImmediateData=Yes", "MaxBurstLength=262144", "FirstBurstLength=65536", "MaxConnections=32",
                        "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes", "DefaultTime2Wait=0",
                        "DefaultTime2Retain=20", "MaxOutstandingR2T=1", "MaxRecvDataSegmentLength=262144",
                    ]))
        // Its discovery offers these alone.
        var discovery = LoginUnderTest()
        #expect(
            try discovery.received(
                csg: 0, nsg: 1,
                ["InitiatorName=iqn.1991-05.com.microsoft:win2003s", "SessionType=Discovery", "AuthMethod=None"])
                == LoginAnswer(flags: 0x81, ["AuthMethod=None"]))
        #expect(
            try discovery.received(
                csg: 1, nsg: 3,
                [
                    "HeaderDigest=None,CRC32C", "DataDigest=None,CRC32C", "MaxRecvDataSegmentLength=65536",
                    "DefaultTime2Wait=0", "DefaultTime2Retain=60",
                ])
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "HeaderDigest=None", "DataDigest=None", "DefaultTime2Wait=0", "DefaultTime2Retain=0",
                        "MaxRecvDataSegmentLength=262144",
                    ]))
    }

    /// The order of keys as illumos' initiator writes them (iscsi_login.c), its defaults as iscsiadm shows them.
    @Test func `Solaris has no security stage where it has no secrets, and offers 65,535 connections`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "InitiatorName=iqn.1986-03.com.sun:01:e00000000000.5250ac8e", "InitiatorAlias=solaris11", Self.target,
                "SessionType=Normal", "HeaderDigest=None", "DataDigest=None", "MaxRecvDataSegmentLength=65536",
                "DefaultTime2Wait=2", "DefaultTime2Retain=20", "ErrorRecoveryLevel=0", "IFMarker=No", "OFMarker=No",
                "InitialR2T=Yes", "ImmediateData=Yes", "MaxBurstLength=262144", "FirstBurstLength=65536",
                "MaxOutstandingR2T=1", "MaxConnections=65535", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "TargetPortalGroupTag=1", "HeaderDigest=None", "DataDigest=None", "DefaultTime2Wait=2",
                        "DefaultTime2Retain=0", "ErrorRecoveryLevel=0", "IFMarker=No", "OFMarker=No",
                        "InitialR2T=Yes", "ImmediateData=Yes", "MaxBurstLength=262144", "FirstBurstLength=65536",
                        "MaxOutstandingR2T=1", "MaxConnections=64", "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes",
                        "MaxRecvDataSegmentLength=262144",
                    ]))
    }

    @Test func `keys of vendors are not understood, what the initiator runs on is taken without a word`() throws {
        var login = LoginUnderTest()
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "InitiatorName=iqn.1998-01.com.vmware:esx1-019b6a5a", Self.target, "SessionType=Normal",
                "X#NodeArchitecture=VMware ESXi 8.0", "X-com.vmware.isid=1", "X#Private=a,b", "HeaderDigest=None",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "TargetPortalGroupTag=1", "X-com.vmware.isid=NotUnderstood", "X#Private=NotUnderstood",
                        "HeaderDigest=None", "MaxRecvDataSegmentLength=262144",
                    ]))
    }

    @Test func `libiscsi asks for the digest that it would rather not have, last`() throws {
        var login = LoginUnderTest()
        #expect(
            try login.received(
                csg: 0, nsg: 1,
                [
                    "InitiatorName=iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-inq",
                    "InitiatorAlias=iscsi-inq", "TargetName=\(OneTarget.target)", "SessionType=Normal",
                    "AuthMethod=None",
                ]) == LoginAnswer(flags: 0x81, ["TargetPortalGroupTag=1", "AuthMethod=None"]))
        let answer = try login.received(
            csg: 1, nsg: 3,
            [
                "HeaderDigest=None,CRC32C", "DataDigest=None", "InitialR2T=No", "ImmediateData=Yes",
                "MaxBurstLength=262144", "FirstBurstLength=262144", "MaxRecvDataSegmentLength=262144",
                "DataPDUInOrder=Yes", "MaxConnections=1", "DefaultTime2Wait=2",
                "DefaultTime2Retain=0", "IFMarker=No", "OFMarker=No", "MaxOutstandingR2T=1", "DataSequenceInOrder=Yes",
                "ErrorRecoveryLevel=0",
            ])
        #expect(
            answer
                == LoginAnswer(
                    flags: 0x87,
                    [
                        "HeaderDigest=None", "DataDigest=None", "InitialR2T=No", "ImmediateData=Yes",
                        "MaxBurstLength=262144", "FirstBurstLength=262144", "DataPDUInOrder=Yes", "MaxConnections=1",
                        "DefaultTime2Wait=2", "DefaultTime2Retain=0", "IFMarker=No", "OFMarker=No",
                        "MaxOutstandingR2T=1", "DataSequenceInOrder=Yes", "ErrorRecoveryLevel=0",
                        "MaxRecvDataSegmentLength=262144",
                    ]))
    }
}
