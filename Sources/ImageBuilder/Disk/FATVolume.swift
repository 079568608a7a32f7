// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SystemPackage

/// A FAT32 file system on a partition of a disk in a file.
struct FATVolume {
    let disk: FilePath
    let partition: DiskLayout.Partition

    /// How mtools(1) calls it.
    var name: String { "\(self.disk)@@\(self.partition.offsetBytes)" }

    /// Where on the disk the contents of a file begin, which must lie in one piece.
    func offset(of path: String, _ tools: Tools) async throws -> UInt64 {
        let answer = try await tools.answer("mshowfat", ["-i", self.name, "::\(path)"])
        guard let cluster = Self.firstCluster(ofOnlyPiece: answer) else {
            throw ImageError(kind: .stepFailed, message: "\(path) does not lie in one piece: \(answer)")
        }
        let bootSector = try Files.read(self.disk, at: self.partition.offsetBytes, count: 512)
        return self.partition.offsetBytes + Self.offset(ofCluster: cluster, bootSector: bootSector)
    }

    /// Reads what mshowfat(1) says: `::/EFI/BOOT/grub.cfg <5-12>`, or with several pieces `<5-7,9>`.
    static func firstCluster(ofOnlyPiece answer: String) -> UInt64? {
        guard let open = answer.lastIndex(of: "<"), let close = answer[open...].firstIndex(of: ">") else { return nil }
        let pieces = answer[answer.index(after: open)..<close].split(separator: ",")
        guard pieces.count == 1 else { return nil }
        return pieces[0].split(separator: "-").first.flatMap { UInt64($0) }
    }

    /// From the beginning of the volume; the first cluster of the data has number 2.
    static func offset(ofCluster cluster: UInt64, bootSector: [UInt8]) -> UInt64 {
        func number(_ offset: Int, bytes: Int) -> UInt64 {
            (0..<bytes).reduce(0) { $0 | UInt64(bootSector[offset + $1]) << (8 * UInt64($1)) }
        }
        let sectorBytes = number(11, bytes: 2)
        let clusterSectors = number(13, bytes: 1)
        let tableSectors = number(14, bytes: 2) + number(16, bytes: 1) * number(36, bytes: 4)
        return (tableSectors + (cluster - 2) * clusterSectors) * sectorBytes
    }
}
