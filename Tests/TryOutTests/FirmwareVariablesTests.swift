// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@testable import TryOut

@Suite("OVMF's variable store")
struct FirmwareVariablesTests {
    private static let vendor = EFIGUID("59324945-ec44-4c0d-b1cd-9db139df070c")
    private static let storeStart = 0x48 + 28

    /// A store with room for `room` bytes of variables.
    private static func store(room: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x48)
        bytes.replaceSubrange(0x28..<0x2c, with: Array("_FVH".utf8))
        bytes[0x30] = 0x48
        bytes += EFIGUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes
        let size = 28 + room
        bytes += [UInt8(size & 0xff), UInt8(size >> 8), 0, 0, 0x5a, 0xfe, 0, 0, 0, 0, 0, 0]
        return bytes + [UInt8](repeating: 0xff, count: room + 4096)
    }

    @Test func `a GUID is stored with its first three parts little-endian`() {
        #expect(
            Self.vendor.bytes == [
                0x45, 0x49, 0x32, 0x59, 0x44, 0xec, 0x0d, 0x4c, 0xb1, 0xcd, 0x9d, 0xb1, 0x39, 0xdf, 0x07, 0x0c,
            ])
    }

    @Test func `a variable is written as edk2 reads it`() throws {
        var variables = try FirmwareVariables(Self.store(room: 200))
        try variables.set("Ab", vendor: Self.vendor, [7, 8, 9])
        let written = Array(variables.bytes[Self.storeStart...].prefix(69))
        let expected: [UInt8] =
            [0xaa, 0x55, 0x3f, 0, 3, 0, 0, 0] + [UInt8](repeating: 0, count: 28) + [6, 0, 0, 0, 3, 0, 0, 0]
            + Self.vendor.bytes + [0x41, 0, 0x62, 0, 0, 0, 7, 8, 9]
        #expect(written == expected)
        #expect(variables.bytes[Self.storeStart + 69] == 0xff)
    }

    @Test func `the next one begins at a multiple of four, and a store is read again as it was written`() throws {
        var variables = try FirmwareVariables(Self.store(room: 400))
        try variables.set("Ab", vendor: Self.vendor, [7, 8, 9])
        variables = try FirmwareVariables(variables.bytes)
        try variables.set("Cd", vendor: Self.vendor, [1])
        #expect(variables.bytes[Self.storeStart + 72..<Self.storeStart + 74] == [0xaa, 0x55])
    }

    @Test func `an older value is deleted by clearing a bit`() throws {
        var variables = try FirmwareVariables(Self.store(room: 400))
        try variables.set("Ab", vendor: Self.vendor, [1])
        try variables.set("Abc", vendor: Self.vendor, [1])
        try variables.set("Ab", vendor: Self.vendor, [2])
        let states = [0, 68, 140].map { variables.bytes[Self.storeStart + $0 + 2] }
        #expect(states == [0x3d, 0x3f, 0x3f])
    }

    @Test func `a full store is left as it is`() throws {
        var variables = try FirmwareVariables(Self.store(room: 60))
        let before = variables.bytes
        #expect(throws: FirmwareVariables.Flaw.full) { try variables.set("Ab", vendor: Self.vendor, [1]) }
        #expect(variables.bytes == before)
    }

    @Test(arguments: [
        [], [UInt8](repeating: 0, count: 200), Array(Self.store(room: 100).prefix(150)),
        Array(Self.store(room: 0).prefix(0x48 + 10)),
    ])
    func `anything else is refused`(_ bytes: [UInt8]) {
        #expect(throws: FirmwareVariables.Flaw.notAVariableStore) { try FirmwareVariables(bytes) }
    }

    @Test func `a variable that runs past the store's end is refused`() throws {
        var bytes = Self.store(room: 100)
        let header: [UInt8] = [0xaa, 0x55, 0x3f, 0] + [UInt8](repeating: 0, count: 32) + [0xff, 0xff, 0xff, 0xff]
        bytes.replaceSubrange(Self.storeStart..<Self.storeStart + header.count, with: header)
        #expect(throws: FirmwareVariables.Flaw.notAVariableStore) { try FirmwareVariables(bytes) }
    }

    @Test func `the initiator's attempt is for this card, with everything from DHCP`() {
        let structure = ISCSIAttempt(mac: "52:54:00:0a:ff:01", initiator: "iqn.2026-11.org.apus:pc1").structure
        #expect(structure.count == 1049)
        #expect(structure[38..<56].elementsEqual("52:54:00:0A:FF:01\0".utf8))
        #expect(structure[182..<186] == [0xbc, 0x0c, 1, 0])
        #expect(structure[222..<224] == [1, 1])
        #expect(structure[476..<482] == [0x12, 0x54, 0x00, 0x0a, 0xff, 0x01])
        #expect(structure[757] == 0 && structure[1048] == 1)
    }

    @Test func `the initiator's attempt has what it is to prove itself with`() {
        let chap = CHAPAccount(name: "pc1", secret: "twelve-bytes")
        let structure = ISCSIAttempt(mac: "52:54:00:0a:ff:01", initiator: "iqn.x:pc1", chap: chap).structure
        #expect(structure.count == 1049)
        #expect(structure[757..<759] == [1, 0])
        #expect(structure[759..<763].elementsEqual("pc1\0".utf8))
        #expect(structure[886..<899].elementsEqual("twelve-bytes\0".utf8))
    }
}
