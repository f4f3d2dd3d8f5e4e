import MendKit

extension Repository {
  /// Archives a snapshot, unless the newest archive of the store already holds the same content and can still be
  /// read; then that one is returned, and `isNew` is false. Good archives are compared with good ones only, damaged
  /// with damaged.
  ///
  /// Equal stamps settle it without reading the store; else the store is read and its checksums compared, if the
  /// sizes of all members are the archive's. The snapshot is closed in either case. Throws as `write` does.
  public func archiveUnlessUnchanged(
    _ snapshot: StoreSnapshot, draft: Draft, threads: Int? = nil, level: Int = 3,
    progress: @escaping (Double) -> Void = { _ in }
  ) throws(Problem) -> (record: Record, isNew: Bool) {
    defer { snapshot.close() }
    let taken = clock.now()
    if let record = try newestEqual(to: snapshot, draft: draft) { return (record, false) }
    let record = try write(
      snapshot, draft: draft, taken: taken, threads: threads, level: level, progress: progress)
    return (record, true)
  }

  /// The newest archive of the store, if its content is the snapshot's.
  private func newestEqual(to snapshot: StoreSnapshot, draft: Draft) throws(Problem) -> Record? {
    for record in try newestAlike(draft) where try isEqual(snapshot, to: record) { return record }
    return nil
  }

  /// The newest archives that could take the place of another one. A safety copy is needless where there is a good archive of the
  /// same content or another safety copy; none takes the place of a backup.
  private func newestAlike(_ draft: Draft) throws(Problem) -> [Record] {
    let isSound = draft.verdict == .healthy || draft.verdict == .repaired
    let isSafetyCopy = draft.reason == Manifest.reasonOfPutBack || draft.reason == Manifest.reasonOfRestore
    let records = try records(of: draft.store).filter { $0.problem == nil && $0.manifest != nil }
    var alike: [Record?] = []
    if isSound {
      alike.append(records.last { $0.manifest?.isGood == true })
      if isSafetyCopy { alike.append(records.last { $0.manifest?.isReplaced == true }) }
    } else {
      alike.append(records.last { $0.manifest?.verdict == draft.verdict })
    }
    return alike.compactMap { $0?.manifest?.kind == draft.kind ? $0 : nil }
  }

  /// Whether the newest good archive of a store is of the very state that a stamp tells.
  public func hasArchive(of store: StoreIdentity, as stamp: StoreStamp) throws(Problem) -> Bool {
    let newest = try records(of: store).last { $0.problem == nil && $0.manifest?.isGood == true }
    return newest?.manifest?.stamp == stamp
  }

  /// The newest archive of a folder, if its files are those of a listing.
  func newest(of draft: Draft, holding lines: [UInt8], _ listing: Manifest.Listing) throws(Problem) -> Record? {
    for newest in try newestAlike(draft) {
      guard let then = newest.manifest?.listing, then.files == listing.files, then.bytes == listing.bytes,
        then.folder == listing.folder, Self.isReadable(newest), let archived = try? Self.listing(of: newest)
      else { continue }
      if Self.isSame(archived, FileListing(lines)) { return newest }
    }
    return nil
  }

  private static func isSame(_ one: FileListing, _ other: FileListing) -> Bool {
    var (one, other) = (one, other)
    do throws(FileListing.Flaw) {
      while let file = try one.next() {
        guard let now = try other.next(), now.name == file.name, now.kind == file.kind,
          now.attributes == file.attributes, now.size == file.size, now.xxh3 == file.xxh3,
          file.kind != .file || now.modified == file.modified
        else { return false }
      }
      return try other.next() == nil
    } catch {
      return false
    }
  }

  /// Whether a snapshot's content is an archive's. Reads the store where its stamp does not settle that.
  private func isEqual(_ snapshot: StoreSnapshot, to record: Record) throws(Problem) -> Bool {
    guard let manifest = record.manifest else { return false }
    if snapshot.isFolder { return try isEqual(snapshot, to: record, manifest) }
    guard manifest.listing == nil, Self.hasShape(of: manifest, snapshot.members), Self.isReadable(record)
    else { return false }
    if manifest.stamp == snapshot.stamp, Self.isSettled(snapshot.stamp, at: manifest.taken) { return true }
    let lane = try HashLane(sha256: false)
    for (member, archived) in zip(snapshot.members, manifest.storeMembers) {
      try member.readAll(lane) { (_) throws(Problem) in }
      guard try lane.finish().xxh3 == archived.xxh3 else { return false }
    }
    try snapshot.confirm()
    return true
  }

  /// Whether a folder's files are those of an archive, by their names, sizes, times, owners, modes and attributes, and, where
  /// the stamp does not settle it, by their content.
  private func isEqual(_ snapshot: StoreSnapshot, to record: Record, _ manifest: Manifest) throws(Problem) -> Bool {
    guard manifest.listing?.bytes == snapshot.stamp.size, Self.isReadable(record),
      var listing = try? Self.listing(of: record)
    else { return false }
    let isSettled = manifest.stamp == snapshot.stamp && Self.isSettled(snapshot.stamp, at: manifest.taken)
    let lane = try HashLane(sha256: false)
    for member in snapshot.members {
      guard let listed = try? listing.next(), listed.name == member.name, listed.kind == member.kind,
        listed.attributes == member.attributes
      else { return false }
      guard member.kind == .file else { continue }
      guard listed.size == member.size, listed.modified == member.modified else { return false }
      if isSettled { continue }
      try member.readAll(lane) { (_) throws(Problem) in }
      guard try lane.finish().xxh3 == listed.xxh3 else { return false }
    }
    do throws(FileListing.Flaw) {
      return try listing.next() == nil
    } catch {
      return false
    }
  }

  /// Whether an archive has the same members by name, size, owner, mode and attributes.
  private static func hasShape(of manifest: Manifest, _ members: SnapshotMembers) -> Bool {
    let archived = manifest.storeMembers
    guard archived.count == members.count else { return false }
    return zip(members, archived).allSatisfy { member, archived in
      member.name == archived.name && member.size == archived.size && member.attributes == archived.attributes
    }
  }

  /// Whether an equal stamp proves that nothing was written since. Without a counter of changes a file could be
  /// written once more within the same tick of the clock that its time of change is taken from; two seconds are the
  /// coarsest of these.
  private static func isSettled(_ stamp: StoreStamp, at taken: Int64) -> Bool {
    stamp.changeCounter != nil || taken - stamp.modified / 1_000_000_000 > 2
  }

  /// Whether an archive may stand for the store's content: a small one is read whole, a large one must have its size.
  private static func isReadable(_ record: Record) -> Bool {
    guard let size = record.size, record.seal != nil else { return KnownGood.verify(record) == nil }
    return size >= 64 << 20 || KnownGood.verify(record) == nil
  }
}
