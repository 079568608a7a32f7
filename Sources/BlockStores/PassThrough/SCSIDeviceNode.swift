// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import Glibc
internal import SystemPackage

/// Where the kernel keeps a SCSI device: what it is, and the files by which it is used.
struct SCSIDeviceNode {
    /// The peripheral device type of INQUIRY: 0 disk, 1 tape, 5 CD, 8 changer.
    let type: UInt8
    /// `/dev/sg0`; nil where the sg driver is not loaded.
    let generic: String?
    /// `/dev/sda`; nil for what is no block device.
    let block: String?

    /// Finds the device that `name` means: `/dev/sg0`, `/dev/sda`, `/dev/disk/by-id/…`, `/dev/st0`, or host, channel,
    /// target and LUN as `2:0:0:1`.
    init(named name: String) throws(BlockError) {
        let folder = try Self.folder(of: name)
        guard let text = SysFS.contents("\(folder)/type"), let type = UInt8(text) else {
            throw BlockError(
                .unavailable, "open \(name)",
                reason: "it is no SCSI device (lsscsi -g lists those; of a disk name the whole, not a partition)")
        }
        self.type = type
        self.generic = SysFS.names(in: "\(folder)/scsi_generic").first.map { "/dev/\($0)" }
        self.block = SysFS.names(in: "\(folder)/block").first.map { "/dev/\($0)" }
    }

    var isDisk: Bool { self.type == 0x00 || self.type == 0x0E || self.type == 0x14 }

    private static func folder(of name: String) throws(BlockError) -> String {
        let numbers = name.split(separator: ":", omittingEmptySubsequences: false)
        if numbers.count == 4, numbers.allSatisfy({ UInt64($0) != nil }) {
            return "/sys/class/scsi_device/\(name)/device"
        }
        var status = stat()
        // A C structure that the call fills in.
        guard unsafe stat(name, &status) == 0 else {
            throw BlockError(.unavailable, "open \(name)", errno: errno, reason: Errno(rawValue: errno).description)
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFBLK || kind == S_IFCHR else {
            throw BlockError(.unavailable, "open \(name)", reason: "it is no device (lsscsi -g lists SCSI devices)")
        }
        return "/sys/dev/\(kind == S_IFBLK ? "block" : "char")/\(SysFS.number(of: status.st_rdev))/device"
    }
}
