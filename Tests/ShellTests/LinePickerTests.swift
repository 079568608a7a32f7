// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

@testable import Shell

@Suite("Choosing a line with the arrow keys")
struct LinePickerTests {
    @Test(arguments: [
        ("\u{1B}[A", LinePicker.Key.up), ("\u{1B}OA", .up), ("k", .up), ("\u{1B}[B", .down), ("\u{1B}OB", .down),
        ("j", .down), ("\u{1B}[5~", .pageUp), ("\u{1B}[6~", .pageDown), ("\u{1B}[H", .first), ("\u{1B}[F", .last),
        ("\r", .choose), ("\n", .choose), ("q", .leave), ("\u{1B}", .leave), ("\u{3}", .leave), ("", .leave),
        ("x", .other), ("\u{1B}[17~", .other),
    ])
    func keys(bytes: String, key: LinePicker.Key) {
        #expect(LinePicker.Key(Array(bytes.utf8)) == key)
    }

    @Test func `the choice stays among the lines, and on the screen`() {
        var picker = LinePicker(count: 10, height: 4, start: 6)
        #expect(picker.visible == 3..<7)
        for (key, selected, visible) in [
            (LinePicker.Key.down, 7, 4..<8), (.down, 8, 5..<9), (.down, 9, 6..<10), (.down, 9, 6..<10),
            (.pageUp, 5, 5..<9), (.first, 0, 0..<4), (.up, 0, 0..<4), (.pageDown, 4, 1..<5), (.last, 9, 6..<10),
            (.other, 9, 6..<10),
        ] {
            #expect(picker.received(key) == .goesOn)
            #expect(picker.selected == selected)
            #expect(picker.visible == visible)
        }
        #expect(picker.received(.choose) == .chosen(9))
        #expect(picker.received(.leave) == .left)
    }
}
