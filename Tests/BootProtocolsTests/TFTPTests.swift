// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore
import Testing

@Suite("RFC 1350 §5 packets")
struct TFTPPacketTests {
    static func parsed(_ bytes: [UInt8]) throws -> TFTPPacket {
        try TFTPPacket.parse(ByteBuffer(bytes: bytes).readableBytesSpan)
    }

    /// As captured from OVMF 2022.11.
    static let ovmfRequest: [UInt8] =
        [0, 1] + Array("snponly.efi\0octet\0tsize\u{0}0\0blksize\u{0}1468\0windowsize\u{0}4\0".utf8)

    static let packets: [(TFTPPacket, [UInt8])] = [
        (
            .readRequest(
                TFTPRequest(
                    file: "snponly.efi",
                    options: [.init("tsize", "0"), .init("blksize", "1468"), .init("windowsize", "4")])), ovmfRequest
        ),
        (.writeRequest(TFTPRequest(file: "x", mode: .netascii)), [0, 2] + Array("x\0netascii\0".utf8)),
        (.data(block: 0x1234, ByteBuffer(bytes: [1, 2, 3])), [0, 3, 0x12, 0x34, 1, 2, 3]),
        (.data(block: 1, ByteBuffer()), [0, 3, 0, 1]),
        (.acknowledgement(block: 65_535), [0, 4, 0xff, 0xff]),
        (.error(.fileNotFound, "no"), [0, 5, 0, 1, 0x6e, 0x6f, 0]),
        (.optionAcknowledgement([.init("blksize", "8")]), [0, 6] + Array("blksize\u{0}8\0".utf8)),
    ]

    @Test(arguments: packets) func `a packet is parsed and encoded`(_ packet: TFTPPacket, _ bytes: [UInt8]) throws {
        #expect(try Self.parsed(bytes) == packet)
        #expect(packet.encode().array == bytes)
    }

    @Test func `mode and option names count in any case`() throws {
        let bytes: [UInt8] = [0, 1] + Array("f\0OcTeT\0BLKSIZE\u{0}16\0".utf8)
        #expect(
            try Self.parsed(bytes)
                == .readRequest(TFTPRequest(file: "f", options: [.init("blksize", "16")])))
    }

    @Test(
        arguments: [
            ([0, 1, 0], .truncated), ([], .truncated), ([0, 9, 0, 0], .unknownOperation(9)),
            ([0, 1, 102, 0, 111], .malformedRequest), ([0, 1, 0, 111, 0], .malformedRequest),
            ([0, 1, 102, 0, 109, 97, 105, 108, 0], .unknownMode("mail")),
        ] as [([UInt8], TFTPPacket.ParseError)])
    func `what is no packet is refused`(_ bytes: [UInt8], _ error: TFTPPacket.ParseError) {
        #expect(throws: error) { try Self.parsed(bytes) }
    }

    @Test func `an option without its value is dropped`() throws {
        let bytes: [UInt8] = [0, 1] + Array("f\0octet\0tsize\u{0}0\0blksize\0".utf8)
        #expect(
            try Self.parsed(bytes) == .readRequest(TFTPRequest(file: "f", options: [.init("tsize", "0")])))
    }

    @Test func `a request beyond RFC 2347's bound is refused`() {
        let bytes: [UInt8] = [0, 1] + [UInt8](repeating: 97, count: 520) + Array("\0octet\0".utf8)
        #expect(throws: TFTPPacket.ParseError.malformedRequest) { try Self.parsed(bytes) }
    }

    @Test func `random bytes never stop the parser`() {
        var random = Seeded(7)
        for _ in 0..<5_000 {
            let bytes = [0, UInt8(random.next() % 8)] + random.bytes(Int(random.next() % 64))
            _ = try? Self.parsed(bytes)
        }
    }
}

@Suite("RFC 2347 to 2349, RFC 7440 options")
struct TFTPTermsTests {
    @Test(
        arguments: [
            ("blksize", "1468", "1468"), ("blksize", "65464", "1468"), ("blksize", "99999", "1468"),
            ("blksize", "7", nil), ("blksize", "x", nil), ("blksize", "-8", nil), ("blksize", "", nil),
            ("blksize", "99999999999999999999", nil), ("tsize", "0", "5000"), ("timeout", "3", "3"),
            ("timeout", "0", nil), ("timeout", "256", nil), ("windowsize", "4", "4"), ("windowsize", "65535", "64"),
            ("windowsize", "0", nil), ("multicast", "", nil), ("rollover", "0", nil),
        ] as [(String, String, String?)])
    func `an option is accepted, lowered or ignored`(_ name: String, _ asked: String, _ answered: String?) {
        let request = TFTPRequest(file: "f", options: [.init(name, asked)])
        let terms = TFTPTerms(request, size: 5_000, blockBytesMax: 1_468)
        #expect(terms.accepted == (answered.map { [.init(name, $0)] } ?? []))
    }

