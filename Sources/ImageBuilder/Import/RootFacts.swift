// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import SystemPackage

/// What is read from a root file system.
enum RootFacts {
    /// The system's name as it calls itself, such as `Debian GNU/Linux 12 (bookworm)`.
    static func title(of root: FilePath) -> String {
        for path in ["etc/os-release", "usr/lib/os-release"] {
            guard let bytes = try? Files.read(root.appending(path)) else { continue }
            if let title = self.title(inRelease: String(decoding: bytes, as: UTF8.self)) { return title }
        }
        return "unknown system"
    }

    static func title(inRelease text: String) -> String? {
        for line in text.split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
            return line.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" && $0 != "'" }
        }
        return nil
    }

    static func hostname(of root: FilePath) -> String? {
        guard let bytes = try? Files.read(root.appending("etc/hostname")) else { return nil }
        let name = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init)
        return name == "localhost" ? nil : name
    }

    /// What a root lacks to be one on iSCSI with an initramfs made of its own files; each with the Debian package that
    /// brings it.
    static func missing(in root: FilePath, for template: ImageTemplate) -> [String] {
        var missing: [String] = []
        if RootInitramfs.kernels(in: root).isEmpty {
            missing.append("a kernel with its modules (linux-image-amd64)")
        } else if let release = RootInitramfs.kernels(in: root).last?.release {
            let names = self.moduleNames(in: root.appending("usr/lib/modules").appending(release))
            for module in self.required(template.kernelModules) where !names.contains(module) {
                missing.append("the kernel module \(module) for Linux \(release)")
            }
        }
        var packages: [String: [String]] = [:]
        for path in self.required(template.initramfsContents) where !self.has(path, in: root) {
            packages[self.package(of: path), default: []].append(path)
        }
        for (package, paths) in packages.sorted(by: { $0.key < $1.key }) {
            missing.append("\(paths[0])\(paths.count > 1 ? " and \(paths.count - 1) more" : "") (\(package))")
        }
        return missing
    }

    /// The entries of a list that begin with `!`.
    private static func required(_ list: [String]) -> [String] {
        list.filter { $0.hasPrefix("! ") }.map { String($0.dropFirst(2)) }
    }

    private static func has(_ path: String, in root: FilePath) -> Bool {
        let path = FilePath(path)
        guard let name = path.lastComponent?.string, name.contains("*") else {
            return Files.exists(root.pushing(FilePath(path.string.trimmingPrefix("/").description)))
                || Files.isLink(root.appending(path.string.trimmingPrefix("/").description))
        }
        let folder = root.appending(path.removingLastComponent().string.trimmingPrefix("/").description)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        let ends = name.split(separator: "*", omittingEmptySubsequences: false)
        return names.contains { $0.hasPrefix(ends[0]) && $0.hasSuffix(ends[ends.count - 1]) }
    }

    /// The names of all modules of a kernel, those built into it too, with `_` where a file's name has `-`.
    private static func moduleNames(in folder: FilePath) -> Set<String> {
        var names: Set<String> = []
        for list in ["modules.dep", "modules.builtin"] {
            guard let bytes = try? Files.read(folder.appending(list)) else { continue }
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let file = line.prefix { $0 != ":" }.split(separator: "/").last ?? ""
                names.insert(String(file.prefix { $0 != "." }).replacing("-", with: "_"))
            }
        }
        return names
    }

    private static func package(of path: String) -> String {
        let owners = [
            ("/usr/sbin/isc", "open-iscsi"), ("/usr/sbin/multipath", "multipath-tools"), ("/usr/sbin/kpartx", "kpartx"),
            ("/usr/lib/systemd/", "systemd"), ("/usr/bin/systemctl", "systemd-sysv"),
            ("/usr/lib/udev/", "udev"), ("/usr/bin/udevadm", "udev"), ("/usr/sbin/modprobe", "kmod"),
            ("/usr/bin/ip", "iproute2"), ("/usr/sbin/sulogin", "util-linux"), ("/usr/bin/mount", "mount"),
            ("/usr/bin/umount", "mount"),
        ]
        return owners.first { path.hasPrefix($0.0) }?.1 ?? "base system"
    }
}

/// What is read from a kernel.
enum KernelFile {
    /// Whether a release comes before another: numbers in them count as numbers.
    static func isOlder(_ one: String, than other: String) -> Bool {
        self.parts(one).lexicographicallyPrecedes(self.parts(other)) { left, right in
            switch (Int(left), Int(right)) {
            case (let left?, let right?): left < right
            default: left < right
            }
        }
    }

    /// Runs of digits and runs of what is between them.
    private static func parts(_ release: String) -> [String] {
        var parts: [String] = []
        var wasDigit: Bool?
        for character in release {
            let isDigit = character.isWholeNumber
            if isDigit == wasDigit { parts[parts.count - 1].append(character) } else { parts.append(String(character)) }
            wasDigit = isDigit
        }
        return parts
    }

    /// The release in the header of a kernel for x86: Linux' boot protocol keeps at 0x20e where, from 0x200 on, its text
    /// begins.
    static func release(of file: FilePath) -> String? {
        guard let header = try? Files.read(file, at: 0x202, count: 14), header.count == 14,
            header.prefix(4).elementsEqual("HdrS".utf8)
        else { return nil }
        let offset = UInt64(header[12]) | UInt64(header[13]) << 8
        guard offset > 0, let text = try? Files.read(file, at: offset + 0x200, count: 128) else { return nil }
        let word = text.prefix { $0 > 0x20 && $0 < 0x7f }
        return word.isEmpty ? nil : String(decoding: word, as: UTF8.self)
    }

    /// Whether Debian's shim and GRUB start it where Secure Boot is on: it bears a signature by Debian's key.
    ///
    /// Signatures are in a table of their own at the end of the file, which the header of a program for UEFI leads to
    /// (Microsoft's PE format: the fifth data directory).
    static func isSignedByDebian(_ file: FilePath) -> Bool {
        func number(at offset: UInt64) -> UInt64? {
            guard let bytes = try? Files.read(file, at: offset, count: 4), bytes.count == 4 else { return nil }
            return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard let header = number(at: 0x3c), number(at: header) == 0x4550,
            let place = number(at: header + Self.certificateTableOffset),
            let size = number(at: header + Self.certificateTableOffset + 4), (1...Self.mostCertificateBytes) ~= size,
            let table = try? Files.read(file, at: place, count: Int(size))
        else { return false }
        return table.contains("Debian Secure Boot".utf8)
    }

    /// From the letters `PE`: behind them and the header of 20 bytes, 144 bytes into the optional header of a 64-bit program.
    private static let certificateTableOffset: UInt64 = 4 + 20 + 144
    private static let mostCertificateBytes: UInt64 = 1 << 20
}
