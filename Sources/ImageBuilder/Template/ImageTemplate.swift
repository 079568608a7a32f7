// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What an image has beyond a distribution's least: packages, modules, kernel arguments, files and units under one name.
package struct ImageTemplate: Equatable, Sendable {
    package var name: String
    package var description: String
    package var packages: [String]
    /// Modules of the initramfs, with what they depend on; `! ` before one without which no image is made.
    package var kernelModules: [String]
    /// Files of the root that the initramfs takes, with the libraries they need, as patterns of the shell's; `! ` before one
    /// without which no image is made.
    package var initramfsContents: [String]
    package var kernelArguments: [String]
    /// Units of the root that are enabled, as their `[Install]` sections say.
    package var units: [String]
    package var files: [File]
    /// Where it comes from: the program itself, folders.
    package var origins: [String]

    /// A file that is put into an image, in place of one that has its name.
    package struct File: Equatable, Sendable {
        package var tree: Tree
        /// Without a slash before it.
        package var path: String
        package var content: [UInt8]
        package var isExecutable: Bool

        package init(_ tree: Tree, _ path: String, _ content: [UInt8], isExecutable: Bool = false) {
            self.tree = tree
            self.path = path
            self.content = content
            self.isExecutable = isExecutable
        }
    }

    /// The two file systems of an image, by the names of their folders in a template.
    package enum Tree: String, CaseIterable, Sendable {
        case root, initramfs
    }

    package init(
        name: String, description: String = "", packages: [String] = [], kernelModules: [String] = [],
        initramfsContents: [String] = [], kernelArguments: [String] = [], units: [String] = [], files: [File] = [],
        origins: [String] = []
    ) {
        self.name = name
        self.description = description
        self.packages = packages
        self.kernelModules = kernelModules
        self.initramfsContents = initramfsContents
        self.kernelArguments = kernelArguments
        self.units = units
        self.files = files
        self.origins = origins
    }

    /// This template with `other` laid over it: lists grow, files of the same path are replaced.
    func overlaid(with other: ImageTemplate) -> ImageTemplate {
        var result = self
        if !other.description.isEmpty { result.description = other.description }
        result.packages += other.packages.filter { !self.packages.contains($0) }
        result.kernelModules += other.kernelModules.filter { !self.kernelModules.contains($0) }
        result.initramfsContents += other.initramfsContents.filter { !self.initramfsContents.contains($0) }
        result.kernelArguments += other.kernelArguments
        result.units += other.units.filter { !self.units.contains($0) }
        result.files.removeAll { file in other.files.contains { $0.tree == file.tree && $0.path == file.path } }
        result.files += other.files
        result.origins += other.origins
        return result
    }

    /// Everything that is wrong with it, a line each.
    func problems() -> [String] {
        var problems: [String] = []
        for package in self.packages where !ImageRecipe.isPackage(package) {
            problems.append("template \(self.name): \"\(package)\" is not the name of a Debian package")
        }
        for module in self.kernelModules where !ImageRecipe.isWord(module.trimmingPrefix("! "), also: "-_") {
            problems.append("template \(self.name): \"\(module)\" is not the name of a kernel module")
        }
        for path in self.initramfsContents
        where !path.trimmingPrefix("! ").hasPrefix("/")
            || path.trimmingPrefix("! ").utf8.contains(where: { $0 <= 0x20 })
        {
            problems.append("template \(self.name): \"\(path)\" is not the whole path of a file for the initramfs")
        }
        for argument in self.kernelArguments where argument.isEmpty || argument.utf8.contains(where: { $0 <= 0x20 }) {
            problems.append("template \(self.name): \"\(argument)\" is not one kernel argument")
        }
        for unit in self.units where !ImageRecipe.isWord(unit, also: "-_.@:\\") || !unit.contains(".") {
            problems.append("template \(self.name): \"\(unit)\" is not the name of a unit, such as ssh.service")
        }
        return problems
    }
}
