// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// Text as TFTP's netascii mode sends it (RFC 1350 §1, after RFC 764): a line ends in CR LF, a bare CR is CR NUL.
enum Netascii {
    static func append(_ bytes: ByteBuffer, to buffer: inout ByteBuffer) {
        for byte in bytes.readableBytesView {
            switch byte {
            case UInt8(ascii: "\n"): buffer.writeMultipleIntegers(UInt8(ascii: "\r"), UInt8(ascii: "\n"))
            case UInt8(ascii: "\r"): buffer.writeMultipleIntegers(UInt8(ascii: "\r"), UInt8(0))
            default: buffer.writeInteger(byte)
            }
        }
    }
}
