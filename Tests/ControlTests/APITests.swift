// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Control
import ControlAPI
import Logging
import Model
import Testing

@Suite("API on the Unix socket")
struct APITests {
    /// Runs `body` with a client of a daemon that serves its API.
    private func serving(_ body: (ControlClient, Stage) async throws -> Void) async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)])))
        let socket = stage.folder.path + "/control.sock"
        try await stage.daemon.start()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let api = APIService(daemon: stage.daemon, socketPath: socket, logger: logger)
        let running = Task { try await api.run() }
        let client = ControlClient(socketPath: socket)
        while (try? await client.status()) == nil { try await Task.sleep(for: .milliseconds(5)) }
        try await body(client, stage)
        await stage.daemon.stop()
        running.cancel()
        _ = await running.result
    }

    @Test func `status, configuration and changes`() async throws {
        try await self.serving { client, stage in
            #expect(try await client.status().machines.map(\.client) == ["pc1"])
            let before = try await client.configuration()
            let report = try await client.change(
                ChangeRequest(.addClient(disk("pc2", 2)), expecting: before.generation))
            #expect(report.generation == before.generation + 1)
            let after = Configuration.read(try await client.configuration().configuration).configuration
            #expect(after == (try stage.onDisk()))
            #expect(after.boot.clients.count == 2)
        }
    }

    @Test func `refusals carry their kind, words and problems`() async throws {
        try await self.serving { client, _ in
            let unknown = await #expect(throws: ControlError.self) {
                try await client.change(ChangeRequest(.removeClient(name: "pc9")))
            }
            #expect(unknown?.kind == .notFound)
            #expect(unknown?.description == "there is no machine pc9; machines here: pc1")
            let invalid = await #expect(throws: ControlError.self) {
                try await client.change(ChangeRequest(.addClient(disk("pc2", 1))))
            }
            #expect(invalid?.kind == .refused)
            #expect(invalid?.problems.map(\.path) == ["boot.clients[1].mac"])
            let stale = await #expect(throws: ControlError.self) {
                try await client.change(ChangeRequest(.removeClient(name: "pc1"), expecting: 99))
            }
            #expect(stale?.kind == .conflict)
            let nobody = await #expect(throws: ControlError.self) { try await client.timeline(of: "../a b") }
            #expect(nobody?.kind == .notFound)
            #expect(nobody?.description.hasPrefix("there is no machine ../a b") == true)
        }
    }

    @Test func `a timeline can be followed`() async throws {
        try await self.serving { client, _ in
            var seen = 0
            try await client.follow(timelineOf: "pc1") { report in
                seen += 1
                if report.story.boots.isEmpty {
                    try await client.report(.loginPrompt, of: "pc1")
                    return true
                }
                #expect(report.story.boots.last?.stage == .up)
                return false
            }
            #expect(seen == 2)
        }
    }

    @Test func `without a daemon the error names the way to start one`() async throws {
        let error = await #expect(throws: ControlError.self) {
            try await ControlClient(socketPath: "/tmp/there/is/no.sock").status()
        }
        #expect(error?.kind == .notRunning)
        #expect(error?.description.contains("apus serve") == true)
    }
}
