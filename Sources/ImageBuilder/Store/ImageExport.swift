// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Subprocess
package import SystemPackage

/// The formats that an image's disk can be written in for others.
package enum ExportFormat: String, CaseIterable, Sendable {
    case raw, qcow2, vhdx
}

extension ImageStore {
    /// Writes an image's disk to a file, which appears under its name only when it is whole. Nothing is overwritten.
    package func export(_ name: String, as format: ExportFormat, to file: FilePath, progress: BuildProgress)
        async throws
    {
        _ = try self.existingEntry(name)
        try RequiredTools.check([("qemu-img", "qemu-utils")])
        guard !Files.exists(file) else {
            throw ImageError(kind: .badRecipe, message: "\(file) is there already: remove it, or choose another name")
        }
        let lock = try self.lock(name)
        defer { lock.release() }
        let unfinished = FilePath(file.string + ".new")
        let tools = Tools(log: lock.log, logPath: lock.path)
        do {
            try await progress.step("\(format.rawValue) disk") {
                try await tools.run(
                    "qemu-img",
                    [
                        "convert", "-f", "raw", "-O", format.rawValue, "-S", "4k",
                        self.folder(of: name).appending(ImageLayout.disk).string, unfinished.string,
                    ])
            }
            try Files.synchronize(unfinished)
            try Files.replace(file, with: unfinished, aside: FilePath(file.string + ".old"))
        } catch {
            try? Files.remove(unfinished)
            throw error
        }
    }

    /// Gives an image another name. Its disk stays as it is, so that identifiers on it remain those of the old name.
    package func rename(_ name: String, to other: String) throws(ImageError) {
        var entry = try self.existingEntry(name)
        if let problem = ImageRecipe.nameProblem(other) { throw ImageError(kind: .badRecipe, message: problem) }
        guard try self.entry(other) == nil, !Files.exists(self.folder(of: other)) else {
            throw ImageError(kind: .badRecipe, message: "there is an image \(other) already: remove it first")
        }
        let lock = try self.lock(name)
        defer { lock.release() }
        entry.manifest.name = other
        do {
            try Files.rename(self.folder(of: name), to: self.folder(of: other))
            try self.write(entry.manifest, to: self.folder(of: other))
            try Files.synchronize(self.folder)
        } catch {
            throw ImageError(kind: .notPermitted, message: "cannot rename \(self.folder(of: name)): are you its owner?")
        }
    }
}
