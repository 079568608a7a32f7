// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// A mode page: its bytes from the page code on, and which of them MODE SELECT may change (SPC-4).
struct ModePage: Sendable {
    /// The bytes in force.
    private(set) var current: [UInt8]
    /// The bytes after a reset.
    let defaults: [UInt8]
    /// Bits that may be changed.
    let changeable: [UInt8]

    var code: UInt8 { self.defaults[0] & 0x3F }

    /// SPF=1: it has a subpage code, and two bytes of length.
    private var isSubpage: Bool { self.defaults[0] & 0x40 != 0 }
    var subpage: UInt8 { self.isSubpage ? self.defaults[1] : 0x00 }
    private var headerLength: Int { self.isSubpage ? 4 : 2 }

    /// What its saved values go by.
    var savedKey: UInt16 { UInt16(self.code) << 8 | UInt16(self.subpage) }

    /// Whether `bytes` begin with the header of this page, whatever their length says.
    func isNamed(by bytes: ArraySlice<UInt8>) -> Bool {
        let first = bytes.first ?? 0
        return first & 0x7F == self.defaults[0] && (!self.isSubpage || bytes.dropFirst().first == self.subpage)
    }

    /// Where the page length stands that does not fit this page; nil where `bytes` have the right one.
    func wrongLength(in bytes: ArraySlice<UInt8>) -> Int? {
        let fields = (self.isSubpage ? 2 : 1)..<self.headerLength
        return fields.first { bytes.dropFirst($0).first != self.defaults[$0] }
    }

    init(_ defaults: [UInt8], changeable: [Int: UInt8]) {
        self.current = defaults
        self.defaults = defaults
        self.changeable = defaults.indices.map { index in
            index < (defaults[0] & 0x40 == 0 ? 2 : 4) ? defaults[index] : changeable[index] ?? 0
        }
    }

    /// The offset of the first byte of `bytes` that would change what may not change, nil when all may be stored.
    func firstRefusal(of bytes: [UInt8]) -> Int? {
        self.current.indices.dropFirst(self.headerLength).first {
            (bytes[$0] ^ self.current[$0]) & ~self.changeable[$0] != 0
                || self.code == ControlModePage.code && $0 == 3 && bytes[$0] >> 1 & 0x03 == 0b10  // QERR: reserved
        }
    }

    /// Stores bytes that `firstRefusal` has nothing against.
    mutating func store(_ bytes: [UInt8]) {
        for index in self.current.indices.dropFirst(self.headerLength) {
            self.current[index] = bytes[index]
        }
    }

    mutating func reset() {
        self.current = self.defaults
    }
}

/// Which values MODE SENSE asks for (PC).
enum PageControl: UInt8 {
    case current = 0b00
    case changeable = 0b01
    case defaults = 0b10
    case saved = 0b11
}

/// The mode pages of a direct-access unit.
struct ModePages: Sendable {
    var errorRecovery: ErrorRecoveryModePage
    var caching: CachingModePage
    var control: ControlModePage
    let exceptions = InformationalExceptionsModePage()
    var provisioning = ProvisioningModePage()
    private let hasThresholds: Bool

    init(info: BlockInfo, settings: LogicalUnitSettings) {
        self.hasThresholds = info.capabilities.contains([.unmap, .tellsUsage])
        self.errorRecovery = ErrorRecoveryModePage(hasThresholds: self.hasThresholds)
        self.caching = CachingModePage(hasWriteCache: info.capabilities.contains(.writeCache))
        self.control = ControlModePage(settings)
    }

    /// In the order of the page codes, as page 3F returns them.
    var all: [ModePage] {
        let pages = [self.errorRecovery.page, self.caching.page, self.control.page, self.exceptions.page]
        return self.hasThresholds ? pages + [self.provisioning.page] : pages
    }

    mutating func reset() {
        self.errorRecovery.page.reset()
        self.caching.page.reset()
        self.control.page.reset()
        self.provisioning.page.reset()
    }

    /// Puts saved values into force, as far as they are still such as MODE SELECT takes.
    mutating func restore(_ saved: [UInt16: [UInt8]]) {
        for var page in self.all {
            guard let bytes = saved[page.savedKey], bytes.count == page.current.count,
                page.firstRefusal(of: bytes) == nil
            else { continue }
            page.store(bytes)
            self.replace(page)
        }
    }

    /// Stores a page that was taken from `all` and changed.
    mutating func replace(_ page: ModePage) {
        switch (page.code, page.subpage) {
        case (ErrorRecoveryModePage.code, 0): self.errorRecovery.page = page
        case (CachingModePage.code, 0): self.caching.page = page
        case (ControlModePage.code, 0): self.control.page = page
        case (ProvisioningModePage.code, ProvisioningModePage.subpage): self.provisioning.page = page
        case (InformationalExceptionsModePage.code, 0): break  // nothing of it can change
        default: preconditionFailure("mode page \(page.code) is not among those of the unit")
        }
    }
}

/// The caching mode page, 08h (SBC-3): only WCE says something, and only where there is a cache to switch off.
struct CachingModePage: Sendable {
    static let code: UInt8 = 0x08
    var page: ModePage

    init(hasWriteCache: Bool) {
        var bytes = [UInt8](repeating: 0, count: 20)
        bytes[0] = Self.code
        bytes[1] = 18
        bytes[2] = hasWriteCache ? 0x04 : 0x00
        self.page = ModePage(bytes, changeable: hasWriteCache ? [2: 0x04] : [:])
    }

    /// WCE: a write's status may come before the data is on stable storage.
    var writeCacheEnabled: Bool { self.page.current[2] & 0x04 != 0 }
}

/// The control mode page, 0Ah (SPC-4): the format of sense data, a write-protect switch,
/// and how tasks of one nexus touch those of others.
struct ControlModePage: Sendable {
    static let code: UInt8 = 0x0A
    var page: ModePage

    init(_ settings: LogicalUnitSettings) {
        var bytes = [UInt8](repeating: 0, count: 12)
        bytes[0] = Self.code
        bytes[1] = 10
        bytes[3] = settings.keepsOrder ? 0x00 : 0x10  // QUEUE ALGORITHM MODIFIER: restricted or unrestricted reordering
        bytes[4] = settings.attentionInterlock.rawValue << 4
        bytes[5] = settings.taskAbortedStatus ? 0x40 : 0x00
        bytes[8] = 0xFF  // BUSY TIMEOUT PERIOD: unlimited
        bytes[9] = 0xFF
        self.page = ModePage(bytes, changeable: [2: 0x24, 3: 0x06, 4: 0x08, 5: 0x40])
    }

    /// TST: each nexus has a task set of its own (001b), rather than one for all (000b).
    var hasTaskSetPerNexus: Bool { self.page.current[2] & 0xE0 == 0x20 }

    /// QERR: what CHECK CONDITION means for other tasks; 00b nothing, 01b they end, 11b those of the nexus end.
    var queueErrorManagement: UInt8 { self.page.current[3] >> 1 & 0x03 }

    /// TAS: a task that another nexus aborts ends with TASK ABORTED.
    var taskAbortedStatus: Bool { self.page.current[5] & 0x40 != 0 }

    /// D_SENSE: sense data in descriptor format.
    var descriptorSense: Bool { self.page.current[2] & 0x04 != 0 }

    /// SWP: the medium is write-protected until this is cleared.
    var softwareWriteProtect: Bool { self.page.current[4] & 0x08 != 0 }
}
