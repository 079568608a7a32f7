// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which of a distribution's kernels an image has.
package enum KernelFlavor: String, Sendable, CaseIterable {
    /// For virtual machines: small, has virtio's network card but none of real machines.
    case cloud
    /// For every machine.
    case generic
}

/// What an image is made of, as its user asked for it.
package struct ImageRecipe: Equatable, Sendable {
    /// What a disk has room for when nothing else is said; the file is sparse, so that only what is written counts.
    package static let defaultSizeBytes: UInt64 = 4 << 30

    package var name: String
    package var suite: String
    package var sizeBytes: UInt64
    package var hostname: String
    /// Packages beyond those that booting needs.
    package var packages: [String]
    package var rootPassword: String?
    /// Public keys as `authorized_keys` has them, a line each.
    package var sshKeys: [String]
    /// The user's own text of the initramfs's `/init-iscsi.sh`.
    package var initScript: String?
    package var mirror: String
    /// The file of the keys that the archive is signed with.
    package var keyring: String
    package var kernel: KernelFlavor
    /// What the image has beyond what every image has, in the order in which they are laid over each other.
    package var templates: [ImageTemplate]

    package init(
        name: String, suite: String, sizeBytes: UInt64 = Self.defaultSizeBytes, hostname: String? = nil,
        packages: [String] = [], rootPassword: String? = nil, sshKeys: [String] = [], initScript: String? = nil,
        mirror: String? = nil, keyring: String? = nil, kernel: KernelFlavor = .generic, templates: [ImageTemplate] = []
    ) {
        let distribution = Distribution(ofSuite: suite)
        self.name = name
        self.suite = suite
        self.sizeBytes = sizeBytes
        self.hostname = hostname ?? name
        self.packages = packages
        self.rootPassword = rootPassword
        self.sshKeys = sshKeys
        self.initScript = initScript
        self.mirror = mirror ?? distribution.mirror
        self.keyring = keyring ?? distribution.keyring.name
        self.kernel = kernel
        self.templates = templates
    }

    var distribution: Distribution { Distribution(ofSuite: self.suite) }

    /// Those of every image, with the recipe's own laid over them.
    var overlay: Overlay {
        var templates = [ImageTemplate.iscsiBoot]
        if !self.sshKeys.isEmpty { templates.append(.sshServer) }
        templates += self.templates
        if let script = self.initScript {
            let file = ImageTemplate.File(.initramfs, "init-iscsi.sh", Array(script.utf8), isExecutable: true)
            templates.append(ImageTemplate(name: "init script", files: [file]))
        }
        return Overlay(templates)
    }

    /// All packages beyond the distribution's minimal system.
    var allPackages: [String] {
        var names = [
            self.distribution.package(self.kernel), "systemd-sysv", "udev", "kmod", "iproute2", "netbase",
        ]
        for name in self.overlay.template.packages + self.packages where !names.contains(name) { names.append(name) }
        return names
    }
}

// MARK: - What may be in a recipe

extension ImageRecipe {
    /// Everything that is wrong with the recipe, a line each; none when it can be built.
    package func problems() -> [String] {
        var problems: [String] = []
        if let problem = Self.nameProblem(self.name) { problems.append(problem) }
        if !Self.isWord(self.suite, also: "-.") {
            problems.append("suite \"\(self.suite)\" is not the name of a suite, such as bookworm")
        }
        if !Self.isHostname(self.hostname) {
            problems.append("\"\(self.hostname)\" cannot be a host name: letters, digits and inner hyphens, at most 63")
        }
        problems += self.templates.flatMap { $0.problems() }
        for package in self.packages where !Self.isPackage(package) {
            problems.append("\"\(package)\" is not the name of a Debian package")
        }
        if self.sizeBytes < DiskLayout.smallestDiskBytes {
            problems.append("a disk of \(self.sizeBytes) bytes is too small: at least --size 1G")
        } else if self.sizeBytes > DiskLayout.largestDiskBytes {
            problems.append("a disk of \(self.sizeBytes) bytes is too large: at most --size 16T")
        }
        if self.rootPassword == nil && self.sshKeys.isEmpty {
            problems.append("nobody could log in to this image: give --root-password or --ssh-key")
        }
        if let password = self.rootPassword, password.isEmpty || password.utf8.contains(where: { $0 < 0x20 }) {
            problems.append("the root password is empty or has control characters")
        }
        for key in self.sshKeys where !Self.isPublicKey(key) {
            problems.append("\"\(key.prefix(30))\" is not an SSH public key (a line of a .pub file)")
        }
        if !["http://", "https://", "file://"].contains(where: { self.mirror.hasPrefix($0) })
            || self.mirror.utf8.contains(where: { $0 <= 0x20 })
        {
            problems.append("mirror \"\(self.mirror)\" is not an http://, https:// or file:// URL")
        }
        if let script = self.initScript, !script.hasPrefix("#!") {
            problems.append("the init script does not begin with \"#!\" and an interpreter")
        }
        return problems
    }

    /// Why `name` cannot name an image; nil when it can. It names a folder, and is a word in many places.
    package static func nameProblem(_ name: String) -> String? {
        guard name.utf8.count <= 63, self.isWord(name, also: "-_.") else {
            return
                "\"\(name)\" cannot name an image: letters, digits, hyphens, dots and underscores, a letter or digit first, at most 63"
        }
        return nil
    }

    static func isPackage(_ name: String) -> Bool {
        self.isWord(name, also: "+-.:")
    }

    static func isWord(_ text: some StringProtocol, also: String) -> Bool {
        guard let first = text.utf8.first, self.isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy { self.isAlphanumeric($0) || also.utf8.contains($0) }
    }

    private static func isHostname(_ text: String) -> Bool {
        text.utf8.count <= 63 && text.utf8.last != UInt8(ascii: "-") && self.isWord(text, also: "-")
    }

    private static func isPublicKey(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        return !line.utf8.contains(where: { $0 < 0x20 }) && words.count >= 2
            && (words[0].hasPrefix("ssh-") || words[0].hasPrefix("ecdsa-") || words[0].hasPrefix("sk-"))
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
