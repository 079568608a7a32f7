// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of the configuration, with their reasons.
package enum Limits {
    /// RFC 7143 §4.2.7.1: an iSCSI name takes at most 223 bytes.
    package static let iscsiNameBytes = 223
    /// A client's name is a DNS label at most, so that it can be the host's name as well.
    package static let clientNameBytes = 63
    /// A sub-option of DHCP's option 82 has at most 255 bytes; SMBIOS' strings are shorter.
    package static let identifierBytes = 255
    /// A template of an iPXE script: ours have less than one kilobyte.
    package static let scriptBytes = 16 << 10
    /// A backstore's name must leave room in paths and INQUIRY shows its first 16 bytes anyway.
    package static let backstoreNameBytes = 200
    /// Flat space addressing, the larger of the single-level LUN formats, has 14 bits.
    package static let highestLUN = 16_383
    /// RFC 7143 §9.2.1 wants CHAP secrets of 96 bits at least.
    package static let chapSecretBytes = 12
    /// What edk2's initiator has room for.
    package static let firmwareCHAPNameBytes = 126
    package static let firmwareCHAPSecretBytes = 16
    /// RFC 7143 §6.1: a value takes at most 255 bytes unless it says otherwise, and TargetAlias does not.
    package static let aliasBytes = 255
    /// Linux's IFNAMSIZ is 16 with its terminating zero.
    package static let interfaceNameBytes = 15
    /// A DHCP message has room for two or three of the longest value that one option has (RFC 3396 splits longer ones).
    package static let dhcpOptionBytes = 255
    /// Earlier versions of a configuration that are kept where nobody chose, and the most that may be: about a month of an
    /// administrator's changes, and more than anybody looks through.
    package static let versionsKept = 100
    package static let mostVersionsKept = 10_000
    /// The smallest disk worth having: one that a partition table fits in.
    package static let smallestDiskBytes = 1 << 20
    /// A transition of a target port group: initiators take a path that is in one for longer as failed (LIO's bound).
    package static let transitionMilliseconds = 30_000
    /// Names that an error lists of what there is: about a line.
    static let namesInAMessage = 6
}
