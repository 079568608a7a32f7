// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// Files of the host that a path leads to.
enum FileSource: Sendable {
    case one(String)
    /// Kernel and initramfs behind systemd's stub.
    case unifiedKernel(stub: ByteBuffer, kernel: String, initrd: String, arguments: String)

    /// Why the files make no unified kernel image.
    struct Unusable: Error, CustomStringConvertible {
        var flaw: UnifiedKernelImage.Flaw

        var description: String {
            switch self.flaw {
            case .notAnEFIProgram: "systemd's stub is no EFI program: install Debian's package systemd-boot-efi anew"
            case .noRoomForSections: "systemd's stub has no room for a kernel: its version is not known to work"
            case .tooLarge: "kernel and initramfs are too large for one UEFI program: use the method kernel"
            }
        }
    }

    /// Opens what is to be sent. Blocks while the file system does.
    func open() throws -> (content: BootContent, tag: EntityTag) {
        switch self {
        case .one(let path):
            let file = try OpenFile(path)
            return (.file(file), file.tag)
        case .unifiedKernel(let stub, let kernelPath, let initrdPath, let arguments):
            let kernel = try OpenFile(kernelPath)
            let initrd = try OpenFile(initrdPath)
            let image: UnifiedKernelImage
            do throws(UnifiedKernelImage.Flaw) {
                image = try UnifiedKernelImage(
                    stub: Array(stub.readableBytesView), arguments: arguments, kernelBytes: kernel.size,
                    initrdBytes: initrd.size)
            } catch {
                throw Unusable(flaw: error)
            }
            let content = BootContent.sequence([
                .memory(ByteBuffer(bytes: image.head)), .file(kernel), Self.zeroes(image.kernelPadding),
                .file(initrd), Self.zeroes(image.initrdPadding),
            ])
            return (content, EntityTag(of: [kernel.tag, initrd.tag], image.head))
        }
    }

    private static func zeroes(_ count: Int) -> BootContent {
        .memory(ByteBuffer(repeating: 0, count: count))
    }
}
