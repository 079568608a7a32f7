// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import BlockStores
package import Model
package import NIOPosix
import SCSI

/// Opens backstores on this host's files and memory.
package struct FileStoreOpening: StoreOpening {
    private let pool: NIOThreadPool
    private let rings: LoopRings?

    /// `pool` does the stores' blocking work, and `rings` what they can of it; both outlive the stores.
    package init(pool: NIOThreadPool, rings: LoopRings? = nil) {
        self.pool = pool
        self.rings = rings
    }

    package func open(_ backstore: Backstore) async throws -> any BlockStore {
        try await self.pool.runIfActive { try self.openNow(backstore) }
    }

    private func openNow(_ backstore: Backstore) throws -> any BlockStore {
        let attributes = backstore.attributes
        switch backstore.kind {
        case .file(let path, let size, let writeBack, let original):
            if let original, !SystemFiles.exists(path) {
                try ClientDisk.make(path, copyOf: original, size: size)
            }
            if BlockDeviceStore.isDevice(path) {
                return try self.device(path, backstore, writeCache: attributes.writeCache ?? writeBack)
            }
            let options = FileStore.Options(
                size: size.map { UInt64($0) }, blockSize: attributes.blockSize ?? 512,
                readOnly: backstore.isReadOnly, writeCache: attributes.writeCache ?? writeBack,
                thin: attributes.unmaps ?? true, reserves: attributes.reserves ?? false,
                isDirect: attributes.isDirect ?? false)
            guard attributes.encrypts != true else {
                return try EncryptedStore.file(path: path, options: options, pool: self.pool, rings: self.rings)
            }
            return try FileStore(path: path, options: options, pool: self.pool, rings: self.rings)
        case .block(let path):
            return try self.device(path, backstore, writeCache: attributes.writeCache ?? true)
        case .passThrough(let path): return try PassThroughStore(path: path)
        case .ramdisk(let size, let forgetful):
            let store = try RAMStore(
                size: UInt64(size), blockSize: attributes.blockSize ?? 512, thin: attributes.unmaps ?? true,
                discards: forgetful)
            return attributes.encrypts == true ? EncryptedStore.memory(store, pool: self.pool) : store
        }
    }

    private func device(_ path: String, _ backstore: Backstore, writeCache: Bool) throws -> any BlockStore {
        guard backstore.attributes.encrypts != true else {
            throw BlockError(
                .unavailable, "open \(path)", reason: "devices are not encrypted here (set encrypt=0, or use dm-crypt)")
        }
        return try BlockDeviceStore(
            path: path,
            options: .init(
                readOnly: backstore.isReadOnly, writeCache: writeCache, thin: backstore.attributes.unmaps ?? true,
                isDirect: backstore.attributes.isDirect ?? false),
            pool: self.pool, rings: self.rings)
    }
}

extension BlockInfo {
    /// What a unit reports of its store where attributes say otherwise.
    func reporting(_ attributes: BackstoreAttributes) -> BlockInfo {
        var info = self
        if attributes.isRotational == true { info.capabilities.insert(.rotational) }
        if attributes.isRotational == false { info.capabilities.remove(.rotational) }
        if let most = attributes.bounds[.unmapBlocks] { info.maxUnmapBlocks = min(info.maxUnmapBlocks, most) }
        if !attributes.isOn(.unmapZeroesData) { info.capabilities.remove(.unmapZeroes) }
        return info
    }
}

extension LogicalUnitSettings {
    init(_ attributes: BackstoreAttributes) {
        self.init()
        let families: [(CommandFamilies, [BackstoreAttributes.Switch])] = [
            (.thirdPartyCopy, [.thirdPartyCopy]), (.compareAndWrite, [.compareAndWrite]),
            (.reservations, [.persistentReservations, .reservationSupport]),
            (.operationCodes, [.supportedOperationCodes]), (.targetPortGroups, [.aluaSupport]),
        ]
        for (family, names) in families where !names.allSatisfy(attributes.isOn) { self.withheld.insert(family) }
        self.refusesDPO = !attributes.isOn(.dpo)
        self.refusesFUA = !attributes.isOn(.fuaWrite)
        self.taskAbortedStatus = attributes.isOn(.taskAbortedStatus)
        self.keepsOrder = attributes.isOn(.restrictedReordering)
        self.attentionInterlock =
            switch attributes.attentionInterlock {
            case 0: .none
            case 1: .keeps
            default: .keepsAndEstablishes
            }
        self.queueDepth = attributes.bounds[.queueDepth].map { Int($0) }
        self.ignoresISID = !attributes.isOn(.enforceISIDs)
        self.alwaysPersists = attributes.isOn(.forceAPTPL)
        self.maximumUnmapDescriptors = attributes.bounds[.unmapDescriptors]
        self.maximumWriteSameBlocks = attributes.bounds[.writeSameBlocks]
        self.optimalTransferBlocks = attributes.bounds[.optimalBlocks]
        self.unmapGranularityBlocks = attributes.bounds[.unmapGranularity]
        self.unmapAlignmentBlocks = attributes.bounds[.unmapAlignment]
    }
}
