// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BlockStores
import FoundationEssentials
import Model
import NIOCore
import SystemPackage

/// What verbs of the shell need to know of the host.
enum HostFacts {
    /// Blocks while the file system does.
    static func context(of change: Change) -> TreeContext {
        var context = TreeContext(uuid: UUID().uuidString.lowercased())
        if case .tree(let command) = change, let medium = command.medium {
            context.mediumBytes = Self.bytes(of: medium)
            context.isDevice = BlockDeviceStore.isDevice(medium)
        }
        if case .tree(let command) = change, command.wantsAddresses { context.addresses = Self.addresses() }
        return context
    }

    /// The numeric addresses of the interfaces; nil where the system does not tell.
    static func addresses() -> [String]? {
        let devices = try? System.enumerateDevices()
        return devices.map { devices in
            Set(
                devices.compactMap { device in
                    device.address?.ipAddress.map { text in
                        IPAddress(text)?.isLinkLocal ?? false ? "\(text.prefix { $0 != "%" })%\(device.name)" : text
                    }
                }
            ).sorted()
        }
    }

    /// The size of a file or block device; nil where there is none.
    static func bytes(of path: String) -> UInt64? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
        else { return nil }
        let end = try? file.closeAfter { try file.seek(offset: 0, from: .end) }
        return end.map { UInt64(max(0, $0)) }
    }
}

extension Configuration {
    func changed(
        by change: Change, in context: TreeContext
    ) throws(ChangeFailure) -> ChangedConfiguration {
        do throws(ChangeRefusal) {
            return try self.applying(change, in: context)
        } catch {
            throw .refused(error)
        }
    }
}
