// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SystemPackage

/// Where the program's complaints go.
enum StandardError {
    static func write(_ text: String) {
        // Nothing can be told to anybody when standard error itself is gone.
        _ = try? FileDescriptor.standardError.writeAll(text.utf8)
    }
}
