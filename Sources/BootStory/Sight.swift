// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One thing that the daemon saw of a machine.
package enum Sight: Hashable, Sendable {
    /// A DHCP DISCOVER. `architecture` is option 93; operating systems do not send it.
    case discover(architecture: UInt16?, isIPXE: Bool)
    case offer(address: String?, bootFile: String?)
    case acknowledged(address: String?, bootFile: String?)
    /// A DHCP request that was refused or left without an answer.
    case refused(reason: String)
    /// A file that the machine got whole.
    case transferred(file: String, service: String, bytes: Int, seconds: Double)
    case transferFailed(file: String, reason: String)
    case script(method: String)
    /// It asked for its script and the configuration does not know it.
    case unknownMachine
    /// Its disk cannot be had at present: why.
    case notServed(reason: String)
    case login(SessionFacts)
    case loginRefused(initiator: String, reason: String)
    case firstRead(session: UInt64)
    /// How much a session has moved so far.
    case progress(session: UInt64, bytesRead: UInt64, bytesWritten: UInt64, idleSeconds: Double?)
    case logout(session: UInt64, reason: String, bytesRead: UInt64, bytesWritten: UInt64)
    /// Something that whoever watches the machine's console or the machine itself told.
    case reported(Milestone)
    /// The operating system told that it has started, and how long that took.
    case up(SystemTimes)
}

/// How long a system's parts took to start, as systemd counts them; nil where it does not say.
package struct SystemTimes: Hashable, Sendable {
    package var kernelSeconds: Double?
    package var initrdSeconds: Double?
    package var userspaceSeconds: Double?
    package var failedUnits: Int?

    package init(
        kernelSeconds: Double? = nil, initrdSeconds: Double? = nil, userspaceSeconds: Double? = nil,
        failedUnits: Int? = nil
    ) {
        self.kernelSeconds = kernelSeconds
        self.initrdSeconds = initrdSeconds
        self.userspaceSeconds = userspaceSeconds
        self.failedUnits = failedUnits
    }

    /// `the system is up: kernel 3.1 s, initrd 5.0 s, userspace 7.1 s; 1 unit failed`.
    var words: String {
        let parts = [
            ("kernel", self.kernelSeconds), ("initrd", self.initrdSeconds), ("userspace", self.userspaceSeconds),
        ]
        .compactMap { name, seconds in seconds.map { "\(name) \(Quantity.seconds($0))" } }
        var words = "the system is up"
        if !parts.isEmpty { words += ": " + parts.joined(separator: ", ") }
        if let failedUnits, failedUnits > 0 { words += "; \(failedUnits) unit\(failedUnits == 1 ? "" : "s") failed" }
        return words
    }
}

/// What can be told of a machine that its requests do not show.
package enum Milestone: String, Hashable, Sendable, Codable, CaseIterable {
    /// Its console shows a login prompt.
    case loginPrompt = "login-prompt"
    /// Its operating system says that it has started.
    case up
}

/// What a session's login tells of who logs in.
package struct SessionFacts: Hashable, Sendable {
    package var id: UInt64
    package var initiatorName: String
    package var initiatorAlias: String?
    /// 12 hexadecimal digits.
    package var isid: String
    package var isDiscovery: Bool
    package var immediateData: Bool?
    /// Whether it has proved who it is.
    package var hasProvedItself: Bool
    package var remoteAddress: String

    package init(
        id: UInt64, initiatorName: String, initiatorAlias: String? = nil, isid: String, isDiscovery: Bool = false,
        immediateData: Bool? = nil, hasProvedItself: Bool = false, remoteAddress: String
    ) {
        self.hasProvedItself = hasProvedItself
        self.id = id
        self.initiatorName = initiatorName
        self.initiatorAlias = initiatorAlias
        self.isid = isid
        self.isDiscovery = isDiscovery
        self.immediateData = immediateData
        self.remoteAddress = remoteAddress
    }
}
