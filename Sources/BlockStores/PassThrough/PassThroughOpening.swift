// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import Glibc
internal import NIOCore
internal import SystemPackage

/// The steps of opening a device that is passed through; each failure is one line that names it and what to do.
enum PassThroughOpening {
    /// The file that takes commands, and for a block device the one that keeps others from mounting it.
    static func open(
        _ node: SCSIDeviceNode, path: String
    ) throws(BlockError) -> (descriptor: SystemPackage.FileDescriptor, claim: SystemPackage.FileDescriptor?) {
        var claim: SystemPackage.FileDescriptor?
        if let block = node.block {
            // O_EXCL without O_CREAT: nobody else may use the device exclusively, as a mount does.
            claim = try Self.open(block, path, .readOnly, [.exclusiveCreate, .nonBlocking])
        }
        do throws(BlockError) {
            guard let generic = node.generic ?? node.block else {
                throw BlockError(.unavailable, "open \(path)", reason: "the sg driver is not loaded (modprobe sg)")
            }
            // The sg driver has O_EXCL too, and without O_NONBLOCK would wait until nobody else has the device open.
            let exclusive: SystemPackage.FileDescriptor.OpenOptions =
                claim == nil ? [.exclusiveCreate, .nonBlocking] : [.nonBlocking]
            return (try Self.open(generic, path, .readWrite, exclusive), claim)
        } catch {
            try? claim?.close()
            throw error
        }
    }

    private static func open(
        _ file: String, _ path: String, _ access: SystemPackage.FileDescriptor.AccessMode,
        _ options: SystemPackage.FileDescriptor.OpenOptions
    ) throws(BlockError) -> SystemPackage.FileDescriptor {
        var attempts = Limits.passThroughAttempts
        while true {
            do {
                return try SystemPackage.FileDescriptor.open(
                    FilePath(file), access, options: options.union(.closeOnExec))
            } catch {
                let errno = error as? Errno
                attempts -= 1
                // udev looks at a device that has just appeared, for a moment.
                if errno == .resourceBusy, attempts > 0 {
                    usleep(Limits.passThroughAttemptMicroseconds)
                    continue
                }
                let reason: String? =
                    switch errno {
                    case .resourceBusy: "it is mounted or otherwise in use (lsblk and lsof \(file) tell by whom)"
                    case .permissionDenied, .notPermitted:
                        "permission denied (run as root, or give the user \(file) and CAP_SYS_RAWIO)"
                    default: errno?.description
                    }
                throw BlockError(.unavailable, "open \(path)", errno: errno?.rawValue, reason: reason ?? "\(error)")
            }
        }
    }

    /// What READ CAPACITY tells, for whoever asks how large the device is; initiators ask the device itself.
    static func info(of descriptor: SystemPackage.FileDescriptor, _ node: SCSIDeviceNode) -> BlockInfo {
        var geometry = BlockGeometry(blockSize: 512, blockCount: 0)
        var command = DeviceCommand(cdb: [0x9E, 0x10] + [UInt8](repeating: 0, count: 14), dataInLength: 32)
        command.cdb[13] = 32
        if node.isDisk, case .status(let answer) = PassThroughCall.perform(command, by: descriptor, node),
            answer.status == 0, let last = answer.dataIn.getInteger(at: 0, as: UInt64.self), last < .max,
            let blockSize = answer.dataIn.getInteger(at: 8, as: UInt32.self)
        {
            let (bytes, overflow) = (last + 1).multipliedReportingOverflow(by: UInt64(blockSize))
            if !overflow { geometry.blockCount = bytes / 512 }
        }
        return BlockInfo(geometry: geometry, capabilities: [])
    }
}
