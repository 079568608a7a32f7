// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What has to be known of a logical unit to write an image to it.
struct DeployUnit: Sendable {
    enum Zeroing: Sendable {
        /// WRITE SAME (16) that gives the space back.
        case unmap
        case writeSame
        /// The unit knows no WRITE SAME.
        case write
    }

    var lun: UInt64
    var blockSize: Int
    /// Bytes of one WRITE and of one WRITE SAME.
    var dataBytes: Int
    var zeroBytes: Int
    var zeroing: Zeroing

    func lba(_ step: DeployStep) -> UInt64 {
        UInt64(step.range.lowerBound / self.blockSize)
    }

    func blocks(_ step: DeployStep) -> UInt32 {
        UInt32(step.range.count / self.blockSize)
    }
}
