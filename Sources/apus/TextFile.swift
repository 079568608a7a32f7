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

    /// The lines of a file of SSH public keys that are not empty and not comments.
    static func publicKeys(in path: String) throws -> [String] {
        let keys = try self.read(path).split(separator: "\n").map { $0.trimmingPrefix(while: { $0 == " " }) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }.map(String.init)
        guard !keys.isEmpty else { throw Failure(.badData, "\(path) has no SSH public key") }
        return keys
    }
}
