// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a setting can be, as far as that is bounded.
package enum SettingDomain: Hashable, Sendable, CustomStringConvertible {
    case number(ClosedRange<Int>)
    case words([String])

    private static let switches: Set<String> = [
        "authentication", "cache_dynamic_acls", "demo_mode_discovery", "demo_mode_write_protect", "enable",
        "generate_node_acls", "login_keys_workaround", "prod_mode_write_protect", "redirect_permanently", "t10_pi",
        "tpg_enabled_sendtargets", "random_datain_pdu_offsets", "random_datain_seq_offsets", "random_r2t_offsets",
        "alua_support", "direct", "emulate_3pc", "emulate_caw", "emulate_dpo", "emulate_fua_read", "emulate_fua_write",
        "emulate_model_alias", "emulate_pr", "emulate_rest_reord", "emulate_rsoc", "emulate_tas", "emulate_tpu",
        "emulate_tpws",
        "emulate_write_cache", "encrypt", "enforce_pr_isids", "force_pr_aptpl", "is_nonrot", "pgr_support",
        "pi_prot_format",
        "pi_prot_verify", "sparse", "unmap_zeroes_data",
    ]

    private static let words: [String: [String]] = [
        "AuthMethod": ["CHAP", "CHAP,None", "None"], "DataDigest": ["CRC32C", "CRC32C,None", "None"],
        "HeaderDigest": ["CRC32C", "CRC32C,None", "None"], "DataPDUInOrder": ["Yes", "No"],
        "DataSequenceInOrder": ["Yes", "No"], "ImmediateData": ["Yes", "No"], "InitialR2T": ["Yes", "No"],
        "IFMarker": ["Yes", "No"], "OFMarker": ["Yes", "No"], "block_size": ["512", "4096"],
        "emulate_ua_intlck_ctrl": ["0", "1", "2"],
    ]

    private static let text: Set<String> = [
        "allowed_networks", "chap_algorithms", "redirect_address", "IFMarkInt", "OFMarkInt", "TargetAlias",
    ]

    /// The domain of a setting; nil for text, and for what the groups of a port say themselves.
    package init?(of name: String, in group: String) {
        guard group != "auth", group != "alua", !Self.text.contains(name) else { return nil }
        if let words = Self.words[name] {
            self = .words(words)
        } else if group == "discovery_auth" {
            guard name == "enable" else { return nil }
            self = .words(["0", "1", "false", "true"])
        } else if Self.switches.contains(name) {
            self = .words(["0", "1"])
        } else {
            self = .number(0...Int(UInt32.max))
        }
    }

    package func contains(_ text: String) -> Bool {
        switch self {
        case .number(let range): Int(text).map(range.contains) ?? false
        case .words(let words):
            words.contains(text)
                || words.contains { $0.contains(",") }
                    && text.split(separator: ",").allSatisfy { words.contains(String($0)) }
        }
    }

    /// What completion offers.
    package var candidates: [String] {
        switch self {
        case .number: []
        case .words(let words): words
        }
    }

    package var description: String {
        switch self {
        case .number: "a number"
        case .words(let words): words.joined(separator: "|")
        }
    }
}
