// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import ISCSIServer
import Testing

/// `apus export` of a file, in a folder of its own.
private final class ExportedFile {
    let folder: String
    private var process = Process()

    init() throws {
        self.folder = NSTemporaryDirectory() + "apus-power-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }

    deinit {
        self.cutPower()
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    /// The built program, beside the test bundle.
    private static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return ([own] + CommandLine.arguments)
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/apus" }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "apus"
    }()

    /// Starts serving and returns where.
    func start(size: String = "1M") throws -> Portal {
        self.process = Process()
        let output = Pipe()
        self.process.executableURL = URL(fileURLWithPath: Self.program)
        self.process.arguments = [
            "export", "\(self.folder)/disk.img", "--size", size, "--portal", "127.0.0.1:0", "--target",
            InitiatorSocket.target,
        ]
        self.process.standardOutput = output
        try self.process.run()
        var text = ""
        while !text.contains("serving") {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "the program ended: \(text)")
            text += String(decoding: more, as: UTF8.self)
        }
        let port = try #require(text.firstMatch(of: /iscsi:\/\/127\.0\.0\.1:([0-9]+)\//)?.output.1)
        return Portal(host: "127.0.0.1", port: try #require(Int(port)))
    }

    var processID: Int32 { self.process.processIdentifier }

    func cutPower() {
        guard self.process.isRunning else { return }
        kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
    }
}

@Suite("APTPL and kill -9", .serialized)
struct PowerCutTests {
    @Test func `whatever was answered GOOD is there, whenever the process is killed`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        let file = try ExportedFile()
        var answered: UInt64 = 0
        var asked: UInt64 = 0
        for _ in 1...25 {
            let portal = try file.start()
            let socket = try await InitiatorSocket.ready(portal)
            let found = try await socket.registeredKeys().first ?? 0
            #expect(found >= answered && found <= asked, "\(found) of \(answered)...\(asked), seed \(seed)")
            answered = found
            asked = found
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let delay = Duration.microseconds(Int((state >> 33) % 30_000))
            let process = file.processID
            let cut = Task {
                try await Task.sleep(for: delay)
                kill(process, SIGKILL)
            }
            do {
                while true {
                    asked += 1
                    let outcome = try await socket.register(asked)
                    #expect(outcome.status == 0)
                    answered = asked
                }
            } catch is InitiatorSocket.Ended {
                // As the cut wants it.
            }
            try await cut.value
            file.cutPower()
        }
        #expect(answered > 0, "seed \(seed)")
    }
}

@Suite("SANITIZE and kill -9", .serialized)
struct SanitizePowerCutTests {
    @Test func `an operation that is cut short goes on when the disk is served again, and ends`() async throws {
        let file = try ExportedFile()
        var portal = try file.start(size: "256M")
        var socket = try await InitiatorSocket.ready(portal)
        let last = cdb(0x28, lba: (256 << 11) - 1, count: 1)
        #expect(
            try await socket.execute([0x48, 0x81, 0, 0, 0, 0, 0, 0, 5, 0], written: [1, 0, 0, 1, 0xAA]).status == 0)
        for _ in 0..<2 {
            #expect(try await socket.execute(testUnitReady).sense == [0x02, 0x04, 0x1B])
            file.cutPower()
            await socket.close()
            portal = try file.start(size: "256M")
            socket = try await InitiatorSocket.ready(portal, luns: [])
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x29, 0x00])
        }
        #expect(try await socket.execute(last, read: 512).sense == [0x02, 0x04, 0x1B])
        while try await socket.execute(testUnitReady).status != 0 {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await socket.execute(last, read: 512).data == [UInt8](repeating: 0xAA, count: 512))
        file.cutPower()
        await socket.close()
        // What has ended does not begin anew.
        portal = try file.start(size: "256M")
        socket = try await InitiatorSocket.ready(portal)
        #expect(try await socket.execute(testUnitReady).status == 0)
    }
}
