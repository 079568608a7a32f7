// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
import BlockStores
package import Model
package import NIOPosix
import SCSI

/// Opens backstores on this host's files and memory.
package struct FileStoreOpening: StoreOpening {
    private let pool: NIOThreadPool

    /// `pool` does the stores' blocking work; it outlives them.
    package init(pool: NIOThreadPool) {
        self.pool = pool
    }

    package func open(_ backstore: Backstore) async throws -> any BlockStore {
        let pool = self.pool
        return try await pool.runIfActive { try Self.open(backstore, pool) }
    }

    private static func open(_ backstore: Backstore, _ pool: NIOThreadPool) throws -> any BlockStore {
        let attributes = backstore.attributes
        switch backstore.kind {
        case .file(let path, let size, let writeBack, let original):
            if let original, !SystemFiles.exists(path) {
                try ClientDisk.make(path, copyOf: original, size: size)
            }
            if BlockDeviceStore.isDevice(path) {
                return try Self.device(path, backstore, writeCache: attributes.writeCache ?? writeBack, pool)
            }
            let options = FileStore.Options(
                size: size.map { UInt64($0) }, blockSize: attributes.blockSize ?? 512,
                readOnly: backstore.isReadOnly, writeCache: attributes.writeCache ?? writeBack,
                thin: attributes.unmaps ?? true, reserves: attributes.reserves ?? false)
            guard attributes.encrypts != true else {
                return try EncryptedStore.file(path: path, options: options, pool: pool)
            }
            return try FileStore(path: path, options: options, pool: pool)
        case .block(let path):
            return try Self.device(path, backstore, writeCache: attributes.writeCache ?? true, pool)
        case .passThrough(let path): return try PassThroughStore(path: path)
        case .ramdisk(let size, let forgetful):
            let store = try RAMStore(
                size: UInt64(size), blockSize: attributes.blockSize ?? 512, thin: attributes.unmaps ?? true,
                discards: forgetful)
            return attributes.encrypts == true ? EncryptedStore.memory(store, pool: pool) : store
        }
    }

    private static func device(
        _ path: String, _ backstore: Backstore, writeCache: Bool, _ pool: NIOThreadPool
    ) throws -> any BlockStore {
        guard backstore.attributes.encrypts != true else {
            throw BlockError(
                .unavailable, "open \(path)", reason: "devices are not encrypted here (set encrypt=0, or use dm-crypt)")
        }
        return try BlockDeviceStore(
            path: path,
            options: .init(
                readOnly: backstore.isReadOnly, writeCache: writeCache, thin: backstore.attributes.unmaps ?? true),
            pool: pool)
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
