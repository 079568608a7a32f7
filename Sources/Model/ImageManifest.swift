// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What the image builder says about an image it made: everything that serving and booting it need to know.
///
/// Stored as `ImageLayout.manifest` beside the image's files.
package struct ImageManifest: Codable, Equatable, Sendable {
    /// The version of this structure that this program writes.
    package static let currentFormat = 1

    /// The version of the structure; a reader refuses a later one than it knows.
    package var format: Int
    package var name: String
    /// SHA-256 in hexadecimal over everything that decides the image's content: an equal recipe is not built again.
    package var recipeHash: String
    package var suite: String
    /// Debian's name of the architecture, such as `amd64`.
    package var architecture: String
    package var hostname: String
    package var kernelRelease: String
    /// The kernel argument that names the root filesystem, such as `root=UUID=…`.
    package var rootArgument: String
    /// All kernel arguments for booting `ImageLayout.kernel` with `ImageLayout.initramfs` directly, `rootArgument`
    /// among them. Whoever boots the machine adds `initiator_name=`, `iscsi_target_ip=`, `iscsi_target_name=` (and, where
    /// they differ from 3260 and 0, `iscsi_target_port=` and `iscsi_lun=`); without them the machine's iBFT is used.
    package var kernelArguments: [String]
    /// How the initramfs learns what to attach; nil, as images from before it was told have it, for every way there is.
    package var attachment: [Attachment]?
    /// Where a machine's own kernel arguments go; nil where the disk has no such place.
    package var argumentSlot: ArgumentSlot?
    /// Whether boot loader and kernel are signed, so that they start where Secure Boot is on; nil, as images from before
    /// it was told have it, for a kernel that may be and a boot loader that is not.
    package var isSigned: Bool?
    /// The disk's size as the machine sees it.
    package var sizeBytes: UInt64
    /// When the image was made, in UTC as RFC 3339 writes it.
    package var created: String

    /// A way in which an initramfs learns what to attach.
    package enum Attachment: String, Codable, Hashable, Sendable, CaseIterable {
        /// By `initiator_name=`, `iscsi_target_ip=` and `iscsi_target_name=` among the kernel's arguments.
        case arguments
        /// By the table that iPXE, or firmware that is an initiator, leaves in memory.
        case ibft
    }

    package init(
        name: String, recipeHash: String, suite: String, architecture: String, hostname: String, kernelRelease: String,
        rootArgument: String, kernelArguments: [String], attachment: [Attachment]? = nil,
        argumentSlot: ArgumentSlot? = nil, isSigned: Bool? = nil, sizeBytes: UInt64, created: String
    ) {
        self.format = Self.currentFormat
        self.name = name
        self.recipeHash = recipeHash
        self.suite = suite
        self.architecture = architecture
        self.hostname = hostname
        self.kernelRelease = kernelRelease
        self.rootArgument = rootArgument
        self.kernelArguments = kernelArguments
        self.attachment = attachment
        self.argumentSlot = argumentSlot
        self.isSigned = isSigned
        self.sizeBytes = sizeBytes
        self.created = created
    }
}

/// The names of the files in an image's folder, `<images>/<name>/`.
package enum ImageLayout {
    /// The raw, sparse disk: what a LUN serves.
    package static let disk = "disk.img"
    /// The kernel, as it is also in the disk's EFI System Partition.
    package static let kernel = "vmlinuz"
    /// The initramfs, as it is also in the disk's EFI System Partition.
    package static let initramfs = "initrd.img"
    package static let manifest = "manifest.json"
}
