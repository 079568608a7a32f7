// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// The SCSI commands that we send, as CDBs (SPC-4, SBC-3).
extension InitiatorCommand {
    static func testUnitReady(lun: UInt64) -> InitiatorCommand {
        InitiatorCommand(lun: lun, cdb: (0, 0))
    }

    /// - Parameter page: a vital product data page; nil for the standard data.
    static func inquiry(lun: UInt64, page: UInt8? = nil, length: UInt16 = 255) -> InitiatorCommand {
        var head: UInt64 = 0x12 << 56 | UInt64(length) << 24
        if let page { head |= 1 << 48 | UInt64(page) << 40 }
        return InitiatorCommand(lun: lun, cdb: (head, 0), transfer: .read(Int(length)))
    }

    /// Asks whether the unit knows one command (reporting options 001b).
    static func reportOperation(lun: UInt64, _ operation: UInt8) -> InitiatorCommand {
        InitiatorCommand(
            lun: lun, cdb: (0xa30c_0100 << 32 | UInt64(operation) << 32, UInt64(512) << 48), transfer: .read(512))
    }

    static func readCapacity16(lun: UInt64) -> InitiatorCommand {
        InitiatorCommand(lun: lun, cdb: (0x9e10 << 48, UInt64(32) << 16), transfer: .read(32))
    }

    static func readCapacity10(lun: UInt64) -> InitiatorCommand {
        InitiatorCommand(lun: lun, cdb: (0x25 << 56, 0), transfer: .read(8))
    }

    static func reportLUNs(length: UInt32 = 65_536) -> InitiatorCommand {
        InitiatorCommand(
            lun: 0, cdb: (0xa0 << 56 | UInt64(length) >> 16, UInt64(length) << 48), transfer: .read(Int(length)))
    }

    /// WRITE SAME (16): the one block of `pattern` in every block.
    ///
    /// - Parameter unmaps: the unit may give the space back, where it then reads as the pattern.
    static func writeSame(
        lun: UInt64, lba: UInt64, blocks: UInt32, unmaps: Bool, pattern: ByteBuffer
    ) -> InitiatorCommand {
        InitiatorCommand(
            lun: lun, cdb: ((unmaps ? 0x9308 : 0x9300) << 48 | lba >> 16, lba << 48 | UInt64(blocks) << 16),
            transfer: .write(pattern))
    }

    static func synchronizeCache(lun: UInt64) -> InitiatorCommand {
        InitiatorCommand(lun: lun, cdb: (0x35 << 56, 0))
    }

    @inline(__always)
    static func read(lun: UInt64, lba: UInt64, blocks: UInt32, byteCount: Int) -> InitiatorCommand {
        InitiatorCommand(
            lun: lun, cdb: Self.transferCDB(0x28, 0x88, lba, blocks), transfer: .read(byteCount))
    }

    @inline(__always)
    static func write(lun: UInt64, lba: UInt64, blocks: UInt32, data: ByteBuffer) -> InitiatorCommand {
        InitiatorCommand(lun: lun, cdb: Self.transferCDB(0x2a, 0x8a, lba, blocks), transfer: .write(data))
    }

    /// READ (10) or WRITE (10) where block and length fit, else the sixteen-byte form.
    @inline(__always)
    private static func transferCDB(
        _ short: UInt64, _ long: UInt64, _ lba: UInt64, _ blocks: UInt32
    ) -> (UInt64, UInt64) {
        if lba <= 0xffff_ffff, blocks <= 0xffff {
            return (short << 56 | lba << 16 | UInt64(blocks) >> 8, UInt64(blocks & 0xff) << 56)
        }
        return (long << 56 | lba >> 16, lba << 48 | UInt64(blocks) << 16)
    }
}
