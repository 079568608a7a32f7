// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation

/// The host's own tools, as the second opinion on what we write.
enum Shell {
    static func run(_ script: String, input: String = "") throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script]
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
        let (from, to) = (Pipe(), Pipe())
        process.standardInput = to
        process.standardOutput = from
        process.standardError = from
        try process.run()
        try to.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try to.fileHandleForWriting.close()
        let output = try from.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
