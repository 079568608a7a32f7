// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ImageBuilder
import SystemPackage

/// The templates of an image.
struct TemplateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A template, by its name or its folder: what the image has besides. May be repeated; later ones are laid over "
                + "earlier ones.", valueName: "name"))
    var template: [String] = []

    func read(_ folder: ImageFolderOption) throws -> [ImageTemplate] {
        try self.template.map { try folder.templates.template($0) }
    }
}

extension ImageFolderOption {
    var templates: TemplateLibrary { TemplateLibrary(stateFolder: self.state) }
}

/// `apus template`: what images can have besides a distribution's least.
struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template", abstract: "List, show and copy the templates of images.",
        discussion: """
            A template is a folder: template.json (description, packages, kernel_modules, \
            initramfs_contents, kernel_arguments, units) and the trees root/ and initramfs/, whose files go into the image's two file systems. It is found by its path, or by its \
            name in /etc/apus/templates and in templates of the state folder. A folder with the name of a template is laid \
            over it: /etc/apus/templates/feature/iscsi-boot/initramfs/init-iscsi.sh replaces that one script.
            """,
        subcommands: [TemplateListCommand.self, TemplateShowCommand.self, TemplateCopyCommand.self])
}

struct TemplateListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the templates.")

    @OptionGroup var folder: ImageFolderOption

    func run() throws {
        let rows = try self.folder.templates.all().map { template in
            [template.name, template.origins.joined(separator: " + "), template.description]
        }
        print(TextTable.format([["NAME", "FROM", "WHAT IT IS"]] + rows))
    }
}

struct TemplateShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show what a template brings.")

    @Argument(help: "The template's name, or its folder.")
    var name: String
    @OptionGroup var folder: ImageFolderOption

    func run() throws {
        let template = try self.folder.templates.template(self.name)
        var rows = [
            ["name", template.name], ["what it is", template.description],
            ["from", template.origins.joined(separator: ", ")],
        ]
        for (title, list) in [
            ("packages", template.packages), ("kernel arguments", template.kernelArguments), ("units", template.units),
            ("initramfs", template.initramfsContents.map { $0.trimmingPrefix("! ").description }),
            ("kernel modules", template.kernelModules.map { $0.trimmingPrefix("! ").description }),
        ] where !list.isEmpty {
            rows.append([title, list.joined(separator: " ")])
        }
        for file in template.files { rows.append(["file", "\(file.tree.rawValue)/\(file.path)"]) }
        print(TextTable.format(rows))
    }
}

struct TemplateCopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy", abstract: "Write a template to a folder, to be changed there.")

    @Argument(help: "The template's name, or its folder.")
    var name: String
    @Argument(help: "A folder that is not there yet.", completion: .directory)
    var output: String
    @OptionGroup var folder: ImageFolderOption

    func run() throws {
        try self.folder.templates.template(self.name).write(to: FilePath(self.output))
        print("template \(self.name) written to \(self.output); use it with --template \(self.output)")
    }
}
