// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The attributes of a storage object that change what initiators see of it; nil leaves it to the store.
///
/// All others are kept in the configuration and have no effect.
package struct BackstoreAttributes: Hashable, Sendable {
    /// `block_size`: bytes of a logical block of a file or RAM disk; a device has its own.
    package var blockSize: Int?
    /// `emulate_write_cache`: whether a write may be answered before it is on stable storage (WCE).
    package var writeCache: Bool?
    /// `emulate_tpu` or `emulate_tpws`: whether blocks can be unmapped.
    package var unmaps: Bool?
    /// `is_nonrot`, the other way round.
    package var isRotational: Bool?
    /// `encrypt`, which LIO has not: what a file or RAM disk holds is encrypted, and can be erased with its key.
    package var encrypts: Bool?
    /// `sparse`, which targetcli knows and LIO has not, the other way round: a new file gets all of its space at once.
    package var reserves: Bool?
    /// `direct`, which LIO has not: reads and writes of files and devices go past the page cache.
    package var isDirect: Bool?

    /// Those of `Switch` that are set against what a unit does by itself.
    package var switches: Set<Switch>
    /// `emulate_ua_intlck_ctrl`: 1 keeps unit attentions until they are asked for, 2 establishes some besides.
    package var attentionInterlock: Int
    /// LIO writes 0 where nobody chose one; it leaves a bound to the unit.
    package var bounds: [Bound: UInt32]

    /// What is on or off, by LIO's name, and the value that it has for a unit by itself.
    package enum Switch: String, Sendable, CaseIterable {
        case aluaSupport = "alua_support"
        case thirdPartyCopy = "emulate_3pc"
        case compareAndWrite = "emulate_caw"
        case dpo = "emulate_dpo"
        case fuaWrite = "emulate_fua_write"
        case modelAlias = "emulate_model_alias"
        case persistentReservations = "emulate_pr"
        case restrictedReordering = "emulate_rest_reord"
        case supportedOperationCodes = "emulate_rsoc"
        case taskAbortedStatus = "emulate_tas"
        case enforceISIDs = "enforce_pr_isids"
        case forceAPTPL = "force_pr_aptpl"
        case reservationSupport = "pgr_support"
        case unmapZeroesData = "unmap_zeroes_data"

        package var usual: Bool {
            switch self {
            case .restrictedReordering, .taskAbortedStatus, .forceAPTPL: false
            case .aluaSupport, .thirdPartyCopy, .compareAndWrite, .dpo, .fuaWrite, .modelAlias,
                .persistentReservations, .supportedOperationCodes, .enforceISIDs, .reservationSupport,
                .unmapZeroesData:
                true
            }
        }
    }

    package enum Bound: String, Sendable, CaseIterable {
        case unmapBlocks = "max_unmap_lba_count"
        case unmapDescriptors = "max_unmap_block_desc_count"
        case writeSameBlocks = "max_write_same_len"
        case optimalBlocks = "optimal_sectors"
        case queueDepth = "queue_depth"
        case unmapGranularity = "unmap_granularity"
        case unmapAlignment = "unmap_granularity_alignment"
    }

    package init() {
        self.switches = []
        self.attentionInterlock = 0
        self.bounds = [:]
    }

    init(of object: StorageObject) {
        func number(_ name: String) -> Int? {
            switch object.attributes?[name] {
            case .integer(let value): value
            case .boolean(let value): value ? 1 : 0
            case .string(let text): Int(text)
            default: nil
            }
        }
        self.init()
        let unmapping = [number("emulate_tpu"), number("emulate_tpws")].compactMap(\.self)
        self.blockSize = number("block_size")
        self.writeCache = number("emulate_write_cache").map { $0 != 0 }
        self.unmaps = unmapping.isEmpty ? nil : unmapping.contains { $0 != 0 }
        self.isRotational = number("is_nonrot").map { $0 == 0 }
        self.encrypts = number("encrypt").map { $0 != 0 }
        self.reserves = number("sparse").map { $0 == 0 }
        self.isDirect = number("direct").map { $0 != 0 }
        self.attentionInterlock = min(max(number("emulate_ua_intlck_ctrl") ?? 0, 0), 2)
        self.switches = Set(
            Switch.allCases.filter { name in number(name.rawValue).map { ($0 != 0) != name.usual } ?? false })
        for bound in Bound.allCases {
            if let value = number(bound.rawValue), value > 0 { self.bounds[bound] = UInt32(clamping: value) }
        }
    }

    package func isOn(_ name: Switch) -> Bool {
        self.switches.contains(name) != name.usual
    }
}
