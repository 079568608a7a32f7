// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One command's worth of an image: so many bytes to write, or to make zero.
struct DeployStep: Equatable, Sendable {
    var range: Range<Int>
    var isData: Bool

    /// Cuts `extents` at the unit's blocks and into pieces of at most `dataBytes` and `zeroBytes`.
    ///
    /// A block with any data in it is data. The last block may reach beyond the image's end.
    static func steps(
        _ extents: [SparseFile.Extent], blockSize: Int, dataBytes: Int, zeroBytes: Int
    ) -> [DeployStep] {
        precondition(dataBytes % blockSize == 0 && zeroBytes % blockSize == 0 && dataBytes > 0 && zeroBytes > 0)
        func roundedUp(_ offset: Int) -> Int { (offset + blockSize - 1) / blockSize * blockSize }
        var steps: [DeployStep] = []
        var done = 0
        for extent in extents {
            let isLast = extent.range.upperBound == extents.last?.range.upperBound
            // Data reaches out to whole blocks, so a hole begins where the data before it has ended.
            let end =
                extent.isData || isLast
                ? roundedUp(extent.range.upperBound) : extent.range.upperBound / blockSize * blockSize
            var offset = max(done, extent.isData ? extent.range.lowerBound / blockSize * blockSize : done)
            let longest = extent.isData ? dataBytes : zeroBytes
            while offset < end {
                let length = min(longest, end - offset)
                steps.append(DeployStep(range: offset..<(offset + length), isData: extent.isData))
                offset += length
            }
            done = max(done, end)
        }
        return steps
    }
}

extension DeployStep {
    /// The step in pieces of at most `bytes`.
    func pieces(_ bytes: Int) -> [DeployStep] {
        stride(from: self.range.lowerBound, to: self.range.upperBound, by: bytes).map {
            DeployStep(range: $0..<min($0 + bytes, self.range.upperBound), isData: self.isData)
        }
    }
}
