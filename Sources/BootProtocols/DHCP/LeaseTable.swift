// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An address that a machine was offered or given.
package struct Lease: Hashable, Sendable {
    package var mac: MACAddress
    package var address: IPv4Address
    /// The second at which it ends, on the clock that the caller uses throughout.
    package var expires: UInt64
    /// Acknowledged, not merely offered.
    package var isBound: Bool

    package init(mac: MACAddress, address: IPv4Address, expires: UInt64, isBound: Bool) {
        self.mac = mac
        self.address = address
        self.expires = expires
        self.isBound = isBound
    }
}

/// Which machine has which address of the range.
///
/// Leases are kept by Ethernet address, not by client identifier: firmware, iPXE, the initramfs and the booted system
/// of one machine send four different identifiers, and the machine must keep its address through all of them, for its
/// iSCSI session lives on it. A machine's lease is remembered after it ended, so that it gets the same address again
/// as long as no other machine needs it.
package struct LeaseTable: Sendable {
    private let range: ClosedRange<UInt32>
    /// Where reserved addresses may lie.
    private let subnet: ClosedRange<UInt32>
    private let reserved: Set<IPv4Address>
    private var leases: [MACAddress: Lease] = [:]
    private var owners: [IPv4Address: MACAddress] = [:]
    private var declined: [IPv4Address: UInt64] = [:]
    /// Counts what is worth keeping over a restart: leases given, prolonged and ended.
    package private(set) var changes: UInt64 = 0

    /// `reserved` addresses inside the range (the server's own, the router's) are never given.
    package init(
        first: IPv4Address, last: IPv4Address, reserved: Set<IPv4Address>, subnet: ClosedRange<UInt32>? = nil
    ) {
        precondition(first <= last && Int(last.value - first.value) < Limits.leasesMax)
        self.range = first.value...last.value
        self.subnet = subnet ?? self.range
        self.reserved = reserved
    }

    /// All leases, ended ones too: what is worth keeping over a restart.
    package var all: [Lease] {
        self.leases.values.sorted { $0.address < $1.address }
    }

    package func lease(of mac: MACAddress) -> Lease? {
        self.leases[mac]
    }

    /// The machine that has, or last had, the address.
    package func owner(of address: IPv4Address) -> MACAddress? {
        self.owners[address]
    }

    /// Takes over a lease from before a restart; one outside the range or in conflict with another is dropped.
    package mutating func restore(_ lease: Lease) {
        guard self.subnet.contains(lease.address.value), !self.reserved.contains(lease.address),
            self.owners[lease.address] == nil, self.leases[lease.mac] == nil
        else { return }
        self.store(lease)
    }

    /// Reserves an address for the machine: its own, else the one it wishes, else a free one.
    package mutating func offer(
        _ mac: MACAddress, wish: IPv4Address?, reservations: Reservations = .none, now: UInt64
    ) -> Lease? {
        if let own = reservations.address(of: mac), self.isFree(own, for: mac, reservations, now: now) {
            let expires = now + Limits.offerSeconds
            if let held = self.leases[mac], held.address == own, held.expires > expires { return held }
            let lease = Lease(mac: mac, address: own, expires: expires, isBound: false)
            self.store(lease)
            return lease
        }
        if let held = self.leases[mac], held.expires > now,
            self.isUsable(held.address, for: mac, reservations, now: now)
        {
            return held
        }
        guard let address = self.candidate(mac, wish: wish, reservations, now: now) else { return nil }
        let lease = Lease(mac: mac, address: address, expires: now + Limits.offerSeconds, isBound: false)
        self.store(lease)
        return lease
    }

    /// Gives the machine this very address, if it may have it.
    package mutating func bind(
        _ mac: MACAddress, _ address: IPv4Address, expires: UInt64, reservations: Reservations = .none, now: UInt64
    ) -> Bool {
        guard self.isFree(address, for: mac, reservations, now: now) else { return false }
        // A machine whose address was fixed since it got its lease is moved there with its next request.
        if let own = reservations.address(of: mac), own != address,
            self.isFree(own, for: mac, reservations, now: now)
        {
            return false
        }
        self.changes += 1
        self.store(Lease(mac: mac, address: address, expires: expires, isBound: true))
        return true
    }

    /// Ends the machine's lease, or withdraws an offer; the address stays remembered as its own.
    package mutating func release(_ mac: MACAddress, now: UInt64) {
        if self.leases[mac]?.isBound == true { self.changes += 1 }
        self.leases[mac]?.expires = now
        self.leases[mac]?.isBound = false
    }

    /// Takes the address out of use: the machine found somebody else answering on it.
    package mutating func decline(_ mac: MACAddress, _ address: IPv4Address, now: UInt64) {
        guard self.owners[address] == mac else { return }
        self.owners[address] = nil
        self.leases[mac] = nil
        self.declined[address] = now + Limits.declineSeconds
        self.changes += 1
    }

    private mutating func store(_ lease: Lease) {
        if let old = self.leases[lease.mac], old.address != lease.address { self.owners[old.address] = nil }
        if let old = self.owners[lease.address], old != lease.mac { self.leases[old] = nil }
        self.leases[lease.mac] = lease
        self.owners[lease.address] = lease.mac
    }

    private func candidate(
        _ mac: MACAddress, wish: IPv4Address?, _ reservations: Reservations, now: UInt64
    ) -> IPv4Address? {
        if let own = self.leases[mac]?.address, self.isUsable(own, for: mac, reservations, now: now) { return own }
        if let wish, self.isFree(wish, for: mac, reservations, now: now) { return wish }
        // The same machine starts at the same place of the range, so that it usually gets the same address even
        // from a server that has forgotten everything.
        let count = UInt32(self.range.count)
        let start = UInt32(truncatingIfNeeded: mac.stableHash % UInt64(count))
        for step in 0..<count {
            let address = IPv4Address(self.range.lowerBound + (start + step) % count)
            if self.owners[address] == nil, self.isUsable(address, for: mac, reservations, now: now) { return address }
        }
        return self.leases.values
            .filter { $0.expires <= now && self.isUsable($0.address, for: mac, reservations, now: now) }
            .min { ($0.expires, $0.address.value) < ($1.expires, $1.address.value) }?.address
    }

    private func isFree(
        _ address: IPv4Address, for mac: MACAddress, _ reservations: Reservations, now: UInt64
    ) -> Bool {
        guard self.isUsable(address, for: mac, reservations, now: now) else { return false }
        guard let owner = self.owners[address], owner != mac, let lease = self.leases[owner] else { return true }
        return lease.expires <= now
    }

    /// A machine's reserved address may lie outside the range.
    private func isUsable(
        _ address: IPv4Address, for mac: MACAddress, _ reservations: Reservations, now: UInt64
    ) -> Bool {
        guard self.declined[address, default: 0] <= now, !self.reserved.contains(address) else { return false }
        if let owner = reservations.owner(of: address) { return owner == mac && self.subnet.contains(address.value) }
        return self.range.contains(address.value)
    }
}

extension MACAddress {
    /// FNV-1a of the six bytes: the standard library's hash differs from run to run.
    fileprivate var stableHash: UInt64 {
        (0..<6).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64(self.bytes[$1])) &* 0x100_0000_01b3 }
    }
}
