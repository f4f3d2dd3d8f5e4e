import MendKit

/// SQLite database files, in rollback-journal or write-ahead-log mode.
public struct SQLiteDriver: SQLDriver, SalvagingDriver, ComparingDriver {
  /// The driver; it holds no state.
  public init() {}

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own =
    PluginDescription(
      id: "sqlite", title: "SQLite database files",
      discussion: """
        Reads a live database as one consistent snapshot without changing anything beside it: the write-ahead log is laid \
        over the file up to the last commit, an interrupted transaction's journal likewise. SQLite's own lock bytes are held \
        meanwhile; writers in WAL mode go on. Writing happens on copies only, which take the file's place in one rename.
        """,
      kind: .driver,
      finds: [
        FindingDescription(
          "file.not-a-file", .fatal, "a folder, a socket or another thing stands where a file should", isOfStore: true),
        FindingDescription(
          "file.not-a-database", .fatal, "the file has no SQLite header that could be read", isOfStore: true),
        FindingDescription("file.encrypted", .fatal, "the file looks like an encrypted database", isOfStore: true),
        FindingDescription("file.malformed", .fatal, "SQLite gives up on the file"),
        FindingDescription("schema.malformed", .fatal, "the schema table cannot be read"),
        FindingDescription("schema.unsupported", .error, "the schema needs a newer SQLite than the one linked here"),
        FindingDescription(
          "schema.mismatch", .fatal, "a row of the schema table contradicts its own definition, and SQLite refuses it"),
        FindingDescription(
          "wal.malformed", .error, "a committed frame of the write-ahead log is damaged", or: [.fatal]),
        FindingDescription(
          "journal.hot", .warning, "a transaction was interrupted and is left out of what was checked"),
        FindingDescription("wal.foreign", .error, "the write-ahead log beside the file is of another database"),
        FindingDescription("journal.foreign", .error, "the rollback journal beside the file is of another database"),
        FindingDescription(
          "journal.malformed", .error, "the rollback journal puts back pages that its database never had"),
        FindingDescription("store.locked", .error, "another process kept the store locked"),
        FindingDescription("store.in-use", .error, "another process has the store open"),
      ])

  private static let extensions = ["db", "sqlite", "sqlite3", "db3", "s3db", "sl3", "gpkg", "mbtiles"]

  /// Certain by the magic bytes; likely by the fixed payload fractions of the header or by the name.
  public func recognise(_ file: FileHead) -> Recognition {
    if file.bytes.starts(with: DatabaseHeader.magic) { return .certain }
    if file.bytes.count >= DatabaseHeader.size, file.bytes[21...23].elementsEqual([64, 32, 32]) { return .likely }
    let name = Paths.name(of: file.path).lowercased()
    guard let dot = name.lastIndex(of: ".") else { return .no }
    return Self.extensions.contains(String(name[name.index(after: dot)...])) ? .likely : .no
  }

