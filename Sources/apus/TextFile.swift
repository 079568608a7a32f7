// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SystemPackage

/// Small files that a user names.
enum TextFile {
    /// More than any of them has.
    private static let maximumBytes = 1 << 20

    static func read(_ path: String) throws -> String {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
            defer { try? file.close() }
            var bytes = [UInt8](repeating: 0, count: Self.maximumBytes + 1)
            var count = 0
            while count < bytes.count {
                let more = try unsafe bytes[count...].withUnsafeMutableBytes { try unsafe file.read(into: $0) }
                if more == 0 { break }
                count += more
            }
            guard count <= Self.maximumBytes else { throw Failure(.badData, "\(path) is too large") }
            guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
                throw Failure(.badData, "\(path) is not text in UTF-8")
            }
            return text
        } catch let error as Errno {
            throw Failure(.noInput, "cannot read \(path): \(error.description)")
        }
    }
}
