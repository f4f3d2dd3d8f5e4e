import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Retention") struct RetentionTests {
  /// One candidate a day from `noon` on, the last one being the newest.
  private func daily(_ count: Int, good: (Int) -> Bool = { _ in true }) -> [Retention.Candidate] {
    (0..<count).map {
      Retention.Candidate(
        store: identity, sequence: $0 + 1, taken: noon + Int64($0) * day, size: 100, isGood: good($0))
    }
  }

  private func kept(_ candidates: [Retention.Candidate], _ change: (inout RetentionPolicy) -> Void) -> [Int] {
    var policy = RetentionPolicy()
    policy.keepLast = 0
    policy.keepDamaged = 0
    change(&policy)
    return Retention(policy: policy, now: noon + Int64(candidates.count) * day).kept(candidates).sorted()
  }

  @Test("the newest good archive stays whatever the policy says")
  func newest() { #expect(kept(daily(5)) { _ in } == [4]) }

  @Test("the newest so many stay")
  func last() { #expect(kept(daily(10)) { $0.keepLast = 3 } == [7, 8, 9]) }

  @Test("one a day, week and month stay, the newest of each, Monday beginning the week in UTC")
  func spans() {
    let twice = daily(3).flatMap { [$0, $0] }.enumerated().map { index, candidate in
      var candidate = candidate
      candidate.sequence = index + 1
      candidate.taken += Int64(index % 2) * 3600
      return candidate
    }
    #expect(kept(twice) { $0.keepDaily = 2 } == [3, 5])
    // 2024-01-15 is a Monday.
    #expect(kept(daily(16)) { $0.keepWeekly = 2 } == [13, 15])
    #expect(kept(daily(40)) { $0.keepMonthly = 2 } == [16, 39])
  }

  @Test("a day without an archive does not use up the count")
  func gaps() {
    let candidates = daily(30).enumerated().filter { $0.offset % 10 == 0 }.map(\.element)
    #expect(kept(candidates) { $0.keepDaily = 3 } == [0, 1, 2])
  }

  @Test("archives younger than a span stay, those from a clock that ran ahead too")
  func within() {
    #expect(kept(daily(10)) { $0.keepWithin = 3.5 * 86400 } == [7, 8, 9])
    var candidates = daily(3)
    candidates[0].taken = noon + 1000 * day
    #expect(kept(candidates) { $0.keepWithin = 10 } == [0, 2])
  }

  @Test("copies of what was replaced are kept by the same rules, and counted apart")
  func replaced() {
    var candidates = daily(9) { $0 % 3 == 0 }
    for index in candidates.indices where index % 3 == 1 { candidates[index].isReplaced = true }
    // 0, 3, 6 are good, 1, 4, 7 were replaced, 2, 5, 8 are damaged.
    #expect(kept(candidates) { $0.keepLast = 2 } == [3, 4, 6, 7])
    #expect(
      kept(candidates) {
        $0.keepLast = 2; $0.keepDamaged = 1
      } == [2, 3, 4, 6, 7])
  }

  @Test("order is by sequence: a clock that went back makes no new archive old")
  func clockBack() {
    var candidates = daily(4)
    candidates[3].taken = noon - 300 * day
    #expect(kept(candidates) { $0.keepLast = 1 } == [3])
    #expect(kept(candidates) { $0.keepDaily = 2 } == [2, 3])
  }

  @Test("damaged archives never push good ones out; the first and the newest of them stay")
  func damaged() {
    let candidates = daily(10) { $0 < 2 }
    #expect(
      kept(candidates) {
        $0.keepLast = 2
        $0.keepDamaged = 3
      } == [0, 1, 2, 8, 9])
    #expect(kept(candidates) { $0.keepDamaged = 1 } == [1, 2])
    #expect(kept(candidates) { $0.keepDamaged = 0 } == [1])
  }

  @Test("each store is counted by itself")
  func stores() {
    let other = StoreIdentity(environment: "staging", name: "data", path: "/x")
    let candidates = daily(6).enumerated().map { index, candidate in
      var candidate = candidate
      if index % 2 == 0 { candidate.store = other }
      return candidate
    }
    #expect(kept(candidates) { $0.keepLast = 1 } == [4, 5])
  }

  @Test("over the size the oldest go first, but never the newest good one of a store")
  func size() {
    let other = StoreIdentity(environment: "staging", name: "data", path: "/x")
    var candidates = daily(6) { $0 != 5 }
    candidates[0].store = other
    var policy = RetentionPolicy()
    func removed(_ limit: Int, others: Int = 0) -> [Int] {
      policy.maxSize = limit
      let retention = Retention(policy: policy, now: noon)
      return retention.oversize(Set(candidates.indices), of: candidates, others: others).sorted()
    }
    #expect(removed(600) == [])
    #expect(removed(599) == [1])
    #expect(removed(600, others: 150) == [1, 2])
    #expect(removed(0) == [1, 2, 3, 5])
  }
}

@Suite("Pruning") struct PruningTests {
  private func policy(last: Int, damaged: Int = 3, size: Int? = nil) -> RetentionPolicy {
    var policy = RetentionPolicy()
    policy.keepLast = last
    policy.keepDamaged = damaged
    policy.maxSize = size
    return policy
  }

