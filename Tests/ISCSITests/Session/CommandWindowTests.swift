// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import Testing
import Wire

@Suite("RFC 7143 §4.2.2.1 command window")
struct CommandWindowTests {
    private static func sn(_ value: UInt32) -> SerialNumber {
        SerialNumber(value)
    }

    @Test(arguments: [1, 0xffff_fffe, 0x7fff_fffe] as [UInt32])
    func `in order is delivered, ahead is held, behind and beyond is ignored`(first: UInt32) {
        var window = CommandWindow(firstCmdSN: first, size: 4)
        #expect(window.advance() == (first, first &+ 3))
        #expect(window.received(Self.sn(first &+ 1)) == .hold)
        #expect(window.received(Self.sn(first &+ 3)) == .hold)
        #expect(window.received(Self.sn(first &+ 4)) == .ignore)
        #expect(window.received(Self.sn(first &- 1)) == .ignore)
        #expect(window.received(Self.sn(first)) == .deliver)
        #expect(window.received(Self.sn(first)) == .ignore)
        #expect(window.received(Self.sn(first &+ 1)) == .deliver)
        #expect(window.advance() == (first &+ 2, first &+ 5))
    }

    @Test func `tasks close the window, and their ends open it`() {
        var window = CommandWindow(firstCmdSN: 10, size: 2)
        #expect(window.received(Self.sn(10)) == .deliver)
        window.taskBegan()
        #expect(window.received(Self.sn(11)) == .deliver)
        window.taskBegan()
        // Closed: MaxCmdSN is ExpCmdSN - 1, and what comes all the same is ignored.
        #expect(window.advance() == (12, 11))
        #expect(window.received(Self.sn(12)) == .ignore)
        #expect(window.received(Self.sn(13)) == .ignore)
        window.taskEnded()
        #expect(window.advance() == (12, 12))
        #expect(window.received(Self.sn(12)) == .deliver)
        window.taskEnded()
        #expect(window.advance() == (13, 14))
    }

    @Test func `MaxCmdSN never goes back`() {
        var window = CommandWindow(firstCmdSN: 1, size: 8)
        #expect(window.advance() == (1, 8))
        for cmdSN: UInt32 in 1...8 {
            #expect(window.received(Self.sn(cmdSN)) == .deliver)
            window.taskBegan()
            #expect(window.advance() == (cmdSN + 1, 8))
        }
    }

    /// The window as the standard describes it, with plain numbers that do not wrap.
    private struct Model {
        var exp: Int
        var max: Int
        var size: Int
        var outstanding = 0

        mutating func received(_ cmdSN: Int) -> CommandWindow.Verdict {
            guard cmdSN >= self.exp, cmdSN <= self.max else { return .ignore }
            guard cmdSN == self.exp else { return .hold }
            self.exp += 1
            return .deliver
        }

        mutating func advance() {
            self.max = Swift.max(self.max, self.exp + (self.size - self.outstanding) - 1)
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a window does what a simple model does, across zero`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let size = Int.random(in: 1...16, using: &generator)
        let start = 0xffff_ff80
        var window = CommandWindow(firstCmdSN: UInt32(start), size: UInt32(size))
        var model = Model(exp: start, max: start + size - 1, size: size)
        for step in 0..<2_000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where model.outstanding > 0:
                window.taskEnded()
                model.outstanding -= 1
            case 1:
                let (exp, max) = window.advance()
                model.advance()
                #expect(exp == UInt32(truncatingIfNeeded: model.exp), "seed \(seed), step \(step)")
                #expect(max == UInt32(truncatingIfNeeded: model.max), "seed \(seed), step \(step)")
            default:
                let cmdSN = model.exp + Int.random(in: -3...(size + 2), using: &generator) / 2
                let verdict = window.received(SerialNumber(UInt32(truncatingIfNeeded: cmdSN)))
                #expect(verdict == model.received(cmdSN), "seed \(seed), step \(step)")
                if verdict == .deliver, Bool.random(using: &generator) {
                    window.taskBegan()
                    model.outstanding += 1
                }
            }
        }
        #expect(model.exp > start)
    }
}
