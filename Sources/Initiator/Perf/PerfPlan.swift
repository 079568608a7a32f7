// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Chooses the I/Os of one session: which block next, read or write, and in verify mode what must be found there.
///
/// A session has a part of the unit for itself (all of it where nothing is verified), counted in I/Os of equal length.
/// In verify mode a place has one I/O at a time, so that what a read must find is known when it is sent.
struct PerfPlan: Sendable {
    struct Step: Sendable, Equatable {
        /// The place within this session's part, in I/Os.
        var place: Int
        var isRead: Bool
    }

    private let order: PerfWorkload.Order
    private let readPercent: UInt64
    private let places: Int
    private var generator: SplitMix
    private var nextPlace: Int
    /// In verify mode: how often each place has been written, and whether an I/O is under way there.
    private(set) var generations: [UInt32] = []
    private var isBusy: [Bool] = []

    init(_ workload: PerfWorkload, places: Int, session: Int) {
        precondition(places > 0)
        self.order = workload.order
        self.readPercent = UInt64(workload.readPercent)
        self.places = places
        self.generator = SplitMix(seed: workload.seed &+ UInt64(session) &* 0x1000_0001)
        // Sequential sessions that share the unit begin apart.
        self.nextPlace = workload.verifies ? 0 : places / max(1, workload.sessions) * session % places
        if workload.verifies {
            self.generations = [UInt32](repeating: 0, count: places)
            self.isBusy = [Bool](repeating: false, count: places)
        }
    }

    /// The next I/O; nil when every place that could be next has one under way.
    mutating func next() -> Step? {
        let isRead =
            self.readPercent == 100 || self.readPercent > 0 && self.generator.next(below: 100) < self.readPercent
        var place = self.nextPlace
        if self.order == .random {
            place = Int(self.generator.next(below: UInt64(self.places)))
        } else {
            self.nextPlace = self.after(place)
        }
        guard !self.isBusy.isEmpty else { return Step(place: place, isRead: isRead) }
        var tries = 0
        while self.isBusy[place] {
            tries += 1
            guard tries < self.places else { return nil }
            place = self.after(place)
        }
        self.isBusy[place] = true
        if !isRead { self.generations[place] &+= 1 }
        return Step(place: place, isRead: isRead)
    }

    /// The I/O at `place` has ended.
    mutating func ended(_ place: Int) {
        guard !self.isBusy.isEmpty else { return }
        self.isBusy[place] = false
    }

    /// The next place at or after `place` that has been written: what the last pass of a verification reads.
    func written(from place: Int) -> Int? {
        self.generations[place...].firstIndex { $0 > 0 }
    }

    private func after(_ place: Int) -> Int {
        place + 1 == self.places ? 0 : place + 1
    }
}
