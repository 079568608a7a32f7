// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// A TFTP packet (RFC 1350 §5, RFC 2347).
///
///     RRQ/WRQ  | 1 or 2 | file name | 0 | mode | 0 | option | 0 | value | 0 | …
///     DATA     | 3 | block # | up to blksize bytes
///     ACK      | 4 | block #
///     ERROR    | 5 | code    | message | 0
///     OACK     | 6 | option | 0 | value | 0 | …
package enum TFTPPacket: Hashable, Sendable {
    case readRequest(TFTPRequest)
    case writeRequest(TFTPRequest)
    case data(block: UInt16, ByteBuffer)
    case acknowledgement(block: UInt16)
    case error(TFTPErrorCode, String)
    case optionAcknowledgement([TFTPOption])

    /// Why bytes are no TFTP packet.
    package enum ParseError: Error, Hashable {
        case truncated
        case unknownOperation(UInt16)
        /// A request without its NUL-terminated name and mode.
        case malformedRequest
        case unknownMode(String)
    }
}

package struct TFTPOption: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

package struct TFTPRequest: Hashable, Sendable {
    package var file: String
    package var mode: Mode
    package var options: [TFTPOption]

    package enum Mode: String, Sendable {
        case octet, netascii
    }

    package init(file: String, mode: Mode = .octet, options: [TFTPOption] = []) {
        self.file = file
        self.mode = mode
        self.options = options
    }
}

/// RFC 1350 appendix, RFC 2347 §3.
package enum TFTPErrorCode: UInt16, Sendable {
    case notDefined = 0
    case fileNotFound, accessViolation, diskFull, illegalOperation, unknownTransfer, fileExists, noSuchUser
    case optionNegotiation
}

extension TFTPPacket {
    package static func parse(_ bytes: RawSpan) throws(ParseError) -> TFTPPacket {
        guard bytes.byteCount >= 4 else { throw .truncated }
        let word: UInt16 = bytes.bigEndian(2)
        switch bytes.bigEndian(0, as: UInt16.self) {
        case 1: return .readRequest(try Self.request(bytes))
        case 2: return .writeRequest(try Self.request(bytes))
        case 3:
            return .data(block: word, ByteBuffer(bytes: bytes.array(4..<bytes.byteCount)))
        case 4: return .acknowledgement(block: word)
        case 5:
            let text = bytes.array(4..<bytes.byteCount).prefix { $0 != 0 }
            return .error(TFTPErrorCode(rawValue: word) ?? .notDefined, String(decoding: text, as: UTF8.self))
        case 6: return .optionAcknowledgement(Self.options(Self.strings(bytes)[...]))
        case let operation: throw .unknownOperation(operation)
        }
    }

    private static func request(_ bytes: RawSpan) throws(ParseError) -> TFTPRequest {
        guard bytes.byteCount <= Limits.tftpRequestBytesMax else { throw .malformedRequest }
        let strings = Self.strings(bytes)
        guard strings.count >= 2, !strings[0].isEmpty else { throw .malformedRequest }
        guard let mode = TFTPRequest.Mode(rawValue: strings[1].lowercased()) else { throw .unknownMode(strings[1]) }
        return TFTPRequest(file: strings[0], mode: mode, options: Self.options(strings.dropFirst(2)))
    }

    /// The NUL-terminated strings after the operation; an unterminated rest is dropped.
    private static func strings(_ bytes: RawSpan) -> [String] {
        var strings: [String] = []
        var current: [UInt8] = []
        for at in 2..<bytes.byteCount {
            if bytes.byte(at) == 0 {
                strings.append(String(decoding: current, as: UTF8.self))
                current.removeAll(keepingCapacity: true)
            } else {
                current.append(bytes.byte(at))
            }
        }
        return strings
    }

    private static func options(_ strings: ArraySlice<String>) -> [TFTPOption] {
        stride(from: strings.startIndex, to: strings.endIndex - 1, by: 2).map {
            TFTPOption(strings[$0].lowercased(), strings[$0 + 1])
        }
    }

    package func encode() -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 64)
        switch self {
        case .readRequest(let request):
            buffer.writeInteger(UInt16(1))
            Self.write(request, to: &buffer)
        case .writeRequest(let request):
            buffer.writeInteger(UInt16(2))
            Self.write(request, to: &buffer)
        case .data(let block, let bytes):
            buffer.reserveCapacity(4 + bytes.readableBytes)
            buffer.writeMultipleIntegers(UInt16(3), block)
            buffer.writeImmutableBuffer(bytes)
        case .acknowledgement(let block):
            buffer.writeMultipleIntegers(UInt16(4), block)
        case .error(let code, let message):
            buffer.writeMultipleIntegers(UInt16(5), code.rawValue)
            Self.write([message], to: &buffer)
        case .optionAcknowledgement(let options):
            buffer.writeInteger(UInt16(6))
            Self.write(options.flatMap { [$0.name, $0.value] }, to: &buffer)
        }
        return buffer
    }

    private static func write(_ request: TFTPRequest, to buffer: inout ByteBuffer) {
        Self.write([request.file, request.mode.rawValue], to: &buffer)
        Self.write(request.options.flatMap { [$0.name, $0.value] }, to: &buffer)
    }

    private static func write(_ strings: [String], to buffer: inout ByteBuffer) {
        for string in strings {
            buffer.writeString(string)
            buffer.writeInteger(UInt8(0))
        }
    }
}
