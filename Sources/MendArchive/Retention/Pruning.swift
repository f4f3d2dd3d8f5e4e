import MendKit

/// What became of the archives of a repository when old ones were removed.
public struct PruneOutcome: Sendable {
  /// Those that stay, in order.
  public var kept: [Repository.Record]
  /// Those that were removed, or would be in a dry run, in order.
  public var removed: [Repository.Record]
  /// Archives that cannot be read, and those that could not be removed. They stay.
  public var problems: [Problem]

  /// An outcome; see the properties.
  public init(kept: [Repository.Record] = [], removed: [Repository.Record] = [], problems: [Problem] = []) {
    self.kept = kept
    self.removed = removed
    self.problems = problems
  }
}

extension Repository {
  /// Removes the archives that a policy does not keep, of one store or of all; in a dry run only says which. Archives
  /// of damaged stores never push good ones out, and one that cannot be read is named and kept: before anything of a
  /// store goes, its newest good archive is read whole, and the next older one takes its place where that fails. With a
  /// `reason`, archives that were taken for another one are left alone.
  public func prune(
    _ policy: RetentionPolicy, only: StoreIdentity? = nil, reason: String? = nil, dryRun: Bool
  ) throws(Problem) -> PruneOutcome {
    var records = try records()
    var outcome = PruneOutcome()
    var removed = selected(policy, only, reason, records)
    while let (index, problem) = unreadableNewest(records, removed) {
      records[index].problem = problem
      removed = selected(policy, only, reason, records)
    }
    let orphans = orphans(records, removed, only)
    for (index, record) in records.enumerated() {
      if removed.contains(index) || orphans.contains(index) {
        if !dryRun, let problem = Self.remove(record) {
          outcome.problems.append(problem)
          outcome.kept.append(record)
        } else {
          outcome.removed.append(record)
        }
        continue
      }
      outcome.kept.append(record)
      if let problem = record.problem { outcome.problems.append(problem) }
    }
    if let problem = tooLarge(policy, outcome.kept) { outcome.problems.append(problem) }
    if !dryRun, !outcome.removed.isEmpty { try Durable.syncFolder(path) }
    return outcome
  }

  /// The indexes of the records that the policy lets go. Records with a problem are never among them.
  private func selected(
    _ policy: RetentionPolicy, _ only: StoreIdentity?, _ reason: String?, _ records: [Record]
  ) -> Set<Int> {
    var candidates: [Retention.Candidate] = []
    var indexes: [Int] = []
    var others = 0
    for (index, record) in records.enumerated() {
      guard let manifest = record.manifest, let size = record.size, record.problem == nil,
        only == nil || manifest.store == only, reason == nil || manifest.reason == reason
      else {
        others += record.size ?? 0
        continue
      }
      indexes.append(index)
      candidates.append(
        Retention.Candidate(
          store: manifest.store, sequence: manifest.sequence, taken: manifest.taken, size: size,
          isGood: manifest.isGood, isReplaced: manifest.isReplaced))
    }
    let retention = Retention(policy: policy, now: clock.now())
    var kept = retention.kept(candidates)
    kept.subtract(retention.oversize(kept, of: candidates, others: others))
    return Set(candidates.indices.filter { !kept.contains($0) }.map { indexes[$0] })
  }

  /// The newest good archive of a store of which something is to be removed, if it cannot be read after all.
  private func unreadableNewest(_ records: [Record], _ removed: Set<Int>) -> (index: Int, problem: Problem)? {
    for store in Set(removed.compactMap { records[$0].manifest?.store }) {
      let newest = records.indices.last { index in
        records[index].problem == nil && records[index].manifest?.store == store
          && records[index].manifest?.isGood == true
      }
      if let newest, let problem = KnownGood.verify(records[newest]) { return (newest, problem) }
    }
    return nil
  }

  /// Copies of manifests whose archives are gone and would have been removed by now: older than all that stays of the
  /// store.
  private func orphans(_ records: [Record], _ removed: Set<Int>, _ only: StoreIdentity?) -> Set<Int> {
    var oldest: [StoreIdentity: Int] = [:]
    for (index, record) in records.enumerated() where record.size != nil && !removed.contains(index) {
      guard let manifest = record.manifest, manifest.isGood, record.problem == nil else { continue }
      oldest[manifest.store] = min(oldest[manifest.store] ?? .max, manifest.sequence)
    }
    return Set(
      records.indices.filter { index in
        guard records[index].size == nil, !FileStatus.exists(records[index].path),
          let manifest = records[index].manifest, only == nil || manifest.store == only,
          let first = oldest[manifest.store]
        else { return false }
        return manifest.sequence < first
      })
  }

  /// Removes an archive and then the copy of its manifest; what went wrong.
  private static func remove(_ record: Record) -> Problem? {
    do throws(Problem) {
      try Paths.removeFile(record.path)
      try Paths.removeFile(ArchiveFile.notes(of: record.path))
      try Paths.removeFile(ArchiveFile.copy(of: record.path))
      return nil
    } catch {
      return advised(error, Paths.folder(of: record.path))
    }
  }

  private func tooLarge(_ policy: RetentionPolicy, _ kept: [Record]) -> Problem? {
    let bytes = kept.reduce(0) { $0 + ($1.size ?? 0) }
    guard let limit = policy.maxSize, bytes > limit else { return nil }
    return Problem(
      .noSpace, tried: "keep within max_size", on: path,
      said: "the archives that must stay take \(ByteSize(bytes: bytes).short), more than "
        + "\(ByteSize(bytes: limit).short)",
      advice: "Raise max_size, or remove archives by hand.")
  }
}
