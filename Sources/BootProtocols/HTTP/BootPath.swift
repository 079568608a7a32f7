// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A name that the boot services answer to, over HTTP and over TFTP alike.
///
/// There is no folder behind these names: a request is one of the forms below or it is nothing, so there is nothing to
/// escape from.
package enum BootPath: Hashable, Sendable {
    /// `MAC/boot.ipxe`, or `boot/ipxe?mac=MAC`: the machine's iPXE script.
    case script(MACAddress)
    /// `boot/ipxe?mac=MAC&uuid=UUID&serial=SERIAL`: the same, from a machine that tells what else it is known by.
    case introduction(MACAddress, MachineFacts)
    /// `boot/enrol?mac=MAC&image=IMAGE&name=NAME&uuid=…&serial=…`: makes the machine known.
    case enrolment(EnrolmentRequest)
    /// `boot/report`: where a machine's operating system tells how far it has come.
    case report
    /// `MAC/vmlinuz`
    case kernel(MACAddress)
    /// `MAC/initrd.img`
    case initrd(MACAddress)
    /// `MAC/linux.efi`: kernel, initramfs and arguments as one UEFI program.
    case unifiedKernel(MACAddress)
    /// `MAC/grub.cfg`: what the machine's GRUB is to do.
    case grub(MACAddress)
    /// `grub/grub.cfg` and `grub/x86_64-efi/grub.cfg`: what the signed GRUB looks for first; leads to the machine's own.
    case grubStart
    /// What a boot program asks for and does without: GRUB's modules, fonts and translations below `grub`, shim's lists of
    /// revocations and certificates.
    case optional
    /// A boot program: a plain file name such as `snponly.efi`.
    case program(String)

    /// Longer names than this are none of ours.
    private static let bytesMax = 512

    /// Reads a path, with or without query.
    ///
    /// Empty parts and `.` are skipped: UEFI HTTP Boot and GRUB put double slashes into the URLs they make, and a
    /// redirect to a clean one is more than some firmware can follow. Backslashes, which UEFI programs use in file
    /// names, count as slashes. A part `..` makes the path none of ours.
    package init?(_ request: String) {
        guard request.utf8.count <= Self.bytesMax else { return nil }
        let halves = request.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = halves.first.flatMap({ Self.decoded(String($0)) }) else { return nil }
        let parts = path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).filter { $0 != "." }
        let query = halves.count > 1 ? halves[1] : ""
        switch parts.count {
        case 1 where parts[0].hasPrefix("revocations") || parts[0].hasPrefix("shim_certificate"):
            self = .optional
        case 1 where Self.isPlain(parts[0]):
            self = .program(String(parts[0]))
        case 2 where parts[0] == "boot" && parts[1] == "report":
            self = .report
        case 2 where parts[0] == "boot":
            guard let path = Self.asked(parts[1], BootQuery(query)) else { return nil }
            self = path
        case 2... where parts[0] == "grub":
            self = parts.last == "grub.cfg" ? .grubStart : .optional
        case 2:
            guard let mac = MACAddress(String(parts[0])) else { return nil }
            switch parts[1] {
            case "boot.ipxe": self = .script(mac)
            case "vmlinuz": self = .kernel(mac)
            case "initrd.img": self = .initrd(mac)
            case "linux.efi": self = .unifiedKernel(mac)
            case "grub.cfg": self = .grub(mac)
            default: return nil
            }
        default:
            return nil
        }
    }

    /// The path as it is put into URLs, without a leading slash. The MAC has hyphens there: a colon would read as a
    /// scheme or a port to some URL parsers.
    package var text: String {
        switch self {
        case .script(let mac): "\(Self.hyphenated(mac))/boot.ipxe"
        case .introduction(let mac, _): "boot/ipxe?mac=\(Self.hyphenated(mac))"
        case .enrolment(let request): "boot/enrol?mac=\(Self.hyphenated(request.mac))"
        case .report: "boot/report"
        case .kernel(let mac): "\(Self.hyphenated(mac))/vmlinuz"
        case .initrd(let mac): "\(Self.hyphenated(mac))/initrd.img"
        case .unifiedKernel(let mac): "\(Self.hyphenated(mac))/linux.efi"
        case .grub(let mac): "\(Self.hyphenated(mac))/grub.cfg"
        case .grubStart: "grub/grub.cfg"
        case .optional: "grub"
        case .program(let name): name
        }
    }

    /// The machine that the path names.
    package var mac: MACAddress? {
        switch self {
        case .script(let mac), .kernel(let mac), .initrd(let mac), .unifiedKernel(let mac), .grub(let mac),
            .introduction(let mac, _):
            mac
        case .enrolment(let request): request.mac
        case .program, .grubStart, .optional, .report: nil
        }
    }

    private static func hyphenated(_ mac: MACAddress) -> String {
        String(mac.description.map { $0 == ":" ? "-" : $0 })
    }

    private static func isPlain(_ name: some StringProtocol) -> Bool {
        name.first != "."
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                    || $0 == 0x2e || $0 == 0x2d || $0 == 0x5f
            }
    }

    /// What is asked for with a query below `boot`.
    private static func asked(_ name: Substring, _ query: BootQuery) -> BootPath? {
        guard let mac = query["mac"].flatMap({ MACAddress($0) }) else { return nil }
        func told(_ name: Substring) -> String? { query[name].flatMap { $0.isEmpty ? nil : $0 } }
        let facts = MachineFacts(uuid: told("uuid")?.lowercased(), serial: told("serial"))
        switch name {
        case "ipxe" where query["uuid"] == nil && query["serial"] == nil: return .script(mac)
        case "ipxe": return .introduction(mac, facts)
        case "enrol":
            guard let name = query["name"], let image = query["image"] else { return nil }
            return .enrolment(EnrolmentRequest(mac: mac, facts: facts, name: name, image: image))
        default: return nil
        }
    }

    /// Undoes percent-encoding (RFC 3986 §2.1); nil where it is broken or hides a byte that no name of ours has.
    static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst(), let low = rest.popFirst(),
                    let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        guard bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The values of a URL's query, each as it was before it was percent-encoded.
struct BootQuery {
    private var values: [Substring: String] = [:]

    init(_ query: Substring) {
        for pair in query.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard halves.count == 2, let value = BootPath.decoded(String(halves[1])) else { continue }
            // The first of several that bear one name.
            if self.values[halves[0]] == nil { self.values[halves[0]] = value }
        }
    }

    subscript(name: Substring) -> String? { self.values[name] }
}
