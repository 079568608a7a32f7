// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension TreeEditor {
    /// Gives a file or a RAM disk another size; the initiators that use it learn of it.
    mutating func resize(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        guard case .object(let index) = location else { throw TreeRefusal.misplaced("resize") }
        let object = self.configuration.storageObjects[index]
        let text = try arguments.required("size")
        guard object.plugin == "fileio" || object.plugin == "ramdisk" else {
            throw TreeRefusal(
                object.plugin == "block"
                    ? "a device has the size that it has; when it has grown: apus config reload"
                    : "\(object.plugin) backstores cannot be resized; create another")
        }
        guard let size = ByteSize(text) else { throw TreeRefusal("\(text) is not a size: write 10G or 512M") }
        let bytes = Int(clamping: size.bytes)
        if let present = object.size, bytes < present {
            throw TreeRefusal(
                "\(object.name) has \(present) bytes and cannot shrink to \(bytes): what is beyond would be lost")
        }
        self.configuration.storageObjects[index].size = bytes
        self.messages.append("Resized \(object.plugin) \(object.name) to \(bytes) bytes.")
    }
}
