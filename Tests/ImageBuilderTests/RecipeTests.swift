// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

@testable import ImageBuilder

@Suite("Image recipe")
struct RecipeTests {
    static let good = ImageRecipe(name: "lab", suite: "bookworm", rootPassword: "secret")

    /// A change of the good recipe, and a word of the complaint about it.
    struct Flaw: Sendable, CustomTestStringConvertible {
        var word: String
        var change: @Sendable (inout ImageRecipe) -> Void
        var testDescription: String { self.word }
    }

    @Test func `a good recipe has no problem`() {
        #expect(Self.good.problems().isEmpty)
        var recipe = Self.good
        recipe.rootPassword = nil
        recipe.sshKeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ user@host"]
        recipe.packages = ["vim", "libstdc++6", "linux-image-6.1.0-50-amd64"]
        #expect(recipe.problems().isEmpty)
    }

    @Test(arguments: [
        Flaw(word: "cannot name an image") { $0.name = "../x" },
        Flaw(word: "cannot name an image") { $0.name = "" },
        Flaw(word: "cannot name an image") { $0.name = ".hidden" },
        Flaw(word: "suite, such as bookworm") { $0.suite = "book worm" },
        Flaw(word: "host name") { $0.hostname = "a_b" },
        Flaw(word: "host name") { $0.hostname = "pc-" },
        Flaw(word: "Debian package") { $0.packages = ["vim;reboot"] },
        Flaw(word: "Debian package") { $0.packages = ["-o"] },
        Flaw(word: "too small") { $0.sizeBytes = (1 << 30) - 1 },
        Flaw(word: "too large") { $0.sizeBytes = .max },
        Flaw(word: "nobody could log in") { $0.rootPassword = nil },
        Flaw(word: "root password") { $0.rootPassword = "a\nb" },
        Flaw(word: "SSH public key") { $0.sshKeys = ["-----BEGIN OPENSSH PRIVATE KEY-----"] },
        Flaw(word: "mirror") { $0.mirror = "deb.example.org" },
        Flaw(word: "mirror") { $0.mirror = "http://a b" },
        Flaw(word: "init script") { $0.initScript = "echo" },
    ])
    func `a flaw is named in one line`(_ flaw: Flaw) {
        var recipe = Self.good
        flaw.change(&recipe)
        let problems = recipe.problems()
        #expect(problems.count == 1)
        #expect(problems.first?.contains(flaw.word) == true)
        #expect(problems.allSatisfy { !$0.contains("\n") || flaw.word == "mirror" })
    }

    @Test(arguments: [
        Flaw(word: "name") { $0.name = "lab2" }, Flaw(word: "suite") { $0.suite = "trixie" },
        Flaw(word: "size") { $0.sizeBytes += 1 << 30 }, Flaw(word: "host name") { $0.hostname = "h" },
        Flaw(word: "packages") { $0.packages = ["vim"] }, Flaw(word: "password") { $0.rootPassword = "other" },
        Flaw(word: "key") { $0.sshKeys = ["ssh-rsa AAAA"] }, Flaw(word: "script") { $0.initScript = "#!/bin/sh" },
        Flaw(word: "mirror") { $0.mirror = "http://example.org" }, Flaw(word: "kernel") { $0.kernel = .cloud },
    ])
    func `every part of a recipe changes its hash`(_ part: Flaw) {
        var recipe = Self.good
        part.change(&recipe)
        #expect(RecipeHash.of(recipe, toolVersions: []) != RecipeHash.of(Self.good, toolVersions: []))
    }

    @Test func `tool versions change the hash, and an equal recipe has an equal one`() {
        let hash = RecipeHash.of(Self.good, toolVersions: ["mke2fs 1"])
        #expect(hash == RecipeHash.of(Self.good, toolVersions: ["mke2fs 1"]))
        #expect(hash != RecipeHash.of(Self.good, toolVersions: ["mke2fs 2"]))
        #expect(hash.count == 64)
    }

    @Test func `a password brings no SSH server, a key does`() {
        #expect(!Self.good.allPackages.contains("openssh-server"))
        var recipe = Self.good
        recipe.sshKeys = ["ssh-rsa AAAA"]
        recipe.packages = ["openssh-server"]
        #expect(recipe.allPackages.filter { $0 == "openssh-server" }.count == 1)
    }

    @Test func `what is not installed is told with its Debian packages, each once`() throws {
        try RequiredTools.check(RequiredTools.building) { _ in true }
        let error = #expect(throws: ImageError.self) {
            try RequiredTools.check(RequiredTools.building) {
                !$0.hasSuffix("/mmd") && !$0.hasSuffix("/mcopy") && $0 != RequiredTools.biosBootImage
            }
        }
        #expect(error?.kind == .missingTool)
        #expect(error?.message.hasSuffix("apt-get install mtools grub-pc-bin") == true)
    }
}
