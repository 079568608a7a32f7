// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Wire

extension RawSpan {
    /// A copy of the bytes in `range`, for values that outlive the packet.
    func array(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for at in range { bytes.append(self.byte(at)) }
        return bytes
    }
}
