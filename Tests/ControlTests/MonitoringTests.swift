// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
import Model
import NIOCore
import Testing

@testable import Control
@testable import ISCSIServer

@Suite("Watching the daemon")
struct MonitoringTests {
    @Test func `the OpenAPI file has the routes that the daemon has`() throws {
        let daemon = try Stage().daemon
        let routes = Set(
            Routes.names(daemon).map { name in
                let words = name.split(separator: " ")
                // Hummingbird writes :name where OpenAPI writes {name}.
                let parts = words[1].split(separator: "/").map { part in
                    part.hasPrefix(":") ? "{\(part.dropFirst())}" : String(part)
                }
                return "\(words[0].lowercased()) /" + parts.joined(separator: "/")
            })
        #expect(routes == (try Self.documented()))
    }

    @Test func `it has the verbs that the shell has`() throws {
        let line = try Self.lines().first { $0.contains("verb: {enum: [") } ?? ""
        let verbs = line.drop { $0 != "[" }.dropFirst().prefix { $0 != "]" }.split(separator: ", ").map(String.init)
        #expect(Set(verbs) == Set(Configuration.changingVerbs))
    }

    @Test func `the tree is told as the shell shows it, without secrets`() async throws {
        let acl = NodeACL(nodeWWN: "iqn.2026-11.org.example:n", chapUserID: "user", chapPassword: "secret-of-user")
        let target = Target(
            wwn: "iqn.2026-11.org.example:t", portalGroups: [PortalGroup(tag: 1, nodeACLs: [acl], portals: [])])
        let stage = try Stage(Configuration(targets: [target]))
        try await stage.daemon.start()
        let root = try #require(await stage.daemon.tree(TreePath("/"), depth: 1))
        #expect(root.node.children.map(\.name) == ["backstores", "iscsi"])
        #expect(root.node.children.flatMap(\.children).isEmpty)
        #expect(root.saved == nil)
        let path = TreePath("/iscsi/iqn.2026-11.org.example:t/tpg1/acls/iqn.2026-11.org.example:n")
        let node = try #require(await stage.daemon.tree(path, depth: nil))
        #expect(node.settings["auth"]?["userid"] == "user")
        #expect(node.settings["auth"]?["password"] == "(hidden)")
        #expect(node.settings["attribute"]?["nopin_timeout"] == "15")
        let text = String(buffer: try JSONText.line(node))
        #expect(text.contains("chap_userid") && !text.contains("secret-of-user"))
        #expect(await stage.daemon.tree(TreePath("/iscsi/nosuch"), depth: nil) == nil)
        await stage.daemon.stop()
    }

    /// Paths and methods of docs/openapi.yaml, by their indentation.
    private static func documented() throws -> Set<String> {
        let lines = try Self.lines()
        var path = ""
        var found: Set<String> = []
        for line in lines {
            if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            if !line.hasPrefix(" ") { path = "" }
            for method in ["get", "post", "put", "delete"] where !path.isEmpty && line == "    \(method):" {
                found.insert("\(method) \(path)")
            }
        }
        return found
    }

    private static func lines() throws -> [Substring] {
        let file = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/openapi.yaml"
        return String(buffer: try SystemFiles.read(file)).split(separator: "\n")
    }

