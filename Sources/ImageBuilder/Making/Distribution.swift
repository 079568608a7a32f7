// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Where a system's packages come from, and how its kernels are called there.
enum Distribution: Equatable {
    case debian, ubuntu

    /// Ubuntu's long-term releases that images are built of; every other suite is taken for Debian's.
    static let ubuntuSuites: Set<String> = ["jammy", "noble"]

    init(ofSuite suite: String) {
        let release = suite.split(separator: "-").first.map(String.init) ?? suite
        self = Self.ubuntuSuites.contains(release) ? .ubuntu : .debian
    }

    var mirror: String {
        switch self {
        case .debian: "http://deb.debian.org/debian"
        case .ubuntu: "http://archive.ubuntu.com/ubuntu"
        }
    }

    var components: String {
        switch self {
        case .debian: "main"
        case .ubuntu: "main,universe"
        }
    }

    func package(_ kernel: KernelFlavor) -> String {
        switch (self, kernel) {
        case (.debian, .cloud): "linux-image-cloud-amd64"
        case (.debian, .generic): "linux-image-amd64"
        case (.ubuntu, .cloud): "linux-image-virtual"
        case (.ubuntu, .generic): "linux-image-generic"
        }
    }

    /// The keys that the archive's signatures are checked with, and the package that brings them.
    var keyring: RequiredTools.Tool {
        switch self {
        case .debian: ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring")
        case .ubuntu: ("/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring")
        }
    }
}
