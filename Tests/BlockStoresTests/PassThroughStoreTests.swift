// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Testing

@Suite("PassThroughStore")
struct PassThroughStoreTests {
    @Test(arguments: [
        (
            "/dev/null",
            "open /dev/null: it is no SCSI device (lsscsi -g lists those; of a disk name the whole, not a partition)"
        ),
        ("/dev/no-such-device", "open /dev/no-such-device: No such file or directory"),
        ("/tmp", "open /tmp: it is no device (lsscsi -g lists SCSI devices)"),
        (
            "99:0:0:99",
            "open 99:0:0:99: it is no SCSI device (lsscsi -g lists those; of a disk name the whole, not a partition)"
        ),
    ])
    func `what is no SCSI device is refused by name`(path: String, words: String) {
        let error = #expect(throws: BlockError.self) { try PassThroughStore(path: path) }
        #expect(error?.description == words)
    }
}