    @Test func `the window is bounded in bytes, whichever option comes first`() {
        for options in [[("windowsize", "60"), ("blksize", "8192")], [("blksize", "8192"), ("windowsize", "60")]] {
            let request = TFTPRequest(file: "f", options: options.map { .init($0.0, $0.1) })
            let terms = TFTPTerms(request, size: 1, blockBytesMax: 65_464)
            #expect(terms.windowBlocks == 16)
            #expect(terms.accepted.contains(.init("windowsize", "16")))
        }
    }

    @Test func `in netascii no size is promised`() {
        let request = TFTPRequest(file: "f", mode: .netascii, options: [.init("tsize", "0")])
        #expect(TFTPTerms(request, size: 9, blockBytesMax: 512).accepted.isEmpty)
    }

    @Test func `an option given twice counts once`() {
        let request = TFTPRequest(file: "f", options: [.init("blksize", "64"), .init("blksize", "128")])
        #expect(TFTPTerms(request, size: 9, blockBytesMax: 512).accepted == [.init("blksize", "64")])
    }
}

@Suite("RFC 1350 and RFC 7440 transfers")
struct TFTPTransferTests {
    static func file(_ count: Int) -> [UInt8] {
        var random = Seeded(UInt64(count))
        return random.bytes(count)
    }

    @Test(arguments: [0, 1, 511, 512, 513, 1024, 65_536, 65_537, 200_000], [nil, "512", "1468"])
    func `a file arrives whole`(_ count: Int, _ blockSize: String?) {
        let file = Self.file(count)
        var exchange = TFTPExchange(file, options: blockSize.map { [.init("blksize", $0)] } ?? [])
        exchange.run()
        #expect(exchange.end == .complete(bytes: count))
        #expect(exchange.isWhole == true)
        let block = blockSize.flatMap(Int.init) ?? 512
        #expect(exchange.dataPacketsSent == count / block + 1)
    }

    @Test func `block numbers wrap through zero`() {
        let file = Self.file(8 * 70_000 + 3)
        for window in ["1", "16"] {
            var exchange = TFTPExchange(file, options: [.init("blksize", "8"), .init("windowsize", window)])
            exchange.run()
            #expect(exchange.isWhole == true)
            #expect(exchange.dataPacketsSent == 70_001)
        }
    }

    @Test(arguments: [10, 50, 200] as [UInt64], ["1", "4", "64"])
    func `loss and repetition cost packets, not bytes`(_ permille: UInt64, _ window: String) {
        let file = Self.file(100_001)
        for seed in 1...5 as ClosedRange<UInt64> {
            var exchange = TFTPExchange(
                file, options: [.init("blksize", "512"), .init("windowsize", window)], seed: seed)
            exchange.lossPermille = permille
            exchange.repeatPermille = permille
            exchange.run()
            #expect(exchange.isWhole == true, "seed \(seed)")
            // The very last ACK may be lost: then the sender cannot know.
            if case .timedOut = exchange.end { continue }
            #expect(exchange.end == .complete(bytes: file.count), "seed \(seed)")
        }
    }

    @Test func `sorcerer's apprentice: duplicate acknowledgements do not multiply the data`() {
        let file = Self.file(51_200)
        var exchange = TFTPExchange(file, seed: 3)
        exchange.repeatPermille = 1000
        exchange.run()
        #expect(exchange.isWhole == true)
        #expect(exchange.dataPacketsSent == 101)
    }

