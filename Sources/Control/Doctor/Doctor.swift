// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
package import ControlAPI
import Glibc
import Model
import NIOCore
import NIOPosix
import SystemPackage

/// Looks for what on this host would stop a boot. It changes nothing.
package struct Doctor: Sendable {
    private let client: ControlClient
    private let file: ConfigurationFile
    private let stateFolder: String

    package init(client: ControlClient, configurationPath: String, stateFolder: String) {
        self.client = client
        self.file = ConfigurationFile(path: configurationPath)
        self.stateFolder = stateFolder
    }

    package func examine() async -> [Finding] {
        var findings: [Finding] = []
        let services: ServiceSettings?
        do {
            let status = try await self.client.status()
            findings.append(Finding(.good, "daemon", "\(status.version) runs as process \(status.processID)"))
            findings += status.problems.map(Self.finding)
            // The ports that the services need are the daemon's own now.
            services = nil
        } catch {
            findings.append(
                Finding(.notice, "daemon", "none answers at \(self.client.place)", remedy: "apus serve"))
            let (settings, configuration) = self.examineConfiguration()
            services = settings
            findings += configuration
        }
        if let services {
            findings += Self.examineInterface(services)
            findings += await Self.examinePorts(services)
        }
        findings.append(Self.examineLoaders())
        findings.append(self.examineRoom())
        findings.append(Self.examineOpenFiles())
        return findings
    }

    private static func finding(_ problem: Problem) -> Finding {
        Finding(
            problem.severity == .error ? .trouble : .notice, problem.path, problem.cause, remedy: problem.remedy)
    }

    private func examineConfiguration() -> (ServiceSettings?, [Finding]) {
        do {
            let (configuration, unreadable) = try self.file.load()
            let surroundings = ImageFolder(stateFolder: self.stateFolder).surroundings()
            let problems = unreadable + configuration.validate(in: surroundings)
            var findings = problems.map(Self.finding)
            if configuration.boot.services == nil {
                findings.append(
                    Finding(
                        .notice, "boot services", "none are set up, so no machine is answered",
                        remedy: "apus services set --interface IF --address ADDRESS --dhcp proxy"))
            }
            if findings.isEmpty { findings.append(Finding(.good, "configuration", self.file.path)) }
            return (configuration.boot.services, findings)
        } catch {
            return (nil, [Finding(.trouble, "configuration", "\(error)", remedy: "apus config rollback N")])
        }
    }

    private static func examineInterface(_ services: ServiceSettings) -> [Finding] {
        let devices = (try? System.enumerateDevices()) ?? []
        let own = devices.filter { $0.name == services.interface }
        let subject = "interface \(services.interface)"
        guard !own.isEmpty else {
            let names = Set(devices.map(\.name)).sorted().joined(separator: ", ")
            return [
                Finding(
                    .trouble, subject, "there is none of that name with an address; there are: \(names)",
                    remedy: "apus services set --interface IF …")
            ]
        }
        guard own.contains(where: { $0.address?.ipAddress == services.address }) else {
            return [
                Finding(
                    .trouble, subject, "it has not the address \(services.address)",
                    remedy: "ip address add \(services.address)/24 dev \(services.interface)")
            ]
        }
        return [Finding(.good, subject, "has \(services.address)")]
    }

    private static func examinePorts(_ services: ServiceSettings) async -> [Finding] {
        var ports: [(Port.Transport, Int, String)] = [
            (.udp, services.tftpPort, "TFTP"), (.tcp, services.httpPort, "HTTP"), (.tcp, services.iscsiPort, "iSCSI"),
        ]
        switch services.dhcp {
        case .off: break
        case .proxy: ports += [(.udp, 67, "DHCP"), (.udp, 4011, "proxyDHCP")]
        case .range: ports.append((.udp, 67, "DHCP"))
        }
        var findings: [Finding] = []
        for (transport, port, name) in ports {
            findings.append(await Port(transport, services.address, port).examine(for: name))
        }
        return findings
    }

    /// iPXE's programs, which firmware is given.
    private static func examineLoaders() -> Finding {
        let folder = "/usr/lib/ipxe"
        let missing = ["snponly.efi", "undionly.kpxe"].filter { !SystemFiles.exists("\(folder)/\($0)") }
        guard !missing.isEmpty else { return Finding(.good, "iPXE", "\(folder) has what firmware needs") }
        return Finding(
            .trouble, "iPXE", "not in \(folder): \(missing.joined(separator: ", "))", remedy: "apt-get install ipxe")
    }

    private func examineRoom() -> Finding {
        var status = statvfs()
        var folder = self.stateFolder
        while !SystemFiles.exists(folder), folder != "/", folder != "." { folder = SystemFiles.folder(of: folder) }
        guard unsafe statvfs(folder, &status) == 0 else {
            return Finding(.notice, "room", "\(folder) cannot be looked at", remedy: "name the right --state")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        let words = "\(Quantity.bytes(free)) free in \(folder)"
        guard free >= Limits.roomBytes else {
            return Finding(.notice, "room", words, remedy: "make room: disks grow as machines write")
        }
        return Finding(.good, "room", words)
    }

    private static func examineOpenFiles() -> Finding {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Finding(.notice, "open files", "their limit cannot be read")
        }
        let words = "a process may have \(limit.rlim_cur)"
        guard limit.rlim_cur >= Limits.openFiles else {
            return Finding(
                .notice, "open files", words + ", a session and a disk take one each", remedy: "ulimit -n 65536")
        }
        return Finding(.good, "open files", words)
    }
}

/// A port of this host that is to be listened on.
private struct Port {
    enum Transport: String {
        case udp, tcp
    }

    let transport: Transport
    let address: String
    let number: Int

    init(_ transport: Transport, _ address: String, _ number: Int) {
        self.transport = transport
        self.address = address
        self.number = number
    }

    /// Whether it could be had now.
    func examine(for service: String) async -> Finding {
        let subject = "\(service), \(self.transport.rawValue.uppercased()) port \(self.number)"
        do {
            try await self.bind()
            return Finding(.good, subject, "free on \(self.address)")
        } catch {
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE:
                let option = self.transport == .udp ? "u" : "t"
                return Finding(
                    .trouble, subject, "another program has it",
                    remedy: "ss -l\(option)np 'sport = :\(self.number)' names it: stop it, or choose another port")
            case EACCES:
                return Finding(
                    .trouble, subject, "not permitted to this user",
                    remedy: "run apus as root, or give it CAP_NET_BIND_SERVICE")
            case EADDRNOTAVAIL:
                return Finding(.trouble, subject, "this host has not the address \(self.address)")
            default:
                return Finding(.trouble, subject, "\(error)")
            }
        }
    }

    private func bind() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        switch self.transport {
        case .udp:
            // DHCP arrives at all addresses; whoever has any of them with this port is in the way.
            let host = self.number == 67 ? "0.0.0.0" : self.address
            try await DatagramBootstrap(group: group).bind(host: host, port: self.number).get().close()
        case .tcp:
            try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: self.address, port: self.number).get().close()
        }
    }
}
