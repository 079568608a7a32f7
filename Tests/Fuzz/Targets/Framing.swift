// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// PDUs out of a stream: cut in pieces of any size it gives the same PDUs and the same end as in one piece, but for
/// long Data-Outs, whose pieces together are the same bytes.
func fuzzFraming(_ input: Input) {
    var input = input
    let flags = input.byte()
    let step = Int(input.byte()) + 1
    let stream = input.buffer()

    let whole = cut([stream], flags)
    var pieces: [ByteBuffer] = []
    var rest = stream
    while let piece = rest.readSlice(length: min(step, rest.readableBytes)), piece.readableBytes > 0 {
        pieces.append(piece)
    }
    let dripped = cut(pieces, flags)
    guard whole == dripped else { broken("in pieces of \(step) bytes: \(dripped), in one: \(whole)") }
}

private struct Outcome: Equatable {
    var headers: [[UInt8]] = []
    var data: [UInt8] = []
    var error: FramingError?
}

private func cut(_ pieces: [ByteBuffer], _ flags: UInt8) -> Outcome {
    var framer = PDUFramer(maxDataSegmentLength: flags & 4 == 0 ? 512 : 262_144)
    framer.hasHeaderDigest = flags & 1 != 0
    framer.hasDataDigest = flags & 2 != 0
    var outcome = Outcome()
    do throws(FramingError) {
        for piece in pieces {
            framer.append(piece)
            while let pdu = try framer.next() {
                if !pdu.isContinuation {
                    outcome.headers.append([pdu.header.opcode?.rawValue ?? 0xFF, UInt8(pdu.header.lun >> 56)])
                }
                outcome.data += Array(pdu.data.readableBytesView)
            }
        }
    } catch {
        outcome.error = error
    }
    return outcome
}
