// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("Every wrong word is one line and a status")
struct ErrorLineTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var line: String
        var status: Int32
        var words: String
        var takesOptions = true
        var testDescription: String { self.line }
    }

    @Test(arguments: [
        Mistake(line: "nosuch", status: 64, words: "Unexpected argument 'nosuch'", takesOptions: false),
        Mistake(line: "--nosuch", status: 64, words: "Unknown option '--nosuch'", takesOptions: false),
        Mistake(line: "serve --log-level loud", status: 64, words: "'loud' is invalid"),
        Mistake(line: "serve --log-format xml", status: 64, words: "'xml' is invalid"),
        Mistake(line: "serve --grace -1", status: 64, words: "--grace"),
        Mistake(line: "serve --grace 99999", status: 64, words: "0 to 3600"),
        Mistake(line: "client add", status: 64, words: "Missing expected argument '<name>'"),
        Mistake(line: "client add pc1 --image lab", status: 64, words: "--mac"),
        Mistake(line: "client add pc1 --mac 52:54:00:00:00:01", status: 64, words: "either --image or --disk"),
        Mistake(
            line: "client add pc1 --mac 52:54:00:00:00:01 --image a --disk /b", status: 64,
            words: "either --image or --disk"),
        Mistake(
            line: "client add pc1 --mac 52:54:00:00:00:01 --image a --transport tftp", status: 64,
            words: "for --method kernel"),
        Mistake(line: "client add pc1 --mac 52:54:00:00:00:01 --image a --size x", status: 64, words: "--size"),
        Mistake(line: "client add pc1 --mac 52:54:00:00:00:01 --image lab", status: 78, words: "apus image build lab"),
        Mistake(line: "client add pc1 --mac nonsense --disk /d", status: 78, words: "boot.clients[0].mac"),
        Mistake(line: "client add PC --mac 52:54:00:00:00:01 --disk /d", status: 78, words: "small letters"),
        Mistake(line: "client add pc1 --uuid 0 --disk /d", status: 78, words: "boot.clients[0].uuid"),
        Mistake(line: "client add pc1 --mac 52:54:00:00:00:01 --group x", status: 78, words: "apus group add x"),
        Mistake(line: "client add pc1 --mac 52:54:00:00:00:01 --disk /d --chap x", status: 64, words: "USER:SECRET"),
        Mistake(
            line: "client add pc1 --mac 52:54:00:00:00:01 --disk /d --ipxe-script /etc/hostname", status: 78,
            words: "begin it with #!ipxe"),
        Mistake(
            line: "client add pc1 --mac 52:54:00:00:00:01 --disk /d --ipxe-script /nosuch", status: 66, words: "/nosuch"
        ),
        Mistake(line: "group show lab", status: 67, words: "apus group add lab"),
        Mistake(line: "group set lab", status: 64, words: "nothing to change"),
        Mistake(line: "group remove lab", status: 67, words: "no group lab"),
        Mistake(line: "group add lab --method x", status: 64, words: "--method"),
        Mistake(line: "timeline pc1 --history --boot 1", status: 64, words: "exclude each other"),
        Mistake(line: "client show pc1", status: 67, words: "apus client add pc1"),
        Mistake(line: "client set pc1", status: 64, words: "nothing to change"),
        Mistake(line: "client set pc1 --method kernel", status: 67, words: "no machine pc1"),
        Mistake(line: "client remove pc1", status: 67, words: "no machine pc1"),
        Mistake(line: "services set --interface lo --address x --dhcp off", status: 78, words: "boot.services.address"),
        Mistake(
            line: "services set --interface lo --address 10.0.0.1 --dhcp maybe", status: 64, words: "'maybe' is invalid"
        ),
        Mistake(
            line: "services set --interface lo --address 10.0.0.1 --dhcp proxy --router 10.0.0.9", status: 64,
            words: "--router"),
        Mistake(line: "client reset pc1", status: 67, words: "no machine pc1"),
        Mistake(line: "config show --version 3", status: 66, words: "no earlier version 3"),
        Mistake(line: "config rollback x", status: 64, words: "'x' is invalid"),
        Mistake(line: "config reload", status: 69, words: "apus serve"),
        Mistake(line: "status", status: 69, words: "apus serve"),
        Mistake(line: "timeline pc1", status: 69, words: "apus serve"),
        Mistake(line: "timeline pc1 --follow", status: 69, words: "apus serve"),
    ])
    func mistake(_ mistake: Mistake) throws {
        let place = try Place()
        let words = mistake.line.split(separator: " ").map(String.init)
        let result = try Program.run(words + (mistake.takesOptions ? place.options : []))
        #expect(result.status == mistake.status, "\(result.error)")
        #expect(result.error.contains(mistake.words), "\(result.error)")
        #expect(result.error.hasPrefix("apus: "))
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        #expect(result.output.isEmpty)
    }

    @Test(arguments: [
        "", "serve", "client", "client add", "client set", "group add", "services set", "status", "timeline",
    ])
    func `help teaches and ends well`(command: String) throws {
        let result = try Program.run(command.split(separator: " ").map(String.init) + ["--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("USAGE: apus"))
        #expect(result.error.isEmpty)
    }

    @Test func `a configuration that is not JSON is named with its path`() throws {
        let place = try Place()
        try "{".write(toFile: place.configuration, atomically: false, encoding: .utf8)
        for command in [["client", "list"], ["serve"]] {
            let result = try Program.run(command + place.options)
            #expect(result.status == 78, "\(result.error)")
            #expect(result.error.hasPrefix("apus: \(place.configuration) is not JSON"))
        }
    }
}
