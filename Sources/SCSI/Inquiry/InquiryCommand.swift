// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// INQUIRY (SPC-4).
    static let inquiry: [CommandDescriptor] = [
        CommandDescriptor(
            "INQUIRY", [0x12, 0x01, 0xFF, 0xFF, 0xFF, 0x04], .always, .ignoresUnitAttention,
            handler: { unit, cdb, nexus in unit.inquiry(cdb, nexus) })
    ]
}

extension LogicalUnit {
    fileprivate func inquiry(_ cdb: CDB, _ nexus: Nexus) -> TaskStep {
        // CMDDT, obsolete since SPC-3, asks for another format altogether.
        guard !cdb.has(0x02, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 1)) }
        let data: ByteBuffer
        if cdb.has(0x01, at: 1) {
            guard let page = VitalProductDataPage(rawValue: cdb[2]), self.hasPage(page) else {
                return self.check(.invalidFieldInCDB(2))
            }
            data = self.encode(page, nexus)
        } else {
            guard cdb[2] == 0 else { return self.check(.invalidFieldInCDB(2)) }
            data = StandardInquiry.encode(
                peripheral: 0x00, removable: self.settings.removable,
                targetPortGroups: self.offers(.targetPortGroups) ? self.ports.group(of: nexus).tpgs : 0,
                hasThirdPartyCopy: self.offers(.thirdPartyCopy), product: self.identity.product,
                revision: self.identity.revision, versionDescriptors: StandardInquiry.versionDescriptors(nexus))
        }
        return .finish(.good(data.cut(to: Int(cdb.uint16(3)))))
    }

    private func encode(_ page: VitalProductDataPage, _ nexus: Nexus) -> ByteBuffer {
        let body =
            switch page {
            case .supportedPages: ByteBuffer(bytes: VitalProductDataPage.allCases.filter(self.hasPage).map(\.rawValue))
            case .unitSerialNumber: self.unitSerialNumberPage()
            case .deviceIdentification: self.deviceIdentificationPage(nexus)
            case .extendedInquiry: self.extendedInquiryPage()
            case .thirdPartyCopy: self.thirdPartyCopyPage()
            case .blockLimits: self.blockLimitsPage()
            case .blockDeviceCharacteristics: self.blockDeviceCharacteristicsPage()
            case .logicalBlockProvisioning: self.logicalBlockProvisioningPage()
            }
        var data = ByteBuffer()
        data.reserveCapacity(4 + body.readableBytes)
        data.writeInteger(UInt8(0x00))  // peripheral qualifier and device type
        data.writeInteger(page.rawValue)
        data.writeInteger(UInt16(clamping: body.readableBytes))
        data.writeImmutableBuffer(body)
        return data
    }
}
