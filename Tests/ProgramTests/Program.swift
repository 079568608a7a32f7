// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation

/// The built program.
struct Program {
    /// Beside the test bundle, where the build puts both.
    static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let candidates = [own, CommandLine.arguments.first ?? ""] + CommandLine.arguments
        return candidates.map { URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/apus" }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "apus"
    }()

    struct Result {
        var status: Int32
        var output: String
        var error: String
    }

    static func start(_ arguments: [String], output: Pipe? = nil, error: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = error ?? FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs it to its end. What it writes must fit a pipe: 64 KiB.
    static func run(_ arguments: [String]) throws -> Result {
        let (output, error) = (Pipe(), Pipe())
        let process = try Self.start(arguments, output: output, error: error)
        process.waitUntilExit()
        func text(_ pipe: Pipe) -> String {
            String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        }
        return Result(status: process.terminationStatus, output: text(output), error: text(error))
    }
}

/// A folder that goes with its last user, and the options that make the program keep to it.
final class Place: Sendable {
    let folder: String

    init() throws {
        self.folder = NSTemporaryDirectory() + "apus-program-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    var configuration: String { self.folder + "/saveconfig.json" }

    var options: [String] {
        ["--config", self.configuration, "--state", self.folder + "/state", "--socket", self.folder + "/s"]
    }
}
