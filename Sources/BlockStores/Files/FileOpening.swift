// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import Glibc
internal import SystemPackage

/// The steps of opening an image file; each failure is one line that names the path and what to do.
enum FileOpening {
    struct Opened {
        var medium: OpenMedium
        var info: BlockInfo
        var origin: FileStore.Origin
    }

    static func open(path: String, options: FileStore.Options) throws(BlockError) -> Opened {
        guard options.blockSize == 512 || options.blockSize == 4096 else {
            throw BlockError(.unavailable, "\(path): a block has 512 or 4096 bytes, not \(options.blockSize)")
        }
        let (descriptor, created) = try self.openDescriptor(path, options)
        let medium = OpenMedium(descriptor: descriptor, path: path, kind: .file)
        do {
            try self.lock(medium, exclusively: !options.readOnly)
            try AtomicJournal.finish(medium, readOnly: options.readOnly)
            let (size, origin) = try self.size(medium, options, created: created)
            let info = try self.info(medium, options, size: size)
            return Opened(
                medium: options.isDirect ? try medium.openedDirectly(writes: !options.readOnly) : medium, info: info,
                origin: origin)
        } catch {
            // The failure is what the user must hear of; closing what was never used adds nothing.
            try? medium.close()
            if created { _ = unsafe unlink(path) }
            throw error
        }
    }

    private static func openDescriptor(
        _ path: String, _ options: FileStore.Options
    ) throws(BlockError) -> (FileDescriptor, created: Bool) {
        let mode: FileDescriptor.AccessMode = options.readOnly ? .readOnly : .readWrite
        do {
            return (try FileDescriptor.open(FilePath(path), mode, options: .closeOnExec), false)
        } catch Errno.noSuchFileOrDirectory where options.size != nil && !options.readOnly {
            // Created below. Exclusively, as another program may be creating it at this moment.
        } catch {
            throw self.refusal(path, error, options)
        }
        do {
            let descriptor = try FileDescriptor.open(
                FilePath(path), mode, options: [.closeOnExec, .create, .exclusiveCreate],
                permissions: [.ownerReadWrite, .groupRead])
            return (descriptor, true)
        } catch {
            throw self.refusal(path, error, options)
        }
    }

    private static func refusal(_ path: String, _ error: any Error, _ options: FileStore.Options) -> BlockError {
        guard let errno = error as? Errno else {
            return BlockError(.unavailable, "open \(path)", reason: "\(error)")
        }
        let hint =
            switch errno {
            case .noSuchFileOrDirectory where options.size == nil: "no such file (give a size to create it)"
            case .noSuchFileOrDirectory: "no such file or folder"
            case .isDirectory: "it is a folder, not a disk image"
            case .permissionDenied where !options.readOnly:
                "permission denied (export it read-only, or change its mode)"
            case .readOnlyFileSystem: "its file system is read-only (export it read-only)"
            default: errno.description
            }
        return BlockError(.unavailable, "open \(path)", errno: errno.rawValue, reason: hint)
    }

    /// Keeps every other open file description from writing, or at all where this one writes.
    static func lock(_ medium: OpenMedium, exclusively: Bool) throws(BlockError) {
        let result = clinux_lock(medium.descriptor.rawValue, exclusively)
        guard result < 0 else { return }
        switch Errno(rawValue: -result) {
        case .wouldBlock, .permissionDenied:
            throw BlockError(
                .unavailable, "open \(medium.path)", errno: -result,
                reason: exclusively
                    ? "another program has it open (stop that, or serve a copy)"
                    : "another program has it open for writing (stop that, or serve a copy)")
        case let errno:
            throw BlockError(.unavailable, "lock \(medium.path)", errno: -result, reason: errno.description)
        }
    }

