// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BlockStores
import Glibc
import SystemPackage
import Testing

import struct NIOCore.ByteBuffer

@testable import Initiator

@Suite("deploy: what is written where")
struct DeployStepTests {
    private func steps(_ extents: [(Range<Int>, Bool)], blockSize: Int = 512) -> [DeployStep] {
        DeployStep.steps(
            extents.map { SparseFile.Extent(range: $0.0, isData: $0.1) }, blockSize: blockSize, dataBytes: 4_096,
            zeroBytes: 8_192)
    }

    @Test func `extents are cut into commands`() {
        #expect(
            self.steps([(0..<5_120, true), (5_120..<20_480, false)]) == [
                DeployStep(range: 0..<4_096, isData: true), DeployStep(range: 4_096..<5_120, isData: true),
                DeployStep(range: 5_120..<13_312, isData: false), DeployStep(range: 13_312..<20_480, isData: false),
            ])
    }

    @Test func `a block with any data in it is data, and the last one is whole`() {
        #expect(
            self.steps([(0..<700, false), (700..<1_500, true), (1_500..<2_600, false), (2_600..<2_700, true)]) == [
                DeployStep(range: 0..<512, isData: false), DeployStep(range: 512..<1_536, isData: true),
                DeployStep(range: 1_536..<2_560, isData: false), DeployStep(range: 2_560..<3_072, isData: true),
            ])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `every byte is in one step, data in a data step`(seed: UInt64) {
        var generator = SplitMix(seed: seed)
        var extents: [(Range<Int>, Bool)] = []
        var offset = 0
        for index in 0..<30 {
            let length = Int(generator.next(below: 10_000)) + 1
            extents.append((offset..<(offset + length), index % 2 == Int(seed % 2)))
            offset += length
        }
        let steps = self.steps(extents, blockSize: 1_024)
        #expect(steps.first?.range.lowerBound == 0)
        for (step, next) in zip(steps, steps.dropFirst()) { #expect(step.range.upperBound == next.range.lowerBound) }
        #expect(steps.last.map { $0.range.upperBound } == (offset + 1_023) / 1_024 * 1_024)
        for step in steps {
            #expect(step.range.count <= (step.isData ? 4_096 : 8_192) && step.range.count % 1_024 == 0)
            guard !step.isData else { continue }
            let data = extents.filter { $0.1 && $0.0.overlaps(step.range) }
            #expect(data.isEmpty, "seed \(seed): \(step) holds \(data)")
        }
    }
}

@Suite("deploy: images written to our own target")
struct DeployTests {
    /// A file of `pieces`, each at its offset, with holes between; gone when `body` has run.
    private static func withFile(
        _ size: Int64, _ pieces: [(Int64, [UInt8])], _ body: (String) async throws -> Void
    ) async throws {
        let path = FilePath("/tmp/apus-deploy-\(UInt64.random(in: 0 ... .max))")
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        defer {
            try? file.close()
            _ = unsafe path.withPlatformString { unsafe unlink($0) }
        }
        try file.resize(to: size)
        for (offset, bytes) in pieces { _ = try file.writeAll(toAbsoluteOffset: offset, bytes) }
        try await body(path.string)
    }

    private static func deploy(
        _ path: String, _ url: TargetURL, _ change: (inout DeployRun.Settings) -> Void = { _ in }
    ) async throws -> DeployRun.Report {
        var settings = DeployRun.Settings()
        change(&settings)
        return try await DeployRun(path, to: url, settings, options: InitiatorOptions()).run { _ in }
    }

    @Test func `only what is used is sent, and a second time nothing`() async throws {
        let pieces: [(Int64, [UInt8])] = [(0, [UInt8](repeating: 7, count: 5_000)), (9 << 20, [1, 2, 3])]
        try await SessionTests.serving(RAMStore(size: 16 << 20)) { url in
            try await Self.withFile(12 << 20, pieces) { path in
                let report = try await Self.deploy(path, url)
                #expect(report.writtenBytes > 0 && report.writtenBytes <= 2 << 20)
                #expect(report.writtenBytes + report.zeroedBytes == 12 << 20)
                #expect(report.verifiedBytes == report.writtenBytes)
                let again = try await Self.deploy(path, url) { $0.comparesFirst = true }
                #expect((again.writtenBytes, again.zeroedBytes, again.unchangedBytes) == (0, 0, 12 << 20))
            }
        }
    }

    @Test func `a disk that forgets is found out`() async throws {
        try await SessionTests.serving(RAMStore(size: 1 << 20, discards: true)) { url in
            try await Self.withFile(1 << 20, [(0, [9])]) { path in
                let error = await #expect(throws: InitiatorError.self) { try await Self.deploy(path, url) }
                #expect(error?.kind == .miscompare)
                #expect(error?.context.contains("byte 0 is not as in") == true)
            }
        }
    }

    @Test func `an image that is larger than the unit, empty or of another format is refused`() async throws {
        try await SessionTests.serving(RAMStore(size: 1 << 20)) { url in
            for (size, start, reason) in [
                (2 << 20, [], "has 2097152 bytes"), (0, [], "is empty"),
                (4_096, Array("QFI\u{fb}".unicodeScalars.map { UInt8($0.value) }), "qemu-img convert"),
            ] as [(Int64, [UInt8], String)] {
                try await Self.withFile(size, [(0, start)]) { path in
                    let error = await #expect(throws: InitiatorError.self) { try await Self.deploy(path, url) }
                    #expect(error?.context.contains(reason) == true, "\(String(describing: error))")
                }
            }
        }
    }
}
