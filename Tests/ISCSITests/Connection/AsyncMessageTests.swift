// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §11.9 Async Message")
struct AsyncMessageTests {
    @Test(
        arguments: [
            (.logoutRequest(withinSeconds: 9), "01 00 00 00 00 00 00 09 00 00 00 00"),
            (.dropsConnection(isRecoverable: true), "02 00 00 07 00 03 00 14 00 00 00 00"),
            (.dropsConnection(isRecoverable: false), "02 00 00 07 00 03 00 00 00 00 00 00"),
            (.dropsSession, "03 00 00 00 00 03 00 00 00 00 00 00"),
        ] as [(AsyncEvent, String)])
    func `event and parameters`(event: AsyncEvent, end: String) {
        let target = ScriptedTarget(cmdSN: 0x10, statSN: 0x20) {
            $0.defaultTime2WaitSeconds = 3
            $0.defaultTime2RetainSeconds = 20
        }
        let bytes = target.act { $0.announce(event, output: &$1) }
        #expect(
            bytes.array
                == ISCSITesting.bytes(
                    "32 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff ff ff ff 00 00 00 00"
                        + "00 00 00 20 00 00 00 10 00 00 00 8f" + end), "\n\(bytes.hexLines)")
        // It uses up a StatSN.
        let next = target.act { $0.announce(.dropsSession, output: &$1) }
        #expect(next.array[24..<28].elementsEqual([0, 0, 0, 0x21]))
    }
}
