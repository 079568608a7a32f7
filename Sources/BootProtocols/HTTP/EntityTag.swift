// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A strong validator of a file's contents (RFC 9110 §8.8.3), made from what the file system says about it.
package struct EntityTag: Hashable, Sendable {
    /// With its quotes.
    package var text: String

    package init(inode: UInt64, size: Int, modifiedNanoseconds: UInt64) {
        let parts = [inode, UInt64(size), modifiedNanoseconds].map { String($0, radix: 16) }
        self.text = "\"\(parts.joined(separator: "-"))\""
    }

    /// The validator of contents made of others with these, and of `head`: FNV-1a of all of it.
    package init(of parts: [EntityTag], _ head: [UInt8]) {
        let bytes = parts.flatMap { Array($0.text.utf8) } + head
        let hash = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        self.text = "\"\(String(hash, radix: 16))-\(String(bytes.count, radix: 16))\""
    }

    /// Whether an `If-None-Match` header says that the client has these contents already.
    package func isListed(in header: String) -> Bool {
        header.split(separator: ",").contains { item in
            let item = item.drop { $0 == " " }
            let opaque = item.hasPrefix("W/") ? item.dropFirst(2) : item
            return item == "*" || opaque.prefix { $0 != " " } == self.text
        }
    }

    /// Whether a range may be served under an `If-Range` header; a date there is no strong validator for us.
    package func permitsRange(ifRange header: String?) -> Bool {
        header == nil || header == self.text
    }
}
