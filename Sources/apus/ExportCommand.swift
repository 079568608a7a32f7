// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Block
import Export
import ISCSIServer
import Logging
import Model
import ServiceLifecycle
import UnixSignals

/// `apus export`: arguments only.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Serve disk images over iSCSI now: no root, no configuration; ^C ends it.",
        discussion: """
            Every PATH, and every --ram, becomes a LUN of one target, in the order given. Everybody who reaches a \
            portal may log in; by default that is this host alone. With --chap, only those may who know the secret; \
            with --mutual-chap, the target proves itself to initiators that want it.

            A secret on the command line shows in ps and in the shell's history. Write @FILE in place of USER:SECRET to \
            have it read from the file's first line, or set APUS_CHAP and APUS_MUTUAL_CHAP in the environment.

            Examples:
              apus export disk.img
              apus export new.img --size 10G --portal 0.0.0.0:3260 --portal [::]:3260
              apus export --ram 1G --luns 4 --target iqn.2026-11.org.apus:scratch
              apus export disk.img --read-only --chap @/etc/apus/lab.secret
            """)

    @Argument(help: "Raw disk images; one that does not exist needs --size.", completion: .file())
    var paths: [String] = []

    @Option(help: "The size of images that do not exist yet, for example 10G.")
    var size: ByteSize?

    @Option(help: "Serve a RAM disk of this size as well; may be repeated.")
    var ram: [ByteSize] = []

    @Option(help: "ADDRESS:PORT to listen on; may be repeated. (default: 127.0.0.1:3260)")
    var portal: [Portal] = []

    @Option(help: "The target's name. (default: made from the first image's name)")
    var target: String?

    @Option(
        help: """
            Serve N LUNs of each kind: N RAM disks for a --ram; for disk.img also disk-1.img, disk-2.img … beside it.
            """)
    var luns = 1

    @Option(
        help: """
            Serve a LUN of this size that forgets what is written and reads as zeroes, to measure the way to it.
            """)
    var null: [ByteSize] = []

    @Option(help: .init("Let in only initiators that prove to be USER by CHAP.", valueName: "USER:SECRET"))
    var chap: String?

    @Option(help: .init("What the target proves itself with to initiators that want it.", valueName: "USER:SECRET"))
    var mutualChap: String?

    @Option(
        help: .init(
            "CHAP's algorithms, the best first: 8 SHA3-256, 7 SHA-256, 6 SHA1, 5 MD5.", valueName: "numbers"))
    var chapAlgorithms = "8,7,6,5"

    @Option(help: "Bytes per logical block: 512 or 4096.")
    var blockSize = 512

    @Flag(help: "Refuse writes.")
    var readOnly = false

    @Flag(help: "Do not offer UNMAP; the LUN is thick.")
    var thick = false

    @Flag(help: "Offer the LUNs as removable media.")
    var removable = false

    @Flag(
        help: """
            Encrypt new images with a key in disk.img.key beside them, and RAM disks with one that is nowhere else. \
            SANITIZE can then erase all at once by replacing the key.
            """)
    var encrypt = false

    @Flag(help: "Read and write images past the page cache (O_DIRECT).")
    var direct = false

    @OptionGroup var speed: SpeedOptions

    @Option(
        help: "The folder for what outlives a power cut: persistent reservations. (default: beside each image)",
        completion: .directory)
    var state: String?

    func validate() throws {
        guard !self.paths.isEmpty || !self.ram.isEmpty || !self.null.isEmpty else {
            throw ValidationError("nothing to serve: name an image, or give --ram SIZE")
        }
        guard self.blockSize == 512 || self.blockSize == 4096 else {
            throw ValidationError("--block-size \(self.blockSize): a block has 512 or 4096 bytes")
        }
        guard (1...Self.mostLUNs).contains(self.luns) else {
            throw ValidationError("--luns \(self.luns): write 1 to \(Self.mostLUNs)")
        }
        if let target, !target.hasPrefix("iqn."), !target.hasPrefix("eui."), !target.hasPrefix("naa.") {
            throw ValidationError("--target \(target): an iSCSI name begins with iqn., eui. or naa.")
        }
    }

    func run() async throws {
        var options = ExportService.Options(sources: self.sources)
        options.size = self.size?.bytes
        options.blockSize = self.blockSize
        options.isReadOnly = self.readOnly
        options.isThin = !self.thick
        options.isRemovable = self.removable
        options.isEncrypted = self.encrypt
        options.portals = self.portal.isEmpty ? [Portal(host: "127.0.0.1")] : self.portal
        options.target = self.target
        options.stateFolder = self.state
        options.isDirect = self.direct
        options.engine = self.speed.ioEngine
        options.pollMicroseconds = self.speed.pollUs
        options.authentication = try ExportSecrets(
            chap: self.chap, mutual: self.mutualChap, algorithms: self.chapAlgorithms
        ).authentication()

        var logger = Logger(label: "apus.export")
        logger.logLevel = .warning
        let service = ExportService(options, logger: logger) { StandardOutput.write($0 + "\n") }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigint, .sigterm], logger: logger))
        do {
            try await group.run()
        } catch let error as BlockError {
            throw Failure(error.kind == .unavailable ? .noInput : .ioError, error.description)
        } catch let error as PortalError {
            throw Failure(.unavailable, "\(error); name another with --portal")
        }
    }
}

extension ExportCommand {
    /// As many as a RAM disk of the smallest size is worth having.
    private static let mostLUNs = 256

    private var sources: [ExportService.Source] {
        let files = self.paths.flatMap { path in
            (0..<self.luns).map { ExportService.Source.file(path: Self.path(path, number: $0)) }
        }
        return files + self.ram.flatMap { repeatElement(.ram(size: $0.bytes), count: self.luns) }
            + self.null.map { .null(size: $0.bytes) }
    }

    /// `disk.img`, `disk-1.img`, `disk-2.img` …
    private static func path(_ path: String, number: Int) -> String {
        guard number > 0 else { return path }
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return "\(path)-\(number)" }
        return "\(path.dropLast(name.count))\(name[..<dot])-\(number)\(name[dot...])"
    }
}

extension ByteSize: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }
}

extension Portal: ExpressibleByArgument {
    /// Reads `ADDRESS`, `ADDRESS:PORT` or `[IPv6]:PORT`.
    public init?(argument: String) {
        let host: Substring
        var rest: Substring
        if argument.hasPrefix("["), let end = argument.firstIndex(of: "]") {
            host = argument[argument.index(after: argument.startIndex)..<end]
            rest = argument[argument.index(after: end)...]
        } else if argument.filter({ $0 == ":" }).count > 1 {
            host = argument[...]
            rest = ""
        } else {
            host = argument.prefix { $0 != ":" }
            rest = argument.dropFirst(host.count)
        }
        var port = 3260
        if rest.first == ":" {
            rest = rest.dropFirst()
            guard let number = UInt16(rest) else { return nil }
            port = Int(number)
        } else if !rest.isEmpty {
            return nil
        }
        guard IPAddress(String(host)) != nil else { return nil }
        self.init(host: String(host), port: port)
    }
}
