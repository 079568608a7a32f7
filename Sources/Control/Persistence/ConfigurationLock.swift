// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import Glibc
import SystemPackage

/// The right to write a configuration, held until it is released or the process ends.
package final class ConfigurationLock: Sendable {
    private let file: FileDescriptor

    /// - Throws: `.inUse` when somebody else has it.
    package init(of configuration: ConfigurationFile) throws(FileProblem) {
        let path = configuration.path + ".lock"
        do {
            try SystemFiles.makeFolder(SystemFiles.folder(of: path), mode: 0o755)
            self.file = try FileDescriptor.open(
                FilePath(path), .readWrite, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            try SystemFiles.giveToOwnerOfFolder(path)
        } catch {
            throw FileProblem("open \(path)", error)
        }
        let result = clinux_lock(self.file.rawValue, true)
        guard result == 0 else {
            try? self.file.close()
            if [EAGAIN, EACCES].contains(-result) {
                throw FileProblem(
                    .inUse,
                    "\(configuration.path) is in use by another apus; "
                        + "stop it, or name the daemon's --socket to change what it serves")
            }
            throw FileProblem("lock \(path)", Errno(rawValue: -result))
        }
    }

    /// The lock, nil when somebody else has it.
    package static func ifFree(of configuration: ConfigurationFile) throws(FileProblem) -> ConfigurationLock? {
        do throws(FileProblem) {
            return try ConfigurationLock(of: configuration)
        } catch {
            guard error.kind == .inUse else { throw error }
            return nil
        }
    }

    deinit {
        _ = clinux_unlock(self.file.rawValue)
        // Nothing was written through it, so there is nothing that closing could lose.
        try? self.file.close()
    }
}
