// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which of several lines a user chooses with the arrow keys, and which of them fit the screen.
struct LinePicker {
    private let count: Int
    private let height: Int
    private(set) var selected: Int
    /// The first line on the screen.
    private(set) var top = 0

    enum Key: Hashable {
        case up, down, pageUp, pageDown, first, last, choose, leave, other
    }

    enum Outcome: Hashable {
        case goesOn
        case chosen(Int)
        case left
    }

    /// - Parameters:
    ///   - count: how many lines there are, at least one.
    ///   - height: how many fit the screen, at least one.
    init(count: Int, height: Int, start: Int) {
        self.count = max(1, count)
        self.height = max(1, height)
        self.selected = min(max(0, start), self.count - 1)
        self.scroll()
    }

    var visible: Range<Int> {
        self.top..<min(self.count, self.top + self.height)
    }

    mutating func received(_ key: Key) -> Outcome {
        switch key {
        case .up: self.selected -= 1
        case .down: self.selected += 1
        case .pageUp: self.selected -= self.height
        case .pageDown: self.selected += self.height
        case .first: self.selected = 0
        case .last: self.selected = self.count - 1
        case .choose: return .chosen(self.selected)
        case .leave: return .left
        case .other: break
        }
        self.selected = min(max(0, self.selected), self.count - 1)
        self.scroll()
        return .goesOn
    }

    private mutating func scroll() {
        if self.selected < self.top { self.top = self.selected }
        if self.selected >= self.top + self.height { self.top = self.selected - self.height + 1 }
    }
}

extension LinePicker.Key {
    /// What a terminal sends for a key: a byte, or a sequence that begins with ESC.
    init(_ bytes: [UInt8]) {
        self =
            switch bytes {
            case Array("\u{1B}[A".utf8), Array("\u{1B}OA".utf8), [UInt8(ascii: "k")], [0x10]: .up
            case Array("\u{1B}[B".utf8), Array("\u{1B}OB".utf8), [UInt8(ascii: "j")], [0x0E]: .down
            case Array("\u{1B}[5~".utf8): .pageUp
            case Array("\u{1B}[6~".utf8): .pageDown
            case Array("\u{1B}[H".utf8), Array("\u{1B}OH".utf8), Array("\u{1B}[1~".utf8): .first
            case Array("\u{1B}[F".utf8), Array("\u{1B}OF".utf8), Array("\u{1B}[4~".utf8): .last
            case [0x0D], [0x0A]: .choose
            case [0x1B], [UInt8(ascii: "q")], [0x03], [0x04], []: .leave
            default: .other
            }
    }
}
