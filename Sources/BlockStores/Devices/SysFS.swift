// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Glibc
internal import SystemPackage

/// What the kernel tells of devices in small files.
enum SysFS {
    /// `8:0`, from glibc's encoding of a device number.
    static func number(of device: dev_t) -> String {
        let major = (UInt64(device) >> 8 & 0xFFF) | (UInt64(device) >> 32 & ~0xFFF)
        let minor = (UInt64(device) & 0xFF) | (UInt64(device) >> 12 & ~0xFF & 0xFFFF_FFFF)
        return "\(major):\(minor)"
    }

    /// The first line of a small file, nil where there is none.
    static func contents(_ path: String) -> String? {
        guard let descriptor = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else {
            return nil
        }
        defer { try? descriptor.close() }
        // The call fills in as many bytes as it returns.
        return unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            guard let count = try? unsafe descriptor.read(into: buffer) else { return nil }
            return unsafe String(decoding: buffer[..<count], as: UTF8.self).prefix { $0 != "\n" }.description
        }
    }

    /// The names in a folder; none where there is no folder.
    static func names(in path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