  /// Flips a bit in the middle of an archive; the file's size stays.
  private func alter(_ record: Repository.Record) throws {
    let file = try FileHandle.update(record.path)
    let middle = try file.status().size / 2
    let byte = try file.read(1, at: middle)
    try file.write([byte[0] ^ 4], at: middle)
    _ = shell("touch -d 2001-01-01 \(record.path)")
  }

  @Test("what the policy does not keep goes, archive and copy; a dry run only says so")
  func removes() throws {
    let place = try Place()
    let records = try (0..<4).map { try place.archive(noise(3000, seed: $0 + 1)) }
    let dry = try place.repository.prune(policy(last: 2), dryRun: true)
    #expect(dry.removed.map(\.path) == records[..<2].map(\.path))
    #expect(try place.names().count == 8)
    let outcome = try place.repository.prune(policy(last: 2), dryRun: false)
    #expect(outcome.removed.map(\.path) == records[..<2].map(\.path))
    #expect(outcome.kept.map(\.path) == records[2...].map(\.path))
    #expect(outcome.problems.isEmpty)
    #expect(try place.names().count == 4)
  }

  @Test("archives that cannot be read are named and kept, and count for nothing")
  func unreadable() throws {
    let place = try Place()
    let good = try place.archive(noise(3000))
    let truncated = try place.archive(noise(3000, seed: 2))
    try FileHandle.update(truncated.path).truncate(to: 100)
    try Durable.write([1, 2, 3], to: place.repository.path + "/stray.tar.zst")
    let outcome = try place.repository.prune(policy(last: 1), dryRun: false)
    #expect(outcome.removed.isEmpty)
    #expect(outcome.problems.count == 2)
    #expect(FileStatus.exists(good.path))
    #expect(try place.repository.records().count == 3)
  }

  @Test("a newest archive that is rotten does not cost the older good one")
  func rotten() throws {
    let place = try Place()
    let records = try (1...3).map { try place.archive(noise(30_000, seed: $0)) }
    try alter(records[2])
    let outcome = try place.repository.prune(policy(last: 1), dryRun: false)
    #expect(outcome.removed.map(\.path) == [records[0].path])
    #expect(outcome.kept.map(\.path) == [records[1].path, records[2].path])
    #expect(outcome.problems.map(\.subject) == [records[2].path])
  }

  @Test("a damaged store's archives do not push its good ones out")
  func damaged() throws {
    let place = try Place()
    let good = try (1...2).map { try place.archive([UInt8($0)]) }
    let damaged = try (3...7).map { try place.archive([UInt8($0)], verdict: .damaged) }
    let outcome = try place.repository.prune(policy(last: 2, damaged: 2), dryRun: false)
    #expect(outcome.kept.map(\.path) == (good + [damaged[0], damaged[4]]).map(\.path))
  }

  @Test("only the store that is asked for loses archives")
  func onlyOne() throws {
    let place = try Place()
    let other = StoreIdentity(environment: "staging", name: "data", path: "/x")
    for number in 1...3 {
      try place.archive([UInt8(number)])
      try place.archive([UInt8(number)], other)
    }
    let outcome = try place.repository.prune(policy(last: 1), only: other, dryRun: false)
    #expect(outcome.removed.allSatisfy { $0.manifest?.store == other })
    #expect(outcome.removed.count == 2)
    #expect(try place.repository.records(of: identity).count == 3)
  }

  @Test("a size that cannot be kept is said, and the newest good archives stay")
  func tooSmall() throws {
    let place = try Place()
    let records = try (1...3).map { try place.archive(noise(3000, seed: $0)) }
    let outcome = try place.repository.prune(policy(last: 30, size: 10), dryRun: false)
    #expect(outcome.kept.map(\.path) == [records[2].path])
    #expect(outcome.problems.map(\.kind) == [.noSpace])
  }

  @Test("the copy of a manifest whose archive is gone stays as long as the archive would have")
  func orphan() throws {
    let place = try Place()
    let records = try (1...3).map { try place.archive([UInt8($0)]) }
    try Paths.removeFile(records[1].path)
    let named = try place.repository.prune(policy(last: 30), dryRun: false)
    #expect(named.removed.isEmpty)
    #expect(named.problems.map(\.subject) == [records[1].path])
    let outcome = try place.repository.prune(policy(last: 1), dryRun: false)
    #expect(outcome.removed.map(\.path) == [records[0].path, records[1].path])
    #expect(try place.names().count == 2)
  }

  @Test("an archive that cannot be removed is named and stays")
  func cannotRemove() throws {
    let place = try Place()
    let records = try (1...2).map { try place.archive([UInt8($0)]) }
    _ = shell("mount --bind \(records[0].path) \(records[0].path)")
    defer { _ = shell("umount \(records[0].path)") }
    let outcome = try place.repository.prune(policy(last: 1), dryRun: false)
    #expect(outcome.removed.isEmpty)
    #expect(outcome.problems.map(\.subject) == [records[0].path])
    #expect(try place.repository.records().count == 2)
  }
}
