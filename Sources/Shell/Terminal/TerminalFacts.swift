// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc

/// What the terminal on standard output can do.
package enum TerminalFacts {
    /// How wide it is; nil where there is none.
    package static var columns: Int? {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Whether it moves its cursor where it is told to.
    static var hasCursor: Bool {
        isatty(STDOUT_FILENO) == 1 && isatty(STDIN_FILENO) == 1 && !Self.isDumb
    }

    /// Whether it shows colours, and the user has nothing against them (no-color.org).
    package static var hasColours: Bool {
        isatty(STDOUT_FILENO) == 1 && !Self.isDumb && Self.variable("NO_COLOR") == nil
    }

    private static var isDumb: Bool {
        ["dumb", nil].contains(Self.variable("TERM"))
    }

    /// A variable of the environment; nil where it is not there or empty.
    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }
}
