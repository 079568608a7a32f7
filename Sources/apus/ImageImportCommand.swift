// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ImageBuilder
import Model
import SystemPackage

struct ImageImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image of something that exists.",
        discussion: """
            SOURCE is one of

              a build's folder, such as tmp-glibc/deploy/images/intel-x86-64 of Wind River Linux: its kernel, initramfs, \
            root file system and boot loader are laid out as they are, and each machine's disk gets its own kernel \
            arguments;
              a root file system, as a folder or as a tar archive (.gz, .bz2, .xz, .zst), with a kernel, systemd and \
            open-iscsi in it: it gets an initramfs and a boot loader;
              a container's image with the same in it: an OCI layout, or what docker save wrote;
              a disk that boots (raw, qcow2, vhdx, vmdk): it is looked into, and what it lacks to boot over iSCSI is told.

            Owners, modes, extended attributes, capabilities, links, devices and holes are kept. Nothing is mounted.

            Examples:
              apus image import wr tmp-glibc/deploy/images/intel-x86-64
              apus image import lab root.tar.zst --root-password secret
              apus image import golden disk.qcow2
            """)

    @Argument(help: "The image's name.")
    var name: String
    @Argument(help: "A folder or file; see above.", completion: .file())
    var source: String
    @Option(help: "The disk's size, such as 8G; twice what is needed when not given, at least 4G.")
    var size: ByteSize?
    @Option(help: "The host name of a root file system; its own when not given.")
    var hostname: String?
    @Option(help: "The superuser's password in a root file system.")
    var rootPassword: String?
    @Option(
        help: ArgumentHelp(
            "A file of SSH public keys for the superuser of a root file system. May be repeated.", valueName: "file"))
    var sshKey: [String] = []
    @OptionGroup var templates: TemplateOptions
    @Option(
        help: ArgumentHelp("A kernel argument more. May be repeated.", valueName: "argument"))
    var kernelArgument: [String] = []
    @Option(help: ArgumentHelp("The kernel, where a build's folder has several.", valueName: "file"))
    var kernelFile: String?
    @Option(help: ArgumentHelp("The initramfs, where a build's folder has several.", valueName: "file"))
    var initramfsFile: String?
    @Option(help: ArgumentHelp("The root file system, where a build's folder has several.", valueName: "file"))
    var rootfsFile: String?
    @Flag(help: "Import a disk even though it lacks something that booting over iSCSI needs.")
    var acceptGaps = false
    @Flag(help: "Import it even where nothing has changed since.")
    var again = false
    @OptionGroup var folder: ImageFolderOption

    func run() async throws {
        let source = try await ImportSource.recognize(
            FilePath(self.source),
            choosing: DeployFolder.Choice(
                kernel: self.kernelFile, initramfs: self.initramfsFile, rootfs: self.rootfsFile))
        let request = ImportRequest(
            name: self.name, source: source, sizeBytes: self.size?.bytes, hostname: self.hostname,
            rootPassword: self.rootPassword, sshKeys: try self.sshKey.flatMap(TextFile.publicKeys),
            kernelArguments: self.kernelArgument,
            templates: try self.templates.read(self.folder), acceptsGaps: self.acceptGaps)
        let store = self.folder.store
        let progress = BuildProgress(to: .standardOutput)
        progress.say("importing \(source.description)")
        let again = self.again
        try await progress.tell(of: store, again: "--again") {
            try await ImageImport(request, in: store, progress: progress).run(again: again)
        }
    }
}
