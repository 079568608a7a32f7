// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Kernel, initramfs and arguments as one UEFI program: systemd's stub with three sections added.
///
///     PE header, section table ─┐  the stub's, with three entries more
///     .text .data …             │  the stub's own, where they were
///     .cmdline  ◄───────────────┤  the kernel's arguments, UTF-8
///     .linux    ◄───────────────┤  the kernel's file, unchanged
///     .initrd   ◄───────────────┘  the initramfs's file, unchanged
///
/// The stub finds the sections by their names in the loaded image, hands the initramfs over by UEFI's LoadFile2 and
/// starts the kernel (systemd-stub(7); PE/COFF specification, "Section Table"). Nothing of it depends on the files'
/// bytes, so that kernel and initramfs are never copied: the image is a list of parts.
package struct UnifiedKernelImage: Hashable, Sendable {
    /// Header, stub and arguments, padded to where the kernel begins.
    package let head: [UInt8]
    /// Zeroes after the kernel, before the initramfs.
    package let kernelPadding: Int
    /// Zeroes after the initramfs.
    package let initrdPadding: Int

    /// Why a file cannot be the stub.
    package enum Flaw: Error, Hashable {
        case notAnEFIProgram
        /// Its section table has no room for three entries more.
        case noRoomForSections
        /// Kernel and initramfs together pass the 4 GiB that PE can address.
        case tooLarge
    }

    package init(stub: [UInt8], arguments: String, kernelBytes: Int, initrdBytes: Int) throws(Flaw) {
        var writer = try PEWriter(stub)
        let line = Array(arguments.utf8) + [0]
        try writer.add(".cmdline", content: line)
        let kernelStart = writer.fileEnd
        try writer.add(".linux", bytes: kernelBytes)
        let kernelEnd = writer.fileEnd
        try writer.add(".initrd", bytes: initrdBytes)
        self.head = writer.image
        self.kernelPadding = kernelEnd - kernelStart - kernelBytes
        self.initrdPadding = writer.fileEnd - kernelEnd - initrdBytes
    }
}

/// Adds sections to a PE image. Multi-byte fields are little-endian.
private struct PEWriter {
    /// File and memory alignment of what is added: a page, which satisfies every stub's own.
    private static let alignment = 4096
    private static let sectionEntryBytes = 40
    /// Initialised data, readable (PE/COFF, "Section Flags").
    private static let readOnlyData: UInt32 = 0x4000_0040

    private(set) var image: [UInt8]
    /// Where the next section's bytes go, in the file.
    private(set) var fileEnd: Int
    private var memoryEnd: Int
    private let header: Int
    private let table: Int
    /// Where the first section's bytes begin: the section table ends before it.
    private let headersEnd: Int

    init(_ stub: [UInt8]) throws(UnifiedKernelImage.Flaw) {
        guard stub.count >= 0x40, stub[0] == 0x4d, stub[1] == 0x5a else { throw .notAnEFIProgram }
        let header = Int(Self.word(stub, 0x3c))
        // Signature 4, file header 20, the fixed part of the PE32+ optional header 112.
        guard header <= stub.count - 136, Self.word(stub, header) == 0x4550, Self.half(stub, header + 24) == 0x20b
        else { throw .notAnEFIProgram }
        let sections = Int(Self.half(stub, header + 6))
        let table = header + 24 + Int(Self.half(stub, header + 20))
        let headersEnd = Int(Self.word(stub, header + 24 + 60))
        guard headersEnd <= stub.count, table + sections * Self.sectionEntryBytes <= headersEnd else {
            throw .notAnEFIProgram
        }
        self.header = header
        self.table = table
        self.headersEnd = headersEnd
        self.memoryEnd = Self.aligned(Int(Self.word(stub, header + 24 + 56)))
        self.image = stub + [UInt8](repeating: 0, count: Self.aligned(stub.count) - stub.count)
        self.fileEnd = self.image.count
        // A signature of the stub's own would not be right for the image any more; there is no checksum either.
        if Self.word(stub, header + 24 + 108) > 4, table >= header + 24 + 112 + 5 * 8 {
            self.put(UInt32(0), at: header + 24 + 112 + 4 * 8)
            self.put(UInt32(0), at: header + 24 + 112 + 4 * 8 + 4)
        }
        self.put(UInt32(0), at: header + 24 + 64)
    }

    /// Adds a section whose bytes become part of `image`.
    mutating func add(_ name: String, content: [UInt8]) throws(UnifiedKernelImage.Flaw) {
        try self.add(name, bytes: content.count)
        self.image += content
        self.image += [UInt8](repeating: 0, count: self.fileEnd - self.image.count)
    }

    /// Adds a section whose bytes the caller puts behind `image`.
    mutating func add(_ name: String, bytes: Int) throws(UnifiedKernelImage.Flaw) {
        let count = Int(Self.half(self.image, self.header + 6))
        let entry = self.table + count * Self.sectionEntryBytes
        guard entry + Self.sectionEntryBytes <= self.headersEnd else { throw .noRoomForSections }
        let room = Self.aligned(bytes)
        guard bytes >= 0, bytes <= Int(UInt32.max), self.memoryEnd + room <= Int(UInt32.max),
            self.fileEnd + room <= Int(UInt32.max)
        else { throw .tooLarge }
        for (index, byte) in name.utf8.prefix(8).enumerated() { self.image[entry + index] = byte }
        self.put(UInt32(bytes), at: entry + 8)
        self.put(UInt32(self.memoryEnd), at: entry + 12)
        self.put(UInt32(room), at: entry + 16)
        self.put(UInt32(self.fileEnd), at: entry + 20)
        self.put(Self.readOnlyData, at: entry + 36)
        self.put(UInt16(count + 1), at: self.header + 6)
        self.memoryEnd += room
        self.fileEnd += room
        self.put(UInt32(self.memoryEnd), at: self.header + 24 + 56)
    }

    private static func aligned(_ count: Int) -> Int {
        (count + self.alignment - 1) / self.alignment * self.alignment
    }

    private static func half(_ bytes: [UInt8], _ at: Int) -> UInt16 {
        UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(self.half(bytes, at)) | UInt32(self.half(bytes, at + 2)) << 16
    }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for index in 0..<Value.bitWidth / 8 {
            self.image[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }
}
