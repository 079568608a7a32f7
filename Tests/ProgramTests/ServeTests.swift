// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("apus serve")
struct ServeTests {
    /// Starts the daemon and waits until its API answers.
    private func serve(_ place: Place, log: Pipe? = nil) throws -> Process {
        let process = try Program.start(["serve"] + place.options, error: log)
        for _ in 0..<3000 {
            if try Program.run(["status"] + place.options).status == 0 { return process }
            guard process.isRunning else { break }
            usleep(10_000)
        }
        Issue.record("the daemon did not come up")
        return process
    }

    @Test func `it serves, is changed, reloads on SIGHUP and ends with status 0`() throws {
        let place = try Place()
        #expect(FileManager.default.createFile(atPath: place.folder + "/d.img", contents: Data(count: 1 << 20)))
        let daemon = try self.serve(place)
        defer { kill(daemon.processIdentifier, SIGKILL) }
        let added = try Program.run(
            ["client", "add", "pc1", "--mac", "52:54:00:00:00:01", "--disk", place.folder + "/d.img"] + place.options)
        #expect(added.output.hasPrefix("added pc1"), "\(added.error)")
        let status = try Program.run(["status"] + place.options)
        #expect(status.output.contains("LUN 0  1.0 MB  \(place.folder)/d.img"))
        let timeline = try Program.run(["timeline", "pc1"] + place.options)
        #expect(timeline.output == "pc1  52:54:00:00:00:01\n  nothing has been seen of it yet\n", "\(timeline.error)")

        // The file is changed by hand, and taken over.
        let text = try String(contentsOfFile: place.configuration, encoding: .utf8)
        try text.replacingOccurrences(of: "\"pc1\"", with: "\"pc9\"")
            .write(toFile: place.configuration, atomically: true, encoding: .utf8)
        kill(daemon.processIdentifier, SIGHUP)
        var names = ""
        for _ in 0..<500 where !names.contains("pc9") {
            names = try Program.run(["client", "list"] + place.options).output
        }
        #expect(names.contains("pc9"))

        kill(daemon.processIdentifier, SIGTERM)
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
        #expect(!FileManager.default.fileExists(atPath: place.folder + "/s"))
    }

    @Test func `a second daemon is refused, and so is editing behind the first one's back`() throws {
        let place = try Place()
        let daemon = try self.serve(place)
        defer { kill(daemon.processIdentifier, SIGKILL) }
        let second = try Program.run(["serve"] + place.options)
        #expect(second.status == 75)
        #expect(second.error.contains("in use by another apus"))
        kill(daemon.processIdentifier, SIGTERM)
        daemon.waitUntilExit()
    }
}
