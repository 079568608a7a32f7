// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
package import SystemPackage

/// A template as a folder: `template.json`, and the trees `root/` and `initramfs/`, each of which may be missing.
struct TemplateFolder {
    static let manifest = "template.json"
    /// More than settings and scripts have; programs come from packages.
    static let largestFileBytes: UInt64 = 16 << 20
    static let mostFiles = 4096

    let path: FilePath
    let name: String

    /// `template.json` as it is written; every key may be missing.
    struct Manifest: Codable {
        var description: String?
        var packages: [String]?
        var kernelModules: [String]?
        var initramfsContents: [String]?
        var kernelArguments: [String]?
        var units: [String]?

        enum CodingKeys: String, CodingKey, CaseIterable {
            case description, packages, units
            case kernelModules = "kernel_modules"
            case initramfsContents = "initramfs_contents"
            case kernelArguments = "kernel_arguments"
        }
    }

    static func isTemplate(_ path: FilePath) -> Bool {
        Files.exists(path.appending(self.manifest))
            || ImageTemplate.Tree.allCases.contains { Files.isFolder(path.appending($0.rawValue)) }
    }

    func read() throws(ImageError) -> ImageTemplate {
        let manifest = try self.readManifest()
        return ImageTemplate(
            name: self.name, description: manifest.description ?? "", packages: manifest.packages ?? [],
            kernelModules: manifest.kernelModules ?? [], initramfsContents: manifest.initramfsContents ?? [],
            kernelArguments: manifest.kernelArguments ?? [],
            units: manifest.units ?? [], files: try self.readFiles(), origins: [self.path.string])
    }

    /// Writes a template, so that it can be changed.
    static func write(_ template: ImageTemplate, to folder: FilePath) throws {
        guard !Files.exists(folder) else {
            throw ImageError(kind: .badRecipe, message: "\(folder) is there already: name a new folder")
        }
        func make(_ folder: FilePath) throws {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
        }
        try make(folder)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let manifest = Manifest(
            description: template.description, packages: template.packages, kernelModules: template.kernelModules,
            initramfsContents: template.initramfsContents, kernelArguments: template.kernelArguments,
            units: template.units)
        try Files.write(
            Array(try encoder.encode(manifest)) + [UInt8(ascii: "\n")], to: folder.appending(self.manifest),
            mode: [.ownerReadWrite, .groupRead, .otherRead])
        for file in template.files {
            let path = folder.appending(file.tree.rawValue).pushing(FilePath(file.path))
            try make(path.removingLastComponent())
            try Files.write(
                file.content, to: path,
                mode: file.isExecutable
                    ? [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
                    : [.ownerReadWrite, .groupRead, .otherRead])
        }
    }

    private func readManifest() throws(ImageError) -> Manifest {
        let file = self.path.appending(Self.manifest)
        guard Files.exists(file) else { return Manifest() }
        do {
            let data = try Data(contentsOf: URL(filePath: file.string))
            let known = Set(Manifest.CodingKeys.allCases.map(\.rawValue))
            let keys = try JSONDecoder().decode([String: AnyMember].self, from: data).keys
            if let unknown = keys.sorted().first(where: { !known.contains($0) }) {
                throw ImageError(
                    kind: .badRecipe,
                    message: "\(file): \(unknown) is not known; known are \(known.sorted().joined(separator: ", "))")
            }
            return try JSONDecoder().decode(Manifest.self, from: data)
        } catch let error as ImageError {
            throw error
        } catch {
            throw ImageError(
                kind: .badRecipe,
                message: "\(file) is not a template's: an object with description (text) and lists of texts: packages, "
                    + "kernel_modules, initramfs_contents, kernel_arguments, units")
        }
    }

    /// Any value: only its key counts.
    private struct AnyMember: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    private func readFiles() throws(ImageError) -> [ImageTemplate.File] {
        var files: [ImageTemplate.File] = []
        for tree in ImageTemplate.Tree.allCases {
            let folder = self.path.appending(tree.rawValue)
            for name in self.names(below: folder) {
                let file = folder.pushing(FilePath(name))
                do {
                    guard try Files.size(file) <= Self.largestFileBytes, files.count < Self.mostFiles else {
                        throw ImageError(
                            kind: .badRecipe,
                            message: "\(file) is more than a template holds: \(Self.mostFiles) files of at most "
                                + "\(Self.largestFileBytes >> 20) MiB; programs come from packages")
                    }
                    files.append(
                        ImageTemplate.File(
                            tree, name, try Files.read(file), isExecutable: Files.isExecutable(file)))
                } catch let error as ImageError {
                    throw error
                } catch {
                    throw ImageError(kind: .notPermitted, message: "cannot read \(file): \(error)")
                }
            }
        }
        return files
    }

    /// The files below a folder, without it, in order.
    private func names(below folder: FilePath) -> [String] {
        let entries = ((try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []).sorted()
        return entries.flatMap { entry -> [String] in
            let path = folder.appending(entry)
            guard Files.isFolder(path) else { return [entry] }
            // A link to a folder may lead back up.
            return Files.isLink(path) ? [] : self.names(below: path).map { "\(entry)/\($0)" }
        }
    }
}

extension ImageTemplate {
    /// Writes it to a new folder, to be changed there.
    package func write(to folder: FilePath) throws {
        try TemplateFolder.write(self, to: folder)
    }
}
