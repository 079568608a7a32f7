// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// OVMF's variable store, as the file of its second flash chip has it; variables can be set.
///
///       0  firmware volume header: zeroes (16), GUID (16), length (8), "_FVH", attributes (4), header length (2) …
///      HL  variable store header: GUID (16), size (4), format 5a, state fe, reserved (6)
///     +28  variables, each at a multiple of four:
///            55 aa, state, 0, attributes (4), monotonic count (8), time stamp (16), public key's index (4),
///            bytes of the name (4), bytes of the data (4), vendor GUID (16), name (UTF-16, NUL), data
///          ff … up to the store's end
///
/// (UEFI Platform Initialization specification, volume 3, "Firmware Storage"; edk2's authenticated variables.)
struct FirmwareVariables {
    /// Why a file is not such a store.
    enum Flaw: Error, Hashable {
        case notAVariableStore
        case full
    }

    private(set) var bytes: [UInt8]
    /// Where the variables begin.
    private let start: Int
    /// Where the next variable goes.
    private var end: Int
    private let storeEnd: Int

    private static let storeHeaderBytes = 28
    private static let variableHeaderBytes = 60
    /// The GUID of a store of authenticated variables, which all of OVMF's are.
    private static let authenticatedStore = EFIGUID("aaf32c78-947b-439a-a180-2e144ec37792")
    /// Added, and not deleted since. Flash clears bits only: a variable is deleted by clearing one bit more.
    private static let added: UInt8 = 0x3f
    private static let deletion: UInt8 = 0xfd

    init(_ bytes: [UInt8]) throws(Flaw) {
        guard bytes.count >= 0x48, bytes[0x28..<0x2c].elementsEqual("_FVH".utf8) else { throw .notAVariableStore }
        let store = Self.number(bytes, 0x30, bytes: 2)
        guard store + Self.storeHeaderBytes <= bytes.count,
            bytes[store..<store + 16].elementsEqual(Self.authenticatedStore.bytes)
        else { throw .notAVariableStore }
        let storeEnd = store + Self.number(bytes, store + 16, bytes: 4)
        guard storeEnd <= bytes.count else { throw .notAVariableStore }
        var at = store + Self.storeHeaderBytes
        self.start = at
        while at + Self.variableHeaderBytes <= storeEnd, bytes[at] == 0xaa, bytes[at + 1] == 0x55 {
            at = Self.next(bytes, at)
        }
        guard at <= storeEnd else { throw .notAVariableStore }
        self.bytes = bytes
        self.end = at
        self.storeEnd = storeEnd
    }

    /// Sets a variable that is kept and that only the firmware itself sees, as its drivers' settings are.
    mutating func set(_ name: String, vendor: EFIGUID, _ data: [UInt8]) throws(Flaw) {
        let nameBytes = (Array(name.utf16) + [0]).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        var at = self.start
        while at < self.end {
            let nameStart = at + Self.variableHeaderBytes
            if self.bytes[at + 44..<nameStart].elementsEqual(vendor.bytes),
                self.bytes[nameStart...].prefix(Self.number(self.bytes, at + 36, bytes: 4)).elementsEqual(nameBytes)
            {
                self.bytes[at + 2] &= Self.deletion
            }
            at = Self.next(self.bytes, at)
        }
        var variable: [UInt8] = [0xaa, 0x55, Self.added, 0]
        // Non-volatile, boot services' access.
        variable += Self.littleEndian(3, bytes: 4)
        variable += [UInt8](repeating: 0, count: 8 + 16 + 4)
        variable += Self.littleEndian(nameBytes.count, bytes: 4) + Self.littleEndian(data.count, bytes: 4)
        variable += vendor.bytes + nameBytes + data
        guard Self.aligned(self.end + variable.count) <= self.storeEnd else { throw .full }
        self.bytes.replaceSubrange(self.end..<self.end + variable.count, with: variable)
        self.end = Self.aligned(self.end + variable.count)
    }

    /// Where the variable after the one at `at` is.
    private static func next(_ bytes: [UInt8], _ at: Int) -> Int {
        let length = self.number(bytes, at + 36, bytes: 4) + self.number(bytes, at + 40, bytes: 4)
        return self.aligned(at + self.variableHeaderBytes + length)
    }

    private static func aligned(_ offset: Int) -> Int {
        (offset + 3) & ~3
    }

    private static func number(_ bytes: [UInt8], _ at: Int, bytes count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }

    private static func littleEndian(_ value: Int, bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// A GUID as UEFI stores it: the first three parts little-endian.
struct EFIGUID: Hashable {
    let bytes: [UInt8]

    /// - Parameter text: One of ours, in the usual form with hyphens.
    init(_ text: StaticString) {
        let digits = "\(text)".compactMap(\.hexDigitValue)
        precondition(digits.count == 32)
        let big = (0..<16).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
        self.bytes = [3, 2, 1, 0, 5, 4, 7, 6].map { big[$0] } + big[8...]
    }
}
