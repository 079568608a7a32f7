// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// MODE SELECT (SPC-4).
    static let modeSelect: [CommandDescriptor] = [
        CommandDescriptor(
            "MODE SELECT (6)", [0x15, 0x11, 0x00, 0x00, 0xFF, 0x04], .writes,
            handler: { unit, cdb, _ in
                unit.modeSelect(
                    cdb, ModeSelect(parameterListLength: Int(cdb[4]), isLong: false, saves: cdb.has(0x01, at: 1)))
            }),
        CommandDescriptor(
            "MODE SELECT (10)", [0x55, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04], .writes,
            handler: { unit, cdb, _ in
                unit.modeSelect(
                    cdb, ModeSelect(parameterListLength: Int(cdb.uint16(7)), isLong: true, saves: cdb.has(0x01, at: 1)))
            }),
    ]
}

/// A MODE SELECT whose parameter list is under way.
package struct ModeSelect: Sendable {
    var parameterListLength: Int
    /// The 10-byte command's header of eight bytes.
    var isLong: Bool
    /// SP: the pages are saved as well.
    var saves: Bool

    var headerLength: Int { self.isLong ? 8 : 4 }
}

extension LogicalUnit {
    fileprivate func modeSelect(_ cdb: CDB, _ command: ModeSelect) -> TaskStep {
        guard cdb.has(0x10, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 4)) }  // PF=0: vendor's format
        guard !command.saves || self.memoryState != nil else { return self.check(.invalidFieldInCDB(1, bit: 0)) }
        guard command.parameterListLength > 0 else { return .finish(.good) }
        return .collect(byteCount: command.parameterListLength, .modeSelect(command))
    }

    /// The parameter list has come: header, block descriptors, mode pages. Either all of it takes effect or nothing.
    mutating func modeSelect(_ command: ModeSelect, _ list: ByteBuffer, nexus: UInt64) -> TaskStep {
        guard list.readableBytes == command.parameterListLength else { return self.check(.parameterListLengthError) }
        let bytes = Array(list.readableBytesView)
        guard bytes.count >= command.headerLength else { return self.check(.parameterListLengthError) }
        let descriptorLength =
            command.isLong ? Int(bytes[6]) << 8 | Int(bytes[7]) : Int(bytes[3])
        let pagesOffset = command.headerLength + descriptorLength
        guard bytes.count >= pagesOffset else { return self.check(.parameterListLengthError) }
        if let sense = self.refusal(of: bytes, descriptorLength: descriptorLength, command) { return self.check(sense) }

        var modes = self.modes
        var saved = self.savedModePages
        var offset = pagesOffset
        while offset < bytes.count {
            guard offset + 1 < bytes.count else { return self.check(.parameterListLengthError) }
            guard var page = modes.all.first(where: { $0.isNamed(by: bytes[offset...]) }) else {
                return self.check(.invalidFieldInParameterList(offset, bit: 5))
            }
            if let wrong = page.wrongLength(in: bytes[offset...]) {
                return self.check(.invalidFieldInParameterList(offset + wrong))
            }
            guard offset + page.current.count <= bytes.count else { return self.check(.parameterListLengthError) }
            let wanted = Array(bytes[offset..<(offset + page.current.count)])
            if let refused = page.firstRefusal(of: wanted) {
                return self.check(.invalidFieldInParameterList(offset + refused))
            }
            page.store(wanted)
            modes.replace(page)
            saved[page.savedKey] = page.current
            offset += wanted.count
        }
        let changed = zip(modes.all, self.modes.all).contains { $0.current != $1.current }
        let cacheWentOff = self.modes.caching.writeCacheEnabled && !modes.caching.writeCacheEnabled
        self.modes = modes
        if changed {
            self.reachedThresholds = Self.noThresholdReached
            self.attentions.addForAll(.modeParametersChanged, except: nexus)
        }
        // What the cache holds must not stay there when the initiator trusts that there is none.
        guard command.saves else { return cacheWentOff ? .perform(.flush, .good) : .finish(.good) }
        self.savedModePages = saved
        return cacheWentOff ? .perform(.flush, .saveModePages) : self.remembering(.good)
    }

    /// Block descriptors may repeat what MODE SENSE told, but not change it: the store's geometry is fixed.
    private func refusal(of bytes: [UInt8], descriptorLength: Int, _ command: ModeSelect) -> Sense? {
        let isLongLBA = command.isLong && bytes[4] & 0x01 != 0
        let lengthOffset = command.isLong ? 6 : 3
        guard descriptorLength != 0 else { return nil }
        guard descriptorLength == (isLongLBA ? 16 : 8) else {
            return .invalidFieldInParameterList(lengthOffset)
        }
        let offset = command.headerLength
        let countLength = isLongLBA ? 8 : 4
        let blocks = bytes[offset..<(offset + countLength)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let count = self.info.geometry.blockCount
        let told = isLongLBA ? count : UInt64(UInt32(clamping: count))
        guard blocks == 0 || blocks == told else { return .invalidFieldInParameterList(offset) }
        let sizeOffset = offset + descriptorLength - 4
        let size = bytes[(sizeOffset + 1)..<(sizeOffset + 4)].reduce(0) { $0 << 8 | Int($1) }
        guard size == self.info.geometry.blockSize else { return .invalidFieldInParameterList(sizeOffset) }
        return nil
    }
}
