// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

/// The end of a service manager: a datagram socket that remembers what it is told.
private final class Ear {
    private let descriptor: Int32

    init(path: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(
            self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(self.descriptor) }

    /// The next message; nil when none comes for ten seconds.
    func hear() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(self.descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// The next message that begins with `word`, past at most a hundred others.
    func hear(_ word: String) -> String? {
        (0..<100).lazy.compactMap { _ in self.hear() }.first { $0.hasPrefix(word) }
    }
}

@Suite("sd_notify(3)")
struct ServiceManagerTests {
    @Test func `the service manager is told of readiness, life, reload and end`() throws {
        let place = try Place()
        let ear = try Ear(path: place.folder + "/n")
        let daemon = Process()
        daemon.executableURL = URL(fileURLWithPath: Program.path)
        daemon.arguments = ["serve", "--log-format", "journal"] + place.options
        daemon.environment = ["NOTIFY_SOCKET": place.folder + "/n", "WATCHDOG_USEC": "100000"]
        daemon.standardInput = FileHandle.nullDevice
        let log = Pipe()
        daemon.standardError = log
        try daemon.run()
        defer { kill(daemon.processIdentifier, SIGKILL) }
        #expect(ear.hear("READY=1") == "READY=1\nSTATUS=0 targets; portals: none")
        // Ready means that the API answers.
        #expect(try Program.run(["status"] + place.options).status == 0)
        #expect(ear.hear("WATCHDOG=1") != nil)
        #expect(ear.hear("WATCHDOG=1") != nil)
        kill(daemon.processIdentifier, SIGHUP)
        let reloading = ear.hear("RELOADING=1\nMONOTONIC_USEC=")
        #expect(reloading.flatMap { Int($0.split(separator: "=").last ?? "") } != nil)
        #expect(ear.hear("READY=1") != nil)
        kill(daemon.processIdentifier, SIGTERM)
        #expect(ear.hear("STOPPING=1") != nil)
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
        let lines = String(decoding: log.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(
            separator: "\n")
        #expect(lines.allSatisfy { $0.wholeMatch(of: /<[2-7]>.+/) != nil }, "\(lines)")
        #expect(lines.contains("<5>stopped"))
    }

    @Test func `who asks for the API starts a daemon whose sockets the service manager holds`() throws {
        let place = try Place()
        let (socket, port) = (place.folder + "/s", UInt16.random(in: 20_000...29_999))
        // systemd-socket-activate closes the descriptor by which Foundation sees that a process has ended.
        let (manager, number) = (Process(), place.folder + "/pid")
        manager.executableURL = URL(fileURLWithPath: "/bin/sh")
        manager.arguments =
            ["-c", #"systemd-socket-activate "$@" & echo $! >"$0"; wait $!"#, number]
            + ["--listen", socket, "--listen", "127.0.0.1:\(port)", Program.path, "serve"] + place.options
            + ["--api-listen", "127.0.0.1:\(port)", "--api-plain"]
        manager.standardInput = FileHandle.nullDevice
        manager.standardError = FileHandle.nullDevice
        try manager.run()
        defer { kill(manager.processIdentifier, SIGKILL) }
        let isBound = (0..<1000).contains { _ in
            if FileManager.default.fileExists(atPath: socket) { return true }
            usleep(10_000)
            return false
        }
        try #require(isBound)
        // Nothing runs yet: the first to ask waits for it.
        #expect(try Program.run(["shell", "/backstores/ramdisk", "create", "r", "1M"] + place.options).status == 0)
        #expect(try Program.run(["status"] + place.options).output.contains("http://127.0.0.1:\(port)"))
        let token = place.folder + "/state/api.token"
        let remote = try Program.run(
            ["shell", "ls", "/backstores/ramdisk", "--server", "http://127.0.0.1:\(port)", "--token-file", token])
        #expect(remote.output.contains("r ....") && remote.status == 0)
        // systemd-socket-activate has become the daemon; the socket's name is its maker's to remove.
        let text = try String(contentsOfFile: number, encoding: .utf8).trimmingCharacters(in: .newlines)
        kill(try #require(pid_t(text)), SIGTERM)
        manager.waitUntilExit()
        #expect(manager.terminationStatus == 0)
        #expect(FileManager.default.fileExists(atPath: socket))
    }
}
