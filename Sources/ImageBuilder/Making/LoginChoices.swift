// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SystemPackage

/// How one logs in to an image, as `adopt-root.sh` reads it from files.
struct LoginChoices {
    let rootPassword: String?
    let sshKeys: [String]

    func write(to folder: FilePath) throws {
        func write(_ text: String, to name: String) throws {
            try Files.write(Array(text.utf8), to: folder.appending(name), mode: [.ownerReadWrite])
        }
        if let rootPassword { try write(rootPassword + "\n", to: "root-password") }
        if !self.sshKeys.isEmpty { try write(self.sshKeys.map { $0 + "\n" }.joined(), to: "authorized_keys") }
    }
}