    private static func size(
        _ medium: OpenMedium, _ options: FileStore.Options, created: Bool
    ) throws(BlockError) -> (UInt64, FileStore.Origin) {
        var status = stat()
        // A C structure that the call fills in.
        guard unsafe fstat(medium.descriptor.rawValue, &status) == 0 else {
            throw medium.error(.unavailable, "look at", Errno(rawValue: errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw BlockError(.unavailable, "open \(medium.path)", reason: "it is no regular file")
        }
        let existing = UInt64(status.st_size)
        let wanted = options.readOnly ? nil : options.size
        let size = try self.grow(medium, from: existing, to: wanted)
        if options.reserves, size > existing { try self.reserve(medium, from: existing, to: size) }
        return (size, size == existing ? .existing : created ? .created : .extended(from: existing))
    }

    /// Gives the file the space that it is going to take.
    private static func reserve(_ medium: OpenMedium, from existing: UInt64, to size: UInt64) throws(BlockError) {
        let result = posix_fallocate(
            medium.descriptor.rawValue, off_t(clamping: existing), off_t(clamping: size - existing))
        guard result != 0 else { return }
        // A file that was there is as long as it was.
        try? medium.descriptor.resize(to: Int64(clamping: existing))
        throw BlockError(
            .full, "reserve \(size - existing) bytes for \(medium.path)", errno: result,
            reason: Errno(rawValue: result).description)
    }

    /// Makes a shorter file `wanted` bytes long; returns how long it then is.
    static func grow(_ medium: OpenMedium, to wanted: UInt64?) throws(BlockError) -> UInt64 {
        var status = stat()
        // A C structure that the call fills in.
        guard unsafe fstat(medium.descriptor.rawValue, &status) == 0 else {
            throw medium.error(.unavailable, "look at", Errno(rawValue: errno))
        }
        return try self.grow(medium, from: UInt64(status.st_size), to: wanted)
    }

    private static func grow(
        _ medium: OpenMedium, from existing: UInt64, to wanted: UInt64?
    ) throws(BlockError) -> UInt64 {
        guard let wanted, wanted > existing else { return existing }
        do {
            try medium.descriptor.resize(to: Int64(clamping: wanted))
            return wanted
        } catch {
            let errno = error as? Errno
            throw BlockError(
                .unavailable, "extend \(medium.path) to \(wanted) bytes", errno: errno?.rawValue,
                reason: errno?.description ?? "\(error)")
        }
    }

    private static func info(
        _ medium: OpenMedium, _ options: FileStore.Options, size: UInt64
    ) throws(BlockError) -> BlockInfo {
        let blockCount = size / UInt64(options.blockSize)
        guard blockCount > 0 else {
            throw BlockError(
                .unavailable, "open \(medium.path)", reason: "it is empty (give a size to extend it)")
        }
        var capabilities: BlockCapabilities = []
        if options.readOnly { capabilities.insert(.readOnly) }
        if options.writeCache, !options.readOnly { capabilities.insert(.writeCache) }
        // A hole punched beyond the end changes nothing, and says whether the file system can punch one.
        let probe = clinux_punch_hole(medium.descriptor.rawValue, off_t(size), 4096)
        if options.thin, !options.readOnly, probe == 0 { capabilities.formUnion([.unmap, .unmapZeroes]) }
        if capabilities.contains(.unmap), clinux_can_reserve(medium.descriptor.rawValue) {
            capabilities.insert(.anchors)
        }
        capabilities.insert(.tellsUsage)
        let isAtomic = !options.readOnly && AtomicJournal.isPossible(medium.path)
        // The page cache works in 4 KiB pages, as do the file systems beneath: smaller writes cost a read.
        let exponent: UInt8 = options.blockSize == 512 ? 3 : 0
        return BlockInfo(
            geometry: BlockGeometry(
                blockSize: options.blockSize, physicalBlockExponent: exponent, blockCount: blockCount),
            capabilities: capabilities,
            maxUnmapBlocks: UInt32(clamping: Limits.unmapBytes / UInt64(options.blockSize)),
            maxAtomicBlocks: isAtomic ? UInt32(Limits.atomicBytes / options.blockSize) : 0)
    }
}