    @Test func `events are told to those who listen, a slow one loses the oldest`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)])))
        try await stage.daemon.start()
        let quick = try await stage.daemon.listen()
        var iterator = quick.makeAsyncIterator()
        #expect(await iterator.next() == .some(nil))
        let report = try await stage.daemon.change(.addClient(disk("pc2", 2)))
        let event = try #require(await iterator.next() ?? nil)
        #expect(event.kind == .configuration)
        #expect(event.subject == "\(report.generation)")
        #expect(event.words == report.steps.joined(separator: "; "))
        let text = String(buffer: try event.eventStream())
        #expect(text.hasPrefix("id: \(event.id)\nevent: configuration\ndata: {"))
        #expect(text.hasSuffix("}\n\n"))
        await stage.daemon.stop()
        #expect(await iterator.next() == nil)
    }

    @Test func `no more listen than the bound allows`() async throws {
        let daemon = try Stage().daemon
        var streams: [AsyncStream<EventReport?>] = []
        for _ in 0..<Control.Limits.followers { streams.append(try await daemon.listen()) }
        await #expect(throws: StoryFailure.self) { try await daemon.listen() }
        #expect(streams.count == Control.Limits.followers)
    }

    @Test func `rates come from two looks at the counters`() {
        var rates = SessionRates()
        rates.look(at: [session(1, commands: 100, read: 1000)], at: Instant(milliseconds: 1000))
        #expect(rates[1] == nil)
        rates.look(at: [session(1, commands: 350, read: 5000)], at: Instant(milliseconds: 1500))
        #expect(rates[1]?.commands == 500)
        #expect(rates[1]?.bytesRead == 8000)
        rates.look(at: [], at: Instant(milliseconds: 2000))
        #expect(rates[1] == nil)
    }

    @Test func `metrics are Prometheus' text, with RFC 7147's names`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)])))
        var busy = session(7, commands: 12, read: 4096)
        busy.latency.reads.add(nanoseconds: 100_000)
        busy.latency.reads.add(nanoseconds: 3_000_000)
        await stage.targets.set(sessions: [busy])
        try await stage.daemon.start()
        let lines = await stage.daemon.status().metrics.split(separator: "\n")
        #expect(lines.contains("# TYPE iscsi_ssn_cmd_pdus_total counter"))
        let labels = #"target="iqn.2026-11.org.apus:pc1",initiator="iqn.2026-11.org.example:a\"b",session="7""#
        #expect(lines.contains("iscsi_ssn_cmd_pdus_total{\(labels)} 12"))
        #expect(lines.contains("iscsi_ssn_tx_data_octets_total{\(labels)} 4096"))
        #expect(lines.contains("# TYPE apus_session_io_seconds histogram"))
        for (part, value) in [
            ("_bucket", "0"), ("_bucket", "1"), ("_bucket", "2"), ("_count", "2"), ("_sum", "0.0031"),
        ] {
            let bound =
                switch (part, value) {
                case ("_bucket", "0"): ",le=\"6.5536e-05\""
                case ("_bucket", "1"): ",le=\"0.000131072\""
                case ("_bucket", _): ",le=\"+Inf\""
                default: ""
                }
            let line = "apus_session_io_seconds\(part){\(labels),operation=\"read\"\(bound)} \(value)"
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(lines.contains("iscsi_tgt_sessions{target=\"iqn.2026-11.org.apus:pc1\"} 1"))
        #expect(lines.allSatisfy { $0.hasPrefix("# ") || $0.wholeMatch(of: /[a-z_]+(\{.*\})? [0-9.e+-]+/) != nil })
        await stage.daemon.stop()
    }

    @Test(arguments: [
        JSONValue.null, .boolean(true), .integer(-5), .number(1.5), .string("a\"b\\c\n\u{1}é/😀"), .array([]),
        .object([:]), .object(["b": .array([.integer(1), .null]), "a": .object(["x": .string("")])]),
    ])
    func `documents are written as they are read`(value: JSONValue) throws {
        #expect(try JSONText.read(JSONValue.self, from: JSONText.pretty(value)) == value)
        #expect(try JSONText.read(JSONValue.self, from: JSONText.line(value)) == value)
    }

    @Test func `documents for people are indented, their keys in order`() {
        let value = JSONValue.object(["b": .array([.integer(1), .null]), "a": .object([:])])
        #expect(String(buffer: JSONText.line(value)) == #"{"a":{},"b":[1,null]}"#)
        #expect(
            String(buffer: JSONText.pretty(value))
                == "{\n  \"a\" : {},\n  \"b\" : [\n    1,\n    null\n  ]\n}\n")
    }
}

/// A session whose initiator has an awkward name.
private func session(_ id: UInt64, commands: UInt64, read: UInt64) -> SessionSnapshot {
    SessionSnapshot(
        id: id, initiatorName: "iqn.2026-11.org.example:a\"b", initiatorAlias: nil, isid: "000000000000", tsih: 1,
        targetName: "iqn.2026-11.org.apus:pc1", isDiscovery: false, remoteAddress: "127.0.0.1:5000",
        localAddress: "127.0.0.1:3260", parameters: [:], commands: commands, bytesRead: read, bytesWritten: 0,
        idleNanoseconds: nil)
}
