// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Crypto

/// A name for everything that decides what an image holds: the recipe, our own files, the versions of the tools. What
/// the archive has on a day is not among it; `--rebuild` asks for that anew.
enum RecipeHash {
    /// Raised when the way of building changes without any of the texts below changing.
    private static let method = 2

    static func of(_ recipe: ImageRecipe, toolVersions: [String]) -> String {
        var hash = SHA256()
        func add(_ text: String) { self.add(Array(text.utf8), to: &hash) }
        add("apus image \(self.method)")
        for text in [
            recipe.name, recipe.suite, String(recipe.sizeBytes), recipe.hostname, recipe.mirror, recipe.kernel.rawValue,
            recipe.rootPassword ?? "",
        ] { add(text) }
        let template = recipe.overlay.template
        for list in [
            recipe.allPackages, recipe.sshKeys, toolVersions, template.kernelModules,
            template.initramfsContents, template.kernelArguments, template.units,
        ] {
            add(String(list.count))
            for text in list { add(text) }
        }
        for file in template.files {
            add("\(file.tree) \(file.path) \(file.isExecutable)")
            self.add(file.content, to: &hash)
        }
        for file in BuildFiles.all {
            add(file.name)
            self.add(file.content, to: &hash)
        }
        add(
            BootLoader.configuration(
                title: recipe.name, kernel: "k", initramfs: "i",
                arguments: BootLoader.kernelArguments(rootArgument: "r")))
        add(BootLoader.biosImageArguments(earlyConfiguration: "c", output: "o").joined(separator: " "))
        add(BootLoader.signedConfiguration(espVolume: "v"))
        return ImageIdentifiers.hexadecimal(hash.finalize())
    }

    /// The identifiers on the disk of an image of this name.
    static func identifiers(ofImage name: String) -> ImageIdentifiers {
        ImageIdentifiers { purpose in Array(SHA256.hash(data: Array("apus image \(name) \(purpose)".utf8))) }
    }

    /// With its length before it, so that no two lists of texts read alike.
    private static func add(_ bytes: [UInt8], to hash: inout SHA256) {
        hash.update(data: Array("\(bytes.count):".utf8))
        hash.update(data: bytes)
    }
}
