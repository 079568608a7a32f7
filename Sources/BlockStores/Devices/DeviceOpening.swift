// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import Glibc
internal import SystemPackage

/// The steps of opening a block device; each failure is one line that names the path and what to do.
enum DeviceOpening {
    static func isDevice(_ path: String) -> Bool {
        var status = stat()
        // A C structure that the call fills in.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFBLK
    }

    static func open(
        path: String, options: BlockDeviceStore.Options
    ) throws(BlockError) -> (OpenMedium, BlockInfo) {
        guard self.isDevice(path) else {
            throw BlockError(.unavailable, "open \(path)", reason: "it is no block device")
        }
        let medium = try self.openDescriptor(path, options)
        do {
            try FileOpening.lock(medium, exclusively: !options.readOnly)
            let info = try self.info(medium, options)
            return (options.isDirect ? try medium.openedDirectly(writes: !options.readOnly) : medium, info)
        } catch {
            // The failure is what the user must hear of; closing what was never used adds nothing.
            try? medium.close()
            throw error
        }
    }

    private static func openDescriptor(
        _ path: String, _ options: BlockDeviceStore.Options
    ) throws(BlockError) -> OpenMedium {
        do {
            // O_EXCL without O_CREAT: nobody else may use the device exclusively, as a mount does.
            let descriptor = try FileDescriptor.open(
                FilePath(path), options.readOnly ? .readOnly : .readWrite, options: [.closeOnExec, .exclusiveCreate])
            return OpenMedium(descriptor: descriptor, path: path, kind: .device)
        } catch {
            let errno = error as? Errno
            let reason: String? =
                switch errno {
                case .resourceBusy: "it is mounted or otherwise in use (lsblk \(path) tells by whom)"
                case .permissionDenied: "permission denied (run as root, or join the group that owns it)"
                case .readOnlyFileSystem: "it is write-protected (export it read-only)"
                default: errno?.description
                }
            throw BlockError(.unavailable, "open \(path)", errno: errno?.rawValue, reason: reason ?? "\(error)")
        }
    }

    static func size(of medium: OpenMedium) throws(BlockError) -> UInt64 {
        var bytes: UInt64 = 0
        // The call fills in the number that it is given.
        let result = unsafe clinux_device_size(medium.descriptor.rawValue, &bytes)
        guard result >= 0 else { throw medium.error(.unavailable, "ask the size of", Errno(rawValue: -result)) }
        return bytes
    }

    private static func info(
        _ medium: OpenMedium, _ options: BlockDeviceStore.Options
    ) throws(BlockError) -> BlockInfo {
        let descriptor = medium.descriptor.rawValue
        var bytes: UInt64 = 0
        var logical: CInt = 0
        var physical: CUnsignedInt = 0
        var rotational: CUnsignedShort = 0
        // The calls fill in the numbers that they are given.
        let results = unsafe [
            clinux_device_size(descriptor, &bytes),
            clinux_device_block_sizes(descriptor, &logical, &physical),
            clinux_device_is_rotational(descriptor, &rotational),
        ]
        if let failure = results.first(where: { $0 < 0 }) {
            throw medium.error(.unavailable, "ask the size of", Errno(rawValue: -failure))
        }
        guard logical == 512 || logical == 4096 else {
            throw BlockError(
                .unavailable, "open \(medium.path)", reason: "blocks of \(logical) bytes cannot be served")
        }
        guard bytes >= UInt64(logical) else {
            throw BlockError(.unavailable, "open \(medium.path)", reason: "it has no medium")
        }
        var capabilities: BlockCapabilities = []
        if options.readOnly { capabilities.insert(.readOnly) }
        if options.writeCache, !options.readOnly { capabilities.insert(.writeCache) }
        if rotational != 0 { capabilities.insert(.rotational) }
        if options.thin, !options.readOnly, self.canDiscard(descriptor) { capabilities.insert(.unmap) }
        let exponent = max(physical.trailingZeroBitCount - logical.trailingZeroBitCount, 0)
        return BlockInfo(
            geometry: BlockGeometry(
                blockSize: Int(logical), physicalBlockExponent: UInt8(min(exponent, 15)),
                blockCount: bytes / UInt64(logical)),
            capabilities: capabilities,
            maxUnmapBlocks: UInt32(clamping: Limits.unmapBytes / UInt64(logical)))
    }

    /// The kernel tells in sysfs how much one discard may cover; 0 where the device knows none. A partition's queue is
    /// its disk's.
    private static func canDiscard(_ descriptor: CInt) -> Bool {
        var status = stat()
        // A C structure that the call fills in.
        guard unsafe fstat(descriptor, &status) == 0 else { return false }
        let device = "/sys/dev/block/\(SysFS.number(of: status.st_rdev))"
        for queue in ["queue", "../queue"] {
            guard let text = SysFS.contents("\(device)/\(queue)/discard_max_bytes") else { continue }
            return text.prefix { $0.isWholeNumber }.contains { $0 != "0" }
        }
        return false
    }
}
