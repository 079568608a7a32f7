// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import SystemPackage

/// The templates that can be named: the program's own, and those of folders. One of the same name in several places is laid
/// over itself, so that a folder with one file in it changes that file of a template of the program.
package struct TemplateLibrary: Sendable {
    /// In the order in which they are laid over each other.
    let folders: [FilePath]

    /// - Parameter stateFolder: The folder of images and disks.
    package init(stateFolder: String) {
        self.init(folders: ["/etc/apus/templates", Files.absolute(FilePath(stateFolder)).appending("templates")])
    }

    init(folders: [FilePath]) {
        self.folders = folders
    }

    /// All templates in the order of their names. A folder that is damaged is an error, not left out.
    package func all() throws(ImageError) -> [ImageTemplate] {
        var names = Set(ImageTemplate.builtIn.map(\.name))
        for folder in self.folders { names.formUnion(Self.names(in: folder, below: "")) }
        var templates: [ImageTemplate] = []
        for name in names.sorted() { templates.append(try self.template(name)) }
        return templates
    }

    /// The template of a name, or the one in a folder of the user's.
    package func template(_ name: String) throws(ImageError) -> ImageTemplate {
        var found = ImageTemplate.builtIn.first { $0.name == name }
        let named = self.folders.map { $0.appending(name) }
        let isRelativeName = !name.hasPrefix("/") && !name.hasPrefix(".")
        for folder in (isRelativeName ? named : []) + [FilePath(name)] where TemplateFolder.isTemplate(folder) {
            // A folder that is named like a template where the command runs is not meant.
            if folder.string == name, found != nil { continue }
            let template = try TemplateFolder(path: Files.absolute(folder), name: name).read()
            found = found?.overlaid(with: template) ?? template
        }
        guard let found else {
            throw ImageError(
                kind: .unknownImage,
                message:
                    "there is no template \(name): \"apus template list\" shows all; one of your own is a folder with "
                    + "template.json, root/ or initramfs/ in it")
        }
        return found
    }

    /// The names of templates in a folder; they may have a slash in them.
    private static func names(in folder: FilePath, below prefix: String) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        return entries.filter { !$0.hasPrefix(".") }.flatMap { entry -> [String] in
            let path = folder.appending(entry)
            if TemplateFolder.isTemplate(path) { return [prefix + entry] }
            return prefix.isEmpty && Files.isFolder(path) ? self.names(in: path, below: "\(entry)/") : []
        }
    }
}
