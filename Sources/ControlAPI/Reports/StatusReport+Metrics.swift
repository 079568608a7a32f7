// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Model

extension StatusReport {
    /// `GET /metrics`, in Prometheus' text format. Counters of sessions are named after the objects of RFC 7147
    /// (`iscsiSsnCmdPDUs`, `iscsiSsnTxDataOctets`, `iscsiSsnRxDataOctets`), seen from the target as there. It has no object for
    /// latencies.
    package var metrics: String {
        var page = MetricsPage()
        page.family("apus_info", "gauge", "The version that runs.", [([("version", self.version)], 1)])
        page.family(
            "apus_uptime_seconds", "gauge", "Seconds since the daemon started.",
            [([], self.now.seconds(since: self.started))])
        page.family(
            "apus_configuration_version", "gauge", "The configuration's version.", [([], Double(self.generation))])
        page.family(
            "apus_problems", "gauge", "What of the configuration is not served, or not as one may think.",
            ["error", "warning"].map { severity in
                ([("severity", severity)], Double(self.problems.count { $0.severity.rawValue == severity }))
            })
        page.family(
            "apus_lun_bytes", "gauge", "The size of a LUN.",
            self.targets.flatMap { target in
                target.luns.map { ([("target", target.name), ("lun", "\($0.lun)")], Double($0.bytes)) }
            })
        page.family(
            "iscsi_tgt_sessions", "gauge", "Sessions that are logged in to a target.",
            self.targets.map { target in
                ([("target", target.name)], Double(self.sessions.count { $0.target == target.name }))
            })
        page.family(
            "iscsi_ssn_cmd_pdus_total", "counter", "Command PDUs of a session.",
            self.sessions.map { (Self.labels(of: $0), Double($0.commands)) })
        page.family(
            "iscsi_ssn_tx_data_octets_total", "counter", "Data octets that the target sent on a session.",
            self.sessions.map { (Self.labels(of: $0), Double($0.bytesRead)) })
        page.family(
            "iscsi_ssn_rx_data_octets_total", "counter", "Data octets that the target received on a session.",
            self.sessions.map { (Self.labels(of: $0), Double($0.bytesWritten)) })
        page.histograms(
            "apus_session_io_seconds", "From a session's command to its answer.",
            self.sessions.flatMap { session in
                Self.operations(session.reads, session.writes).map { (Self.labels(of: session) + [$0], $1) }
            })
        page.histograms(
            "apus_lun_io_seconds", "From a command for the LUN to its answer, of all sessions.",
            self.targets.flatMap { target in
                target.luns.flatMap { lun in
                    Self.operations(lun.reads, lun.writes).map {
                        ([("target", target.name), ("lun", "\(lun.lun)"), $0], $1)
                    }
                }
            })
        return page.text
    }

    private static func operations(
        _ reads: LatencyStatus?, _ writes: LatencyStatus?
    ) -> [(label: (String, String), LatencyStatus)] {
        [("read", reads), ("write", writes)].compactMap { name, latency in
            latency.map { (("operation", name), $0) }
        }
    }

    private static func labels(of session: SessionStatus) -> [(String, String)] {
        [("target", session.target), ("initiator", session.initiator), ("session", "\(session.id)")]
    }
}

/// A page of Prometheus' text format, version 0.0.4.
private struct MetricsPage {
    var text = ""

    mutating func family(
        _ name: String, _ type: String, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for sample in samples {
            self.sample(name, sample.labels, sample.value)
        }
    }

    mutating func histograms(
        _ name: String, _ help: String, _ histograms: [(labels: [(String, String)], LatencyStatus)]
    ) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) histogram\n"
        for (labels, latency) in histograms {
            for (bound, count) in zip(LatencyStatus.bounds, latency.buckets) {
                self.sample(name + "_bucket", labels + [("le", "\(bound)")], Double(count))
            }
            self.sample(name + "_bucket", labels + [("le", "+Inf")], Double(latency.count))
            self.sample(name + "_sum", labels, latency.totalSeconds)
            self.sample(name + "_count", labels, Double(latency.count))
        }
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let labels = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        self.text += name + (labels.isEmpty ? "" : "{\(labels)}") + " \(Self.number(value))\n"
    }

    private static func number(_ value: Double) -> String {
        UInt64(exactly: value).map(String.init) ?? "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
