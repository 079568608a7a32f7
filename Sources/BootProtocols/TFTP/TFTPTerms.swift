// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What server and client agree on for one transfer (RFC 2347 to 2349, RFC 7440).
package struct TFTPTerms: Hashable, Sendable {
    package var blockBytes = Limits.tftpBlockBytesDefault
    package var windowBlocks = 1
    /// The client's own wait (RFC 2349 `timeout`), if it named one.
    package var timeoutSeconds: UInt64?
    /// What the OACK says: the accepted options with our values, in the client's order. Empty: no OACK.
    package var accepted: [TFTPOption] = []

    package init() {}

    /// Judges a request's options for a file of `size` bytes on a network whose packets carry `blockBytesMax`.
    ///
    /// An option that is unknown or whose value makes no sense is left out of the answer, which tells the client that
    /// it was ignored (RFC 2347 §3). Block size and window may be answered with less than was asked; blocks larger
    /// than a frame would only be cut into IP fragments, of which every lost one costs the whole block.
    package init(_ request: TFTPRequest, size: Int, blockBytesMax: Int) {
        var windowAsked: Int?
        for option in request.options {
            guard !self.accepted.contains(where: { $0.name == option.name }), let value = Self.number(option.value)
            else {
                continue
            }
            switch option.name {
            case "blksize" where value >= Limits.tftpBlockBytes.lowerBound:
                self.blockBytes = min(value, blockBytesMax, Limits.tftpBlockBytes.upperBound)
                self.accepted.append(TFTPOption(option.name, "\(self.blockBytes)"))
            case "windowsize" where (1...65_535).contains(value):
                windowAsked = value
                self.accepted.append(option)
            case "timeout" where (1...255).contains(value):
                self.timeoutSeconds = UInt64(value)
                self.accepted.append(TFTPOption(option.name, "\(value)"))
            case "tsize" where request.mode == .octet:
                // In netascii the number of bytes sent is known only once they have all been read.
                self.accepted.append(TFTPOption(option.name, "\(size)"))
            default:
                continue
            }
        }
        guard let windowAsked, let at = self.accepted.firstIndex(where: { $0.name == "windowsize" }) else { return }
        // The bound on bytes needs the block size, which may come after the window in the request.
        self.windowBlocks = min(
            windowAsked, Limits.tftpWindowBlocksMax, max(1, Limits.tftpWindowBytesMax / self.blockBytes))
        self.accepted[at].value = "\(self.windowBlocks)"
    }

    private static func number(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }
}
