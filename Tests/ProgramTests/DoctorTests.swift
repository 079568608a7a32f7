// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("apus doctor")
struct DoctorTests {
    @Test func `an interface that is not there stops boots, and is told with those that are`() throws {
        let place = try Place()
        let set = try Program.run(
            ["services", "set", "--interface", "nosuch0", "--address", "127.0.0.1", "--dhcp", "off"] + place.options)
        #expect(set.status == 0, "\(set.error)")
        let result = try Program.run(["doctor"] + place.options)
        #expect(result.status == 1)
        #expect(result.output.contains("!!  interface nosuch0: there is none of that name"))
        #expect(result.output.contains("lo"))
        #expect(result.output.contains("--  daemon: none answers"))
    }

    @Test func `a taken port is named with the command that finds its holder`() throws {
        let place = try Place()
        let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(holder) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port =
            unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    guard unsafe bind(holder, generic, length) == 0, listen(holder, 1) == 0 else { return UInt16(0) }
                    _ = unsafe getsockname(holder, generic, &length)
                    return 1
                }
            } == 1 ? UInt16(bigEndian: address.sin_port) : 0
        try #require(port != 0)
        let set = try Program.run(
            [
                "services", "set", "--interface", "lo", "--address", "127.0.0.1", "--dhcp", "off", "--http-port",
                "\(port)",
            ] + place.options)
        #expect(set.status == 0, "\(set.error)")
        let result = try Program.run(["doctor"] + place.options)
        #expect(result.status == 1)
        #expect(result.output.contains("!!  HTTP, TCP port \(port): another program has it"))
        #expect(result.output.contains("ss -ltnp 'sport = :\(port)'"))
    }
}
