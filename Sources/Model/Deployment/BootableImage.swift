// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What the configuration needs to know of an image that clients are copies of.
package struct BootableImage: Hashable, Sendable {
    /// The raw disk that clients get a copy of.
    package var diskPath: String
    /// Bytes of that disk.
    package var size: Int
    package var kernelPath: String
    package var initramfsPath: String
    /// What the kernel needs to be told to find its root, without what names the target.
    package var kernelArguments: String
    /// How its initramfs learns what to attach.
    package var attachment: Set<ImageManifest.Attachment>
    /// Where a copy can have kernel arguments of its own.
    package var argumentSlot: ArgumentSlot?
    /// Whether its boot loader and its kernel are signed; nil where only the kernel may be.
    package var isSigned: Bool?
    /// What distinguishes it from earlier images of its name.
    package var version: String

    package init(
        diskPath: String, size: Int, kernelPath: String, initramfsPath: String, kernelArguments: String,
        attachment: Set<ImageManifest.Attachment> = Set(ImageManifest.Attachment.allCases),
        argumentSlot: ArgumentSlot? = nil, isSigned: Bool? = nil, version: String = ""
    ) {
        self.diskPath = diskPath
        self.size = size
        self.kernelPath = kernelPath
        self.initramfsPath = initramfsPath
        self.kernelArguments = kernelArguments
        self.attachment = attachment
        self.argumentSlot = argumentSlot
        self.isSigned = isSigned
        self.version = version
    }
}

/// What a configuration is expanded against: the host's part of the picture.
package struct Surroundings: Hashable, Sendable {
    /// The folder of disks and images, without a slash at its end.
    package var stateFolder: String
    /// The images there, by name.
    package var images: [String: BootableImage]

    package init(stateFolder: String, images: [String: BootableImage] = [:]) {
        self.stateFolder = stateFolder
        self.images = images
    }

    /// Where a client's own disk is.
    package func diskPath(ofClient name: String) -> String {
        "\(self.stateFolder)/disks/\(name).img"
    }
}

extension BootableImage {
    /// The image whose files are in `folder` and that `manifest` describes.
    package init(folder: String, manifest: ImageManifest) {
        self.init(
            diskPath: "\(folder)/\(ImageLayout.disk)", size: Int(clamping: manifest.sizeBytes),
            kernelPath: "\(folder)/\(ImageLayout.kernel)", initramfsPath: "\(folder)/\(ImageLayout.initramfs)",
            kernelArguments: manifest.kernelArguments.joined(separator: " "),
            attachment: Set(manifest.attachment ?? ImageManifest.Attachment.allCases),
            argumentSlot: manifest.argumentSlot, isSigned: manifest.isSigned,
            version: "\(manifest.recipeHash) of \(manifest.created)")
    }
}