    @Test func `a gap in a window is filled at once, not after a time-out`() throws {
        var transfer = Self.transfer(4_000, options: [.init("blksize", "500"), .init("windowsize", "4")])
        _ = Self.start(&transfer, 4_000)
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 0), now: 0)) == [1, 2, 3, 4])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 2), now: 1)) == [3, 4, 5, 6])
        // Nothing of that window came: the same ACK again is heeded once.
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 2), now: 2)) == [3, 4, 5, 6])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 2), now: 3)) == [])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 6), now: 4)) == [7, 8, 9])
    }

    @Test func `stale and future acknowledgements are ignored`() {
        var transfer = Self.transfer(4_000, options: [])
        #expect(Self.blocks(Self.start(&transfer, 4_000)) == [1])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 7), now: 1)) == [])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 65_535), now: 1)) == [])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 1), now: 1)) == [2])
        #expect(Self.blocks(transfer.received(.acknowledgement(block: 1), now: 1)) == [])
    }

    @Test func `a silent client is given up after a bounded time`() {
        var transfer = Self.transfer(4_000, options: [])
        _ = Self.start(&transfer, 4_000)
        var sent = 0
        var last: UInt64 = 0
        while let deadline = transfer.deadline, sent < 100 {
            last = deadline
            let effects = transfer.timePassed(now: deadline)
            sent += Self.blocks(effects).count
            if effects == [.ended(.timedOut(block: 1, retries: 10))] { break }
        }
        #expect(sent == 10)
        #expect((20_000...60_000).contains(last))
        #expect(transfer.deadline == nil)
    }

    @Test func `the client's own wait is kept`() {
        var transfer = Self.transfer(4_000, options: [.init("timeout", "3")])
        _ = Self.start(&transfer, 4_000)
        #expect(transfer.deadline == 3_000)
        #expect(transfer.timePassed(now: 2_999) == [])
        #expect(transfer.timePassed(now: 3_000).count == 1)
        #expect(transfer.deadline == 6_000)
    }

    @Test func `once the round trip is known, the client's wait is only the longest one`() {
        var transfer = Self.transfer(40_000, options: [.init("timeout", "1")])
        _ = Self.start(&transfer, 40_000)
        _ = transfer.received(.acknowledgement(block: 0), now: 75)
        #expect(transfer.deadline == 375)
        _ = transfer.timePassed(now: 375)
        #expect(transfer.deadline == 975)
        _ = transfer.timePassed(now: 975)
        #expect(transfer.deadline == 1_975)
    }

    @Test func `the wait follows the round trip, and doubles`() {
        var transfer = Self.transfer(40_000, options: [])
        _ = Self.start(&transfer, 40_000)
        #expect(transfer.deadline == 500)
        _ = transfer.received(.acknowledgement(block: 1), now: 50)
        #expect(transfer.deadline == 250)
        _ = transfer.timePassed(now: 250)
        #expect(transfer.deadline == 650)
    }

    @Test func `a client that only asks for the size is no failure`() {
        var transfer = Self.transfer(4_000, options: [.init("tsize", "0")])
        let effects = Self.start(&transfer, 4_000)
        #expect(effects.first == .send(TFTPPacket.optionAcknowledgement([.init("tsize", "4000")]).encode()))
        #expect(transfer.received(.error(.optionNegotiation, "User aborted"), now: 1) == [.ended(.probed)])
        #expect(transfer.received(.acknowledgement(block: 0), now: 2) == [])
    }

    @Test func `a client that breaks off in the middle is told of`() {
        var transfer = Self.transfer(4_000, options: [])
        _ = Self.start(&transfer, 4_000)
        _ = transfer.received(.acknowledgement(block: 1), now: 1)
        #expect(transfer.received(.error(.diskFull, "full"), now: 1) == [.ended(.stopped(.diskFull, "full"))])
    }

    @Test func `a file that cannot be read ends the transfer with an error packet`() {
        var transfer = Self.transfer(4_000, options: [])
        _ = transfer.start(now: 0)
        let effects = transfer.dataRead(ByteBuffer(bytes: [1, 2, 3]), now: 0)
        #expect(effects.last == .ended(.unreadable))
        #expect(effects.first == .send(TFTPPacket.error(.notDefined, "the file could not be read").encode()))
    }

    @Test func `netascii turns LF into CR LF and CR into CR NUL, across reads and blocks`() {
        let line = Array("a\nb\rc".utf8)
        let file = (0..<30_000).flatMap { _ in line }
        let expected = (0..<30_000).flatMap { _ in Array("a\r\nb\r\0c".utf8) }
        var exchange = TFTPExchange(file, mode: .netascii, expected: expected)
        exchange.run()
        #expect(exchange.isWhole == true)
        #expect(exchange.end == .complete(bytes: expected.count))
    }

    private static func transfer(_ size: Int, options: [TFTPOption]) -> TFTPTransfer {
        let request = TFTPRequest(file: "f", options: options)
        return TFTPTransfer(
            mode: .octet, terms: TFTPTerms(request, size: size, blockBytesMax: 1_468), size: size)
    }

    /// Starts at time 0 and gives the machine what it wants to read.
    private static func start(_ transfer: inout TFTPTransfer, _ size: Int) -> [TFTPTransfer.Effect] {
        let effects = transfer.start(now: 0)
        return effects + transfer.dataRead(ByteBuffer(bytes: Self.file(size)), now: 0)
    }

    private static func blocks(_ effects: [TFTPTransfer.Effect]) -> [UInt16] {
        effects.compactMap {
            guard case .send(let packet) = $0, packet.getInteger(at: 0, as: UInt16.self) == 3 else { return nil }
            return packet.getInteger(at: 2, as: UInt16.self)
        }
    }
}
