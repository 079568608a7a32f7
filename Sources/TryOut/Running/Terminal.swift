// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The user's terminal, when it is the machine's: every key goes to the machine as it is.
struct Terminal {
    private let former: termios

    /// Makes standard input raw; nil where it is not a terminal.
    static func raw() -> Terminal? {
        var former = termios()
        guard isatty(STDIN_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &former) == 0 else { return nil }
        var raw = former
        unsafe cfmakeraw(&raw)
        // What we print ourselves still begins new lines at the left.
        raw.c_oflag |= tcflag_t(OPOST | ONLCR)
        guard unsafe tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else { return nil }
        return Terminal(former: former)
    }

    func restore() {
        var former = self.former
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &former)
    }

    /// What standard input has: nil when there is nothing yet, empty at its end.
    static func keys() -> [UInt8]? {
        var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&ready, 1, 0) == 1 else { return nil }
        var keys = [UInt8](repeating: 0, count: 256)
        let count = unsafe read(STDIN_FILENO, &keys, keys.count)
        return Array(keys[..<max(0, count)])
    }
}
