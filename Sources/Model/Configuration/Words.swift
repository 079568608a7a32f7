// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension ServiceSettings.DHCP {
    /// `off`, `proxy` or `10.0.0.5-10.0.0.9/24`, as the command line takes it.
    package var words: String {
        switch self {
        case .off: "off"
        case .proxy: "proxy"
        case .range(let range): "\(range.first)-\(range.last)/\(range.prefixLength)"
        }
    }

    /// Reads what `words` writes; nil when it is none of these.
    package init?(words: String) {
        switch words {
        case "off": self = .off
        case "proxy": self = .proxy
        default:
            let halves = words.split(separator: "-", omittingEmptySubsequences: false)
            guard halves.count == 2 else { return nil }
            let end = halves[1].split(separator: "/", omittingEmptySubsequences: false)
            guard end.count <= 2, let prefix = end.count == 2 ? Int(end[1]) : 24 else { return nil }
            self = .range(AddressRange(first: String(halves[0]), last: String(end[0]), prefixLength: prefix))
        }
    }
}

extension BootClient.Source {
    /// `image lab`, `disk /srv/pc1.img`.
    package var words: String {
        switch self {
        case .image(let name): "image \(name)"
        case .disk(let path): "disk \(path)"
        }
    }
}

extension BootClient.Method {
    /// `sanboot`, `kernel by http`.
    package var words: String {
        switch self {
        case .sanboot: "sanboot"
        case .kernel(let transport): "kernel by \(transport.rawValue)"
        case .firmware, .http: self.word
        }
    }

    /// Whether the boot services hand out the kernel, which then must be one of an image.
    var isServedKernel: Bool {
        switch self {
        case .kernel, .http: true
        case .sanboot, .firmware: false
        }
    }

    /// As the configuration's key `method` has it.
    package var word: String {
        switch self {
        case .sanboot: "sanboot"
        case .kernel: "kernel"
        case .firmware: "firmware"
        case .http: "http"
        }
    }
}

extension BootClient {
    /// The file that is the machine's disk.
    package func diskPath(in surroundings: Surroundings) -> String {
        switch self.source {
        case .image?, nil: surroundings.diskPath(ofClient: self.name)
        case .disk(let path)?: path
        }
    }

    /// Everything that is known of it, as names and values.
    package func description(in surroundings: Surroundings) -> [[String]] {
        var rows = [
            ["name", self.name], ["known by", self.identity.words], ["boots", self.source?.words ?? "nothing yet"],
            ["method", self.effectiveMethod.words + (self.secureBoot == true ? ", Secure Boot" : "")],
            ["disk", self.diskPath(in: surroundings)],
            ["target", self.effectiveTargetName], ["initiator", self.effectiveInitiatorName],
        ]
        if let group { rows.insert(["group", group], at: 1) }
        if let address { rows.append(["address", address]) }
        return rows + self.settings.furtherRows
    }
}

extension ClientGroup {
    /// Everything that is said of its machines, as names and values.
    package var description: [[String]] {
        let own = [
            ["name", self.name], ["boots", self.settings.source?.words ?? "-"],
            ["method", self.settings.method?.words ?? "-"],
        ]
        let secure = self.settings.secureBoot.map { [["Secure Boot", $0 ? "yes" : "no"]] } ?? []
        return own + secure + self.settings.furtherRows
    }
}

extension BootSettings {
    /// What is said that need not be said.
    fileprivate var furtherRows: [[String]] {
        var rows: [[String]] = []
        if let size { rows.append(["size", ByteSize(bytes: UInt64(max(0, size))).description]) }
        switch self.chap {
        case .account(let account)?: rows.append(["CHAP", "\(account)"])
        case .perBoot?: rows.append(["CHAP", "made for each boot"])
        case ClientCHAP.none?: rows.append(["CHAP", "none"])
        case nil: break
        }
        if let kernelArguments { rows.append(["kernel arguments", kernelArguments]) }
        if let ipxeScript { rows.append(["iPXE script", "a template of \(ipxeScript.utf8.count) bytes"]) }
        return rows
    }
}
