// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

/// How much space a thin unit takes and has left, and the thresholds at which its initiators are told.
extension LogicalUnit {
    /// Whether the unit wants to be told of its space (`observed`) from time to time.
    package var watchesSpace: Bool {
        self.tellsSpace && self.modes.errorRecovery.reportsThresholds
            && self.modes.provisioning.thresholds.contains(where: \.isEnabled)
    }

    /// What the store takes, and what is free there. Of each threshold that is reached initiators learn once, until the
    /// space has been on its other side again or the threshold has been set anew.
    package mutating func observed(takenBytes: UInt64, freeBytes: UInt64) {
        guard self.watchesSpace else { return }
        let (used, available) = self.thresholdSets(takenBytes: takenBytes, freeBytes: freeBytes)
        let reached = self.modes.provisioning.thresholds.map { threshold in
            guard threshold.isEnabled else { return false }
            return switch threshold.resource {
            case .available: available <= threshold.count
            case .used: used >= threshold.count
            }
        }
        if zip(reached, self.reachedThresholds).contains(where: { $0 && !$1 }) {
            self.attentions.addForAll(.thinProvisioningSoftThresholdReached)
        }
        self.reachedThresholds = reached
    }

    var tellsSpace: Bool { self.info.capabilities.contains([.unmap, .tellsUsage]) }

    /// In threshold sets, which VPD page B2 tells the size of: mebibytes.
    func thresholdSets(takenBytes: UInt64, freeBytes: UInt64) -> (used: UInt32, available: UInt32) {
        let bytesPerSet = UInt64(self.info.geometry.blockSize) << UInt64(self.thresholdExponent)
        let (quotient, remainder) = takenBytes.quotientAndRemainder(dividingBy: bytesPerSet)
        return (UInt32(clamping: quotient + (remainder > 0 ? 1 : 0)), UInt32(clamping: freeBytes / bytesPerSet))
    }

    /// THRESHOLD EXPONENT; 0 where the store cannot tell.
    var thresholdExponent: UInt8 {
        self.tellsSpace ? UInt8(20 - self.info.geometry.blockSize.trailingZeroBitCount) : 0
    }
}
