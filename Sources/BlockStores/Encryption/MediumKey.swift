// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import Crypto
internal import Glibc
internal import NIOCore
internal import SystemPackage

/// The key that a medium's blocks are encrypted with, as a self-encrypting disk has one: it keeps nothing secret from
/// whoever can read the key too, but all is gone at once when it is replaced.
///
///     apus-medium-key 1
///     f0e1…  64 hexadecimal digits
///
/// The file is written over in its place, so that the old key is not left beside the new one; what the file system or
/// the disk beneath keep of old blocks is theirs.
package struct MediumKey: Sendable {
    let key: SymmetricKey
    /// Nil where the key is in memory alone, and gone with it.
    private let path: String?

    private static let heading = "apus-medium-key 1\n"
    private static let fileBytes = Self.heading.utf8.count + 64 + 1

    private init(_ key: SymmetricKey, path: String?) {
        self.key = key
        self.path = path
    }

    /// A new key that is nowhere but here.
    package static func inMemory() -> MediumKey {
        MediumKey(SymmetricKey(size: .bits256), path: nil)
    }

    /// The key that the file holds; nil where there is no such file.
    package static func read(_ path: String) throws(BlockError) -> MediumKey? {
        guard let content = try StateFile(path: path).read(limit: Self.fileBytes) else { return nil }
        let text = String(buffer: content)
        guard text.utf8.count == Self.fileBytes, text.hasPrefix(Self.heading), text.hasSuffix("\n"),
            let bytes = Self.bytes(text.dropFirst(Self.heading.utf8.count).dropLast())
        else {
            throw BlockError(
                .unavailable, "read \(path)", reason: "it holds no key, without which the disk cannot be read")
        }
        return MediumKey(SymmetricKey(data: bytes), path: path)
    }

    /// Makes a new key and the file that keeps it, which must not be there yet.
    package static func create(_ path: String) throws(BlockError) -> MediumKey {
        let key = MediumKey(SymmetricKey(size: .bits256), path: path)
        try key.write(options: [.create, .exclusiveCreate])
        return key
    }

    /// A new key in the place of this one, which is nowhere any longer when this returns.
    func replaced() throws(BlockError) -> MediumKey {
        let key = MediumKey(SymmetricKey(size: .bits256), path: self.path)
        try key.write(options: [])
        return key
    }

    private func write(options: SystemPackage.FileDescriptor.OpenOptions) throws(BlockError) {
        guard let path else { return }
        let digits = unsafe self.key.withUnsafeBytes { bytes in
            unsafe bytes.map { byte in
                let digits = String(byte, radix: 16)
                return digits.utf8.count == 1 ? "0" + digits : digits
            }.joined()
        }
        do {
            let file = try SystemPackage.FileDescriptor.open(
                FilePath(path), .writeOnly, options: options.union([.closeOnExec, .noFollow]),
                permissions: [.ownerReadWrite])
            try file.closeAfter {
                try file.writeAll((Self.heading + digits + "\n").utf8)
                guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch {
            let errno = error as? Errno
            throw BlockError(
                .write, "write the key \(path)", errno: errno?.rawValue, reason: errno?.description ?? "\(error)")
        }
    }

    private static func bytes(_ digits: Substring) -> [UInt8]? {
        let values = digits.compactMap { $0.isASCII ? $0.hexDigitValue : nil }
        guard values.count == digits.utf8.count else { return nil }
        return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }
}
