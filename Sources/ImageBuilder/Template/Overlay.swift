// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import SystemPackage

/// What the templates of an image come to, as the scripts read it: `overlay/root`, `overlay/initramfs`, the lists
/// `modules`, `contents` and `units`.
struct Overlay {
    let template: ImageTemplate

    /// - Parameter templates: In the order in which they are laid over each other.
    init(_ templates: [ImageTemplate]) {
        self.template = templates.dropFirst().reduce(templates[0]) { $0.overlaid(with: $1) }
    }

    func write(to folder: FilePath) throws {
        for tree in ImageTemplate.Tree.allCases {
            try self.make(folder.appending("overlay").appending(tree.rawValue))
        }
        for file in self.template.files {
            let path = folder.appending("overlay").appending(file.tree.rawValue).pushing(FilePath(file.path))
            try self.make(path.removingLastComponent())
            try Files.write(
                file.content, to: path,
                mode: file.isExecutable
                    ? [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
                    : [.ownerReadWrite, .groupRead, .otherRead])
        }
        try self.writeLines(self.template.kernelModules, to: folder.appending("modules"))
        try self.writeLines(self.template.initramfsContents, to: folder.appending("contents"))
        try self.writeLines(self.template.units, to: folder.appending("units"))
    }

    private func make(_ folder: FilePath) throws {
        try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
    }

    private func writeLines(_ lines: [String], to file: FilePath) throws {
        try Files.write(Array(lines.map { $0 + "\n" }.joined().utf8), to: file, mode: [.ownerReadWrite])
    }
}
