// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// One PDU as it came: its header, and the segments that followed without padding and digests.
package struct PDU: Sendable {
    package var header: BasicHeaderSegment
    /// The additional header segments (RFC 7143 §11.2.2), undecoded; nearly always none.
    package var additionalHeaders: ByteBuffer?
    /// The data segment: a slice of what the socket read brought.
    package var data: ByteBuffer
    /// Whether this is a further piece of a Data-Out whose first piece was a PDU before.
    package var isContinuation = false
    /// Whether the data does not match its digest: nothing may be done with it.
    package var isDamaged = false

    package init(header: BasicHeaderSegment, additionalHeaders: ByteBuffer? = nil, data: ByteBuffer = ByteBuffer()) {
        self.header = header
        self.additionalHeaders = additionalHeaders
        self.data = data
    }
}

/// The number of bytes that pad a segment of `length` bytes to a multiple of four (RFC 7143 §11.1).
@inlinable
package func paddingLength(_ length: Int) -> Int {
    -length & 3
}
