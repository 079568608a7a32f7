// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import Testing
import Wire

@Suite("RFC 1982 serial numbers")
struct SerialNumberTests {
    @Test(
        arguments: [
            (0, 1, true), (1, 0, false), (7, 7, false),
            (0xffff_ffff, 0, true), (0, 0xffff_ffff, false), (0xffff_fff0, 0x10, true),
            (0, 0x7fff_ffff, true), (0x7fff_ffff, 0, false),
            // Half the circle apart: neither comes first.
            (0, 0x8000_0000, false), (0x8000_0000, 0, false),
        ] as [(UInt32, UInt32, Bool)])
    func `one number precedes another, also across zero`(left: UInt32, right: UInt32, precedes: Bool) {
        #expect(SerialNumber(left).precedes(SerialNumber(right)) == precedes)
    }

    @Test func `steps and distance agree, also across zero`() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<10_000 {
            let start = SerialNumber(UInt32.random(in: .min ... .max, using: &generator))
            let steps = UInt32.random(in: 1..<0x8000_0000, using: &generator)
            let end = start.advanced(by: steps)
            #expect(end.distance(from: start) == steps)
            #expect(start.precedes(end) && !end.precedes(start), "seed 1: \(start.value) + \(steps)")
        }
    }
}