  /// Opens a live database for reading.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try SQLiteSession.open(try StoreView(path, locking: .shared(patience: patience)), patience: patience)
  }

  /// Opens a live database for reading; its lock is held only while the state is recorded.
  public func openUnheld(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try SQLiteSession.open(try StoreView(path, locking: .momentary(patience: patience)), patience: patience)
  }

  /// Opens a working copy for writing.
  public func openCopy(_ path: String) throws(Problem) -> any WorkingCopy { try SQLiteWorkingCopy(path) }

  /// Gets back what can be read of a damaged file, page by page.
  public func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome {
    try Salvager.run(copy, aid)
  }

  /// Whether the header is there, or told by the pages.
  public func isSalvageable(_ path: String) -> Bool { (try? SalvageHeader.read(path)) != nil }

  /// Everything that is in order is kept.
  public func salvagePlan(_ path: String) -> (loss: Loss, reason: String) {
    (
      .rows,
      "keeps every page that is in order and puts the rest together; rows that can be read nowhere are lost"
    )
  }

  /// Holds a database against a backup of it, page by page.
  public func comparison(of path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem)
    -> any StoreComparison
  {
    try PageComparison(path, isUnchanged: isUnchanged, restores: restores, patience: patience)
  }

  /// Makes a new, empty database.
  public func createStore(_ path: String) throws(Problem) -> any WorkingCopy {
    guard !FileStatus.exists(path) else {
      throw Problem(.refused, tried: "make a new database at", on: path, said: "something stands there already")
    }
    return try SQLiteWorkingCopy(path, create: true)
  }

  /// A live database for an archive. The consistent form is one file with the log folded in, page for page; the raw form is
  /// every file as it is.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    switch form {
    case .raw: return try rawSnapshot(path, patience: patience)
    case .consistent:
      guard let staging else { return try directSnapshot(path, patience: patience) }
      return try stagedSnapshot(path, staging: staging, patience: patience)
    }
  }

  private func directSnapshot(_ path: String, patience: Double) throws(Problem) -> StoreSnapshot {
    let view = try StoreView(path, locking: .momentary(patience: patience))
    let notes = PageNotesWriter(size: view.size)
    let member = SnapshotMember(
      name: Paths.name(of: view.path), size: view.size, attributes: try FileAttributes(of: view.file)
    ) { offset, buffer throws(Problem) in
      notes.noting(try view.read(into: buffer, at: offset), buffer, at: offset)
    }
    return StoreSnapshot(
      members: [member], stamp: view.stamp, notes: { () throws(Problem) in notes.bytes() },
      confirm: { () throws(Problem) in try view.confirm(patience: patience) })
  }

  private func stagedSnapshot(_ path: String, staging: String, patience: Double) throws(Problem) -> StoreSnapshot {
    let target = Paths.join(staging, "snapshot-" + Paths.name(of: path))
    let view = try StagedCopy.make(of: path, at: target, patience: patience)
    let copy = try FileHandle.read(target)
    let notes = PageNotesWriter(size: view.size)
    let member = SnapshotMember(
      name: Paths.name(of: view.path), size: view.size, attributes: try FileAttributes(of: view.file)
    ) { offset, buffer throws(Problem) in
      notes.noting(try copy.read(into: buffer, at: offset), buffer, at: offset)
    }
    // The view is let go of here, and with it the lock: what follows reads the copy.
    return StoreSnapshot(
      members: [member], stamp: view.stamp, stagedPath: target, notes: { () throws(Problem) in notes.bytes() },
      release: { try? Paths.removeFile(target) })
  }

  private func rawSnapshot(_ path: String, patience: Double) throws(Problem) -> StoreSnapshot {
    let main = try FileHandle.read(Paths.resolved(path))
    try LockBytes.takeShared(main, patience: patience)
    // A checkpoint between the copy of the file and that of the log would make the two parts of different states. Where the log's
    // index cannot be made sense of, what is there is copied all the same.
    let index = (try? StoreView.holdLog(Sidecars(of: main.path)))?.file
    let stamp = try StoreView(path, locking: .none).stamp
    var files = [main]
    for sidecar in Sidecars(of: main.path).all {
      if let file = try Sidecars.open(sidecar) { files.append(file) }
    }
    var members: [SnapshotMember] = []
    for file in files {
      members.append(
        SnapshotMember(
          name: Paths.name(of: file.path), size: try file.status().size, attributes: try FileAttributes(of: file)
        ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) })
    }
    return StoreSnapshot(
      members: SnapshotMembers(members), stamp: stamp,
      release: {
        LockBytes.release(main)
        index?.close()
      })
  }

  /// Size, times, change counter, and what the log holds.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp { try StoreView(path, locking: .none).stamp }

  /// `-wal`, `-shm` and `-journal`.
  public func sidecars(of path: String) -> [String] { Sidecars(of: Paths.resolved(path)).all }

  /// Puts a copy in the place of a live database, or where one was.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    try Installer(path, patience: patience).install(copy, expected: expected)
  }

  /// A hard link, a file or a folder that may not be written.
  public func installObstacle(_ path: String) -> Problem? { Installer(path, patience: 0).obstacle() }

  /// The processes that have the database file open.
  public func openers(of path: String) -> [Blocker] {
    guard let status = try? FileStatus.of(path) else { return [] }
    return OpenFiles.processes(device: status.device, inode: status.inode)
  }
}
