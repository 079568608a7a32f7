// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// MODE SENSE (SPC-4).
    static let modeSense: [CommandDescriptor] = [
        CommandDescriptor(
            "MODE SENSE (6)", [0x1A, 0x08, 0xFF, 0xFF, 0xFF, 0x04], .writes,
            handler: { unit, cdb, nexus in
                unit.modeSense(cdb, nexus, allocationLength: Int(cdb[4]), headerLength: 4, longLBA: false)
            }),
        CommandDescriptor(
            "MODE SENSE (10)", [0x5A, 0x18, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04], .writes,
            handler: { unit, cdb, nexus in
                unit.modeSense(
                    cdb, nexus, allocationLength: Int(cdb.uint16(7)), headerLength: 8, longLBA: cdb.has(0x10, at: 1))
            }),
    ]
}

extension LogicalUnit {
    fileprivate func modeSense(
        _ cdb: CDB, _ nexus: Nexus, allocationLength: Int, headerLength: Int, longLBA: Bool
    ) -> TaskStep {
        let pages: [ModePage]
        let pageCode = cdb[2] & 0x3F
        let subpage = cdb[3]
        let ofCode = pageCode == 0x3F ? self.modes.all : self.modes.all.filter { $0.code == pageCode }
        guard !ofCode.isEmpty else { return self.check(.invalidFieldInCDB(2, bit: 5)) }
        guard subpage == 0x00 || subpage == 0xFF || pageCode != 0x3F else { return self.check(.invalidFieldInCDB(3)) }
        pages = subpage == 0xFF ? ofCode : ofCode.filter { $0.subpage == subpage }
        guard !pages.isEmpty else { return self.check(.invalidFieldInCDB(3)) }
        var body = ByteBuffer()
        for page in pages {
            switch PageControl(rawValue: cdb[2] >> 6) {
            case .current: self.write(page.current, to: &body)
            case .changeable: self.write(page.changeable, to: &body)
            case .defaults: self.write(page.defaults, to: &body)
            case .saved where self.memoryState != nil:
                self.write(self.savedModePages[page.savedKey] ?? page.defaults, to: &body)
            case .saved, nil: return self.check(Sense(.illegalRequest, .savingParametersNotSupported))
            }
        }
        let descriptor = cdb.has(0x08, at: 1) ? ByteBuffer() : self.blockDescriptor(longLBA: longLBA)
        var data = self.modeParameterHeader(
            headerLength: headerLength, descriptorLength: descriptor.readableBytes,
            bodyLength: body.readableBytes, longLBA: longLBA, isProtected: self.writeProtection(nexus) != nil)
        data.writeImmutableBuffer(descriptor)
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: allocationLength)))
    }

    /// PS says that the page can be saved.
    private func write(_ page: [UInt8], to body: inout ByteBuffer) {
        body.writeInteger(page[0] & 0x7F | (self.memoryState == nil ? 0x00 : 0x80))
        body.writeBytes(page.dropFirst())
    }

    /// Four or eight bytes (SPC-4). The device-specific parameter is SBC-3's: WP and DPOFUA.
    private func modeParameterHeader(
        headerLength: Int, descriptorLength: Int, bodyLength: Int, longLBA: Bool, isProtected: Bool
    ) -> ByteBuffer {
        let length = headerLength + descriptorLength + bodyLength
        let deviceSpecific: UInt8 =
            (isProtected ? 0x80 : 0x00) | (self.settings.refusedAccessBits == 0 ? 0x10 : 0x00)
        var header = ByteBuffer()
        header.reserveCapacity(length)
        if headerLength == 4 {
            header.writeInteger(UInt8(clamping: length - 1))
            header.writeInteger(UInt8(0))
            header.writeInteger(deviceSpecific)
            header.writeInteger(UInt8(clamping: descriptorLength))
        } else {
            header.writeInteger(UInt16(clamping: length - 2))
            header.writeInteger(UInt8(0))
            header.writeInteger(deviceSpecific)
            header.writeInteger(UInt8(longLBA && descriptorLength > 0 ? 0x01 : 0x00))
            header.writeInteger(UInt8(0))
            header.writeInteger(UInt16(clamping: descriptorLength))
        }
        return header
    }

    /// Eight bytes, or sixteen where LLBAA=1 (SBC-3).
    private func blockDescriptor(longLBA: Bool) -> ByteBuffer {
        let geometry = self.info.geometry
        var descriptor = ByteBuffer()
        if longLBA {
            descriptor.writeInteger(geometry.blockCount)
            descriptor.writeInteger(UInt32(0))
        } else {
            descriptor.writeInteger(UInt32(clamping: geometry.blockCount))
        }
        descriptor.writeInteger(UInt32(geometry.blockSize))  // DENSITY CODE 0 and 24 bits of length in the short form
        return descriptor
    }
}
