// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import SystemPackage

/// Why a file of the daemon's could not be read or written: one line with path and cause.
package struct FileProblem: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        case missing
        case noPermission
        case cannotCreate
        case inUse
        case badContent
        case io
    }

    package var kind: Kind
    package var description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// What the system said of doing `what` ("write /etc/apus/saveconfig.json").
    init(_ what: String, _ error: any Error) {
        guard let errno = error as? Errno else {
            self.init(.io, "cannot \(what): \(error)")
            return
        }
        switch errno {
        case .noSuchFileOrDirectory: self.init(.missing, "cannot \(what): there is no such file or folder")
        case .permissionDenied, .notPermitted:
            self.init(.noPermission, "cannot \(what): not permitted to this user; use sudo")
        case .noSpace: self.init(.io, "cannot \(what): the file system is full; make room and try again")
        case .readOnlyFileSystem: self.init(.cannotCreate, "cannot \(what): the file system is read-only")
        case .notDirectory: self.init(.cannotCreate, "cannot \(what): a part of the path is not a folder")
        default: self.init(.io, "cannot \(what): \(errno)")
        }
    }
}
