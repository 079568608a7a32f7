// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ControlAPI
import Initiator
import Model
import NIOCore

extension PerfWorkload.Order: ExpressibleByArgument {}

struct InitiatorPerfCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perf", abstract: "Measure a LUN: IOPS, throughput, latency.",
        discussion: """
            Writes (--read below 100) destroy what is on the LUN.

            Examples:
              apus initiator perf iscsi://127.0.0.1/iqn.2026-11.org.apus:disk/0
              apus initiator perf URL --depth 8 --block-size 1M --sequential
              apus initiator perf URL --read 70 --sessions 4 --verify
            """)

    @Argument(help: "iscsi://[user[%secret]@]host[:port]/target/lun")
    var url: TargetURL
    @Option(help: "I/Os that every session keeps under way; 0 leaves sessions idle.")
    var depth = 32
    @Option(help: "Bytes of one I/O, such as 4K or 1M.")
    var blockSize = ByteSize(bytes: 4_096)
    @Option(help: "Of a hundred I/Os, how many are reads; the others are writes.")
    var read = 100
    @Flag(help: "One block after the other, instead of at random.")
    var sequential = false
    @Option(help: "Sessions at once.")
    var sessions = 1
    @Option(help: "Seconds to measure.")
    var seconds = 10.0
    @Option(help: "End sooner: when every session has done so many I/Os.")
    var count: UInt64?
    @Option(help: "Seconds before that which do not count.")
    var warmUp = 0.0
    @Option(help: "Use the LUN's first bytes only, such as 1G.")
    var range: ByteSize?
    @Flag(help: "Write a pattern, and check what is read against it.")
    var verify = false
    @Option(help: "Threads.")
    var threads = 1
    @Option(help: "The seed of the random order.")
    var seed: UInt64 = 1
    @Flag(help: "Tell the result as JSON.")
    var json = false
    @Flag(help: "Tell the whole distribution of latencies.")
    var histogram = false
    @Flag(help: "Tell how it goes, once a second.")
    var progress = false
    @OptionGroup var arguments: InitiatorArguments

    func validate() throws {
        guard self.url.target != nil else { throw ValidationError("\(self.url.shown): the URL names no target") }
        guard 0...InitiatorLimits.depth ~= self.depth else {
            throw ValidationError("--depth \(self.depth): 0 to \(InitiatorLimits.depth)")
        }
        guard 1...InitiatorLimits.sessions ~= self.sessions else {
            throw ValidationError("--sessions \(self.sessions): 1 to \(InitiatorLimits.sessions)")
        }
        guard 0...100 ~= self.read else { throw ValidationError("--read \(self.read): 0 to 100") }
        guard 512...UInt64(InitiatorLimits.commandBytes) ~= self.blockSize.bytes, self.blockSize.bytes % 512 == 0 else {
            throw ValidationError("--block-size \(self.blockSize): a multiple of 512 up to 16M")
        }
        guard self.seconds > 0, self.seconds <= 1e6, self.warmUp >= 0, self.warmUp <= 1e6 else {
            throw ValidationError("--seconds must be more than 0, --warm-up not less")
        }
        guard 1...64 ~= self.threads else { throw ValidationError("--threads \(self.threads): 1 to 64") }
    }

    func run() async throws {
        var workload = PerfWorkload()
        workload.order = self.sequential ? .sequential : .random
        workload.blockBytes = Int(self.blockSize.bytes)
        workload.depth = self.depth
        workload.readPercent = self.read
        workload.sessions = self.sessions
        workload.seconds = self.seconds
        workload.count = self.count
        workload.warmUpSeconds = self.warmUp
        workload.rangeBytes = self.range?.bytes
        workload.verifies = self.verify
        workload.seed = self.seed
        workload.loops = min(self.threads, self.sessions)
        let tells = self.progress
        let report = try await PerfRun(self.url, workload, options: self.arguments.options)
            .run(withHistogram: self.histogram) { progress in
                guard tells else { return }
                let rate = progress.seconds > 0 ? Int(Double(progress.ios) / progress.seconds) : 0
                StandardError.write("\(Int(progress.seconds.rounded())) s: \(progress.ios) I/Os, \(rate)/s\n")
            }
        if self.json {
            StandardOutput.write(try JSONText.pretty(report))
        } else {
            print(Self.text(report))
        }
    }

    private static func text(_ report: PerfReport) -> String {
        func number(_ value: Double) -> String {
            let tenths = Int((value * 10).rounded())
            return value >= 1_000 ? "\(tenths / 10)" : "\(tenths / 10).\(abs(tenths % 10))"
        }
        let latency = report.latencyMicroseconds
        var rows = [
            ["I/Os", "\(report.ios) in \(number(report.seconds)) s: \(report.reads) reads, \(report.writes) writes"],
            ["rate", "\(Int(report.iops)) IOPS, \(number(report.bytesPerSecond / 1e6)) MB/s"],
            [
                "latency",
                "mean \(number(latency.mean)) µs, p50 \(number(latency.p50)), p99 \(number(latency.p99)), "
                    + "p99.9 \(number(latency.p999)), most \(number(latency.most))",
            ],
            ["client", "\(number(report.clientCPUMicrosecondsPerIO)) µs of CPU per I/O"],
        ]
        if report.sessions > 1 {
            let fairness = report.fairness
            rows.append([
                "sessions",
                "\(report.sessions), \(fairness.least) to \(fairness.most) I/Os each; fairness "
                    + "\(Double(Int(fairness.index * 1_000)) / 1_000)",
            ])
        }
        if report.isVerified { rows.append(["verified", "whatever was read was what had been written"]) }
        for bucket in report.histogram ?? [] {
            rows.append(["\(number(bucket[0])) µs", "\(Int(bucket[1]))"])
        }
        return TextTable.format(rows)
    }
}

extension Failure {
    init(_ error: InitiatorError) {
        let status: ExitStatus =
            switch error.kind {
            case .unreachable, .disconnected: .unavailable
            case .login: error.isRefusal ? .noPermission : .failed
            case .protocolViolation: .failed
            case .command, .miscompare: .ioError
            case .source: .badData
            case .interrupted: .tryAgain
            }
        self.init(status, error.description)
    }
}
