// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import SystemPackage
import Testing

@testable import ImageBuilder

@Suite("Templates")
struct TemplateTests {
    private func makeFolder(_ files: [(String, String)]) throws -> FilePath {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return FilePath(folder.path)
    }

    private func remove(_ folder: FilePath) {
        try? FileManager.default.removeItem(atPath: folder.string)
    }

    @Test func `a folder is a template, with all that it holds`() throws {
        let folder = try self.makeFolder([
            (
                "lab/template.json",
                #"{"description": "lab", "packages": ["less"], "kernel_modules": ["dm_mod"], "initramfs_contents": ["/usr/bin/x"]}"#
            ),
            ("lab/root/etc/lab.conf", "a"), ("lab/initramfs/etc/x/y", "b"), ("group/one/root/z", "c"),
        ])
        defer { self.remove(folder) }
        let library = TemplateLibrary(folders: [folder])
        let lab = try library.template("lab")
        #expect(lab.packages == ["less"] && lab.kernelModules == ["dm_mod"] && lab.description == "lab")
        #expect(lab.initramfsContents == ["/usr/bin/x"])
        #expect(lab.files.map { "\($0.tree)/\($0.path)" } == ["root/etc/lab.conf", "initramfs/etc/x/y"])
        #expect(
            try library.all().map(\.name) == [
                "feature/iscsi-boot", "feature/multipath", "feature/ssh-server", "group/one", "lab",
            ])
        #expect(try TemplateLibrary(folders: []).template(folder.appending("lab").string).packages == ["less"])
    }

    @Test func `one file of a template of the program is replaced`() throws {
        let folder = try self.makeFolder([("feature/iscsi-boot/initramfs/init-iscsi.sh", "#!/bin/sh\nexit 0\n")])
        defer { self.remove(folder) }
        let template = try TemplateLibrary(folders: [folder]).template("feature/iscsi-boot")
        let own = ImageTemplate.iscsiBoot
        #expect(template.files.count == own.files.count)
        #expect(template.packages == own.packages)
        let script = try #require(template.files.first { $0.path == "init-iscsi.sh" })
        #expect(script.content == Array("#!/bin/sh\nexit 0\n".utf8))
        #expect(template.origins == ["the program", folder.appending("feature/iscsi-boot").string])
    }

    @Test func `a copy of a template is that template`() throws {
        let folder = try self.makeFolder([("x", "")])
        defer { self.remove(folder) }
        let copy = folder.appending("copy")
        try ImageTemplate.iscsiBoot.write(to: copy)
        var read = try TemplateLibrary(folders: []).template(copy.string)
        read.name = ImageTemplate.iscsiBoot.name
        read.origins = ImageTemplate.iscsiBoot.origins
        let byPath = { (one: ImageTemplate.File, other: ImageTemplate.File) in
            (one.tree.rawValue, one.path) < (other.tree.rawValue, other.path)
        }
        read.files.sort(by: byPath)
        var own = ImageTemplate.iscsiBoot
        own.files.sort(by: byPath)
        #expect(read == own)
        #expect(throws: ImageError.self) { try ImageTemplate.iscsiBoot.write(to: copy) }
    }

    @Test(arguments: [
        (#"{"packges": []}"#, "packges is not known; known are description, initramfs_contents"),
        (#"{"packages": "less"}"#, "is not a template's"), ("[]", "is not a template's"), ("{", "is not a template's"),
    ])
    func `a manifest that is wrong is told`(_ text: String, _ message: String) throws {
        let folder = try self.makeFolder([("lab/template.json", text)])
        defer { self.remove(folder) }
        let error = #expect(throws: ImageError.self) { try TemplateLibrary(folders: [folder]).template("lab") }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func `what a template may not hold is told with the recipe's other problems`() {
        let template = ImageTemplate(
            name: "bad", packages: ["a b"], kernelModules: ["x;y"], kernelArguments: ["a b"], units: ["ssh"])
        let recipe = ImageRecipe(name: "lab", suite: "bookworm", rootPassword: "x", templates: [template])
        #expect(recipe.problems().count == 4)
        #expect(throws: ImageError.self) { try TemplateLibrary(folders: []).template("none") }
    }

    @Test func `templates are laid over each other in order, and decide the recipe`() {
        func recipe(_ templates: [ImageTemplate]) -> ImageRecipe {
            ImageRecipe(name: "lab", suite: "bookworm", rootPassword: "x", templates: templates)
        }
        let one = ImageTemplate(name: "one", packages: ["less"], files: [.init(.root, "etc/a", [1])])
        let two = ImageTemplate(name: "two", kernelArguments: ["quiet"], files: [.init(.root, "etc/a", [2])])
        let overlay = recipe([one, two]).overlay.template
        #expect(overlay.files.filter { $0.path == "etc/a" }.map(\.content) == [[2]])
        #expect(recipe([one]).allPackages.contains("less") && recipe([]).allPackages.contains("open-iscsi"))
        let hashes = [[], [one], [two], [one, two], [two, one]].map { RecipeHash.of(recipe($0), toolVersions: []) }
        #expect(Set(hashes).count == 5)
    }

    @Test(arguments: [
        ("bookworm", KernelFlavor.cloud, "http://deb.debian.org/debian", "linux-image-cloud-amd64"),
        ("trixie", .generic, "http://deb.debian.org/debian", "linux-image-amd64"),
        ("noble", .generic, "http://archive.ubuntu.com/ubuntu", "linux-image-generic"),
        ("jammy-updates", .cloud, "http://archive.ubuntu.com/ubuntu", "linux-image-virtual"),
    ])
    func `a suite has its distribution's archive and kernels`(
        _ suite: String, _ kernel: KernelFlavor, _ mirror: String, _ package: String
    ) {
        let recipe = ImageRecipe(name: "lab", suite: suite, rootPassword: "x", kernel: kernel)
        #expect(recipe.mirror == mirror)
        #expect(recipe.allPackages.first == package)
    }
}
