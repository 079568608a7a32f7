// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc

/// A screenful of lines on the terminal, of which the user chooses one.
enum PickerScreen {
    /// The line that was chosen; nil where the user left. Blocks. The screen is afterwards as it was.
    static func choose(_ lines: [String], start: Int) -> Int? {
        var usual = termios()
        guard !lines.isEmpty, unsafe tcgetattr(STDIN_FILENO, &usual) == 0 else { return nil }
        var raw = usual
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        raw.c_iflag &= ~tcflag_t(ICRNL)
        guard unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else { return nil }
        // The other screen, and no cursor on it.
        Self.write("\u{1B}[?1049h\u{1B}[?25l")
        defer {
            Self.write("\u{1B}[?25h\u{1B}[?1049l")
            _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &usual)
        }
        var picker = LinePicker(count: lines.count, height: Self.height, start: start)
        while true {
            Self.draw(lines, picker)
            switch picker.received(LinePicker.Key(Self.key())) {
            case .goesOn: continue
            case .chosen(let index): return index
            case .left: return nil
            }
        }
    }

    private static var height: Int {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return 24 }
        return Int(size.ws_row)
    }

    private static func draw(_ lines: [String], _ picker: LinePicker) {
        var text = "\u{1B}[H"
        for index in picker.visible {
            if index > picker.visible.lowerBound { text += "\r\n" }
            text += index == picker.selected ? "\u{1B}[7m\(lines[index])\u{1B}[0m" : lines[index]
            text += "\u{1B}[K"
        }
        Self.write(text + "\u{1B}[J")
    }

    /// The bytes of one key; none where the terminal is gone.
    private static func key() -> [UInt8] {
        guard let first = Self.byte() else { return [] }
        var bytes = [first]
        // What follows an ESC at once belongs to it.
        var wait = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        while first == 0x1B, bytes.count < 6, unsafe poll(&wait, 1, 50) > 0, let next = Self.byte() {
            bytes.append(next)
            let isIntroducer = bytes.count == 2 && (next == UInt8(ascii: "[") || next == UInt8(ascii: "O"))
            if !isIntroducer, (0x40...0x7E).contains(next) { break }
        }
        return bytes
    }

    private static func byte() -> UInt8? {
        var byte: UInt8 = 0
        return unsafe read(STDIN_FILENO, &byte, 1) == 1 ? byte : nil
    }

    private static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
