// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("A configuration that cannot be lost")
struct DurabilityTests {
    @Test func `kill -9 at any moment leaves the old or the new configuration`() throws {
        let place = try Place()
        let disk = place.folder + "/d.img"
        let added = try Program.run(
            ["client", "add", "pc1", "--mac", "52:54:00:00:00:01", "--disk", disk] + place.options)
        #expect(added.status == 0, "\(added.error)")
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = Seeded(state: seed)
        var present = ""
        var changes = 0
        // Homes in on the moment of the change, however fast this machine is.
        var delayMicroseconds = 10_000.0
        for attempt in 1...60 {
            let arguments = ["client", "set", "pc1", "--kernel-arguments", "v=\(attempt)"] + place.options
            let process = try Program.start(arguments)
            usleep(UInt32(delayMicroseconds * Double.random(in: 0.7...1.3, using: &generator)))
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let data = try Data(contentsOf: URL(fileURLWithPath: place.configuration))
            let value = try #require(try Self.argument(data), "seed \(seed)")
            #expect(value == present || value == "v=\(attempt)", "seed \(seed)")
            delayMicroseconds *= value == present ? 1.25 : 0.8
            if value != present { changes += 1 }
            present = value
        }
        #expect((1..<60).contains(changes), "seed \(seed)")
        let last = try Program.run(["client", "set", "pc1", "--kernel-arguments", "last"] + place.options)
        #expect(last.status == 0, "\(last.error)")
        #expect(try Self.argument(Data(contentsOf: URL(fileURLWithPath: place.configuration))) == "last")
    }

    @Test func `commands at the same time all take effect without a daemon`() throws {
        let place = try Place()
        let processes = try (1...12).map { number in
            try Program.start(
                [
                    "client", "add", "pc\(number)", "--mac", "52:54:00:00:01:\(number + 10)", "--disk",
                    "\(place.folder)/\(number).img",
                ] + place.options)
        }
        for process in processes { process.waitUntilExit() }
        #expect(processes.map(\.terminationStatus) == Array(repeating: 0, count: 12))
        let list = try Program.run(["client", "list"] + place.options)
        #expect(list.output.split(separator: "\n").count == 13)
    }

    /// The kernel arguments of the only machine; empty where it has none, nil where the file is not as it should be.
    private static func argument(_ data: Data) throws -> String? {
        let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let boot = document?["boot"] as? [String: Any]
        guard let client = (boot?["clients"] as? [[String: Any]])?.first else { return nil }
        return client["kernel_arguments"] as? String ?? ""
    }
}

/// A small generator whose whole course follows from its seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
