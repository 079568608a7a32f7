// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import SystemPackage

/// Where the program's answers go: written at once, so that a pipe's reader sees each line as it comes.
enum StandardOutput {
    static func write(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(text.utf8)
    }

    static func write(_ text: ByteBuffer) {
        _ = try? FileDescriptor.standardOutput.writeAll(text.readableBytesView)
    }
}
