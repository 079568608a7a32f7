// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Glibc
import NIOCore

/// Where a user's preferences are kept between runs: one small JSON file in their home.
package struct PreferencesFile: Sendable {
    private let path: String

    package init(path: String) {
        self.path = path
    }

    /// What is kept; nothing where there is no file, or one that cannot be read.
    func load() -> ShellPreferences {
        guard let file = unsafe fopen(self.path, "re") else { return ShellPreferences() }
        defer { unsafe fclose(file) }
        var text = ByteBuffer()
        while text.readableBytes < Limits.preferenceBytes {
            let count = unsafe text.writeWithUnsafeMutableBytes(minimumWritableBytes: 4096) { space in
                unsafe fread(space.baseAddress, 1, space.count, file)
            }
            guard count > 0 else { break }
        }
        return (try? JSONText.read(ShellPreferences.self, from: text)) ?? ShellPreferences()
    }

    /// Puts the file in the place of the one before, whole.
    func save(_ preferences: ShellPreferences) throws(ShellError) {
        let temporary = self.path + ".new"
        guard let text = try? JSONText.pretty(preferences) else { return }
        let file = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw self.failure() }
        let written = unsafe text.withUnsafeReadableBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard close(file) == 0, written == text.readableBytes, unsafe rename(temporary, self.path) == 0 else {
            throw self.failure()
        }
    }

    private func failure() -> ShellError {
        ShellError("your preferences cannot be kept in \(self.path): \(unsafe String(cString: strerror(errno)))")
    }
}
