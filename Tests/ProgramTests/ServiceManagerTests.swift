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
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        unsafe setsockopt(
            self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(self.descriptor) }

    /// The next message; nil when none comes for a minute.
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
}
