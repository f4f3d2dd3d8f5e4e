import MendArchive
import MendKit
import Synchronization

/// What `--from` names, as the one backup that repairs may draw on: an archive of any store of the kind, or a plain file or
/// folder.
struct SourceBackups: Backups {
  private let backup: Backup
  private let record: Repository.Record?
  private let driver: any Driver
  private let patience: Double
  private let listing: FolderListing?

  init(_ path: String, engine: Engine, driver: any Driver) throws(Problem) {
    self.driver = driver
    patience = engine.patience
    let head = try StoreFile.head(of: path)
    if driver.recognise(head) == .certain {
      record = nil
      listing =
        driver.keepsFolders
        ? FolderListing(
          path: path, driver: driver, patience: engine.patience, known: engine.sourceListings) : nil
      let status = try FileStatus.of(path)
      backup = Backup(
        path: Paths.absolute(path), taken: status.modified / 1_000_000_000, verdict: .healthy,
        rows: RowCounts.of(path, driver, patience: engine.patience) ?? [:], stamp: nil, bytes: head.size)
      return
    }
    let record = try Repository.open(archiveAt: path)
    guard let manifest = record.manifest else {
      throw record.problem
        ?? Problem(.archive, tried: "read the manifest of", on: path, said: "it holds none")
    }
    self.record = record
    listing = nil
    backup = Backup(
      path: record.path, taken: manifest.taken, verdict: manifest.verdict, rows: manifest.rows, stamp: manifest.stamp,
      bytes: manifest.listing == nil ? manifest.members.first?.size ?? 0 : manifest.bytes)
  }

  func newestGood() throws(Problem) -> Backup? { backup }

  func notes() throws(Problem) -> BackupNotes? {
    if let listing {
      return BackupNotes(archive: backup.path, stamp: try driver.stamp(backup.path), isProven: false) {
        () throws(Problem) in try listing.bytes()
      }
    }
    guard let record, let stamp = record.manifest?.stamp else { return nil }
    return try Repository.backupNotes(of: record, stamp: stamp)
  }

  func extract(_ backup: Backup, files: Set<String>, into folder: String) throws(Problem) -> [ListedFile] {
    if let record { return try Repository.extract(record, files: files, into: folder) }
    let snapshot = try driver.snapshot(backup.path, form: .consistent, staging: nil, patience: patience)
    defer { snapshot.close() }
    let written = try snapshot.write(only: files, into: folder)
    guard written.count == files.count else {
      let missing = files.subtracting(written.map(\.name)).min() ?? ""
      throw Problem(
        .changing, tried: "take files from", on: backup.path, said: "\(missing) is not there any more",
        advice: "Leave that folder alone while it is used, and run dbmend again.")
    }
    return written
  }

  func extract(_ backup: Backup, into folder: String) throws(Problem) -> String {
    if let record {
      let members = try Repository(path: Paths.folder(of: record.path)).extract(record, into: folder)
      if let main = members.first { return main.path }
      throw Problem(.archive, tried: "extract", on: record.path, said: "it holds no file")
    }
    let snapshot = try driver.snapshot(backup.path, form: .consistent, staging: folder, patience: patience)
    defer { snapshot.close() }
    if snapshot.isFolder, let path = try snapshot.write(into: folder).first { return path }
    guard let main = snapshot.members.first else {
      throw Problem(.damaged, tried: "copy", on: backup.path, said: "the snapshot holds no file")
    }
    let path = Paths.join(folder, "from-" + Paths.name(of: backup.path))
    try main.write(to: path)
    try snapshot.confirm()
    return path
  }

  func read(_ backup: Backup, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) {
    if let record { return try Repository(path: Paths.folder(of: record.path)).read(record, each) }
    let snapshot = try driver.snapshot(backup.path, form: .consistent, staging: nil, patience: patience)
    defer { snapshot.close() }
    guard let main = snapshot.members.first else {
      throw Problem(.damaged, tried: "read", on: backup.path, said: "the snapshot holds no file")
    }
    guard try main.read(each) else { return }
    try snapshot.confirm()
  }

  func schema(of backup: Backup) throws(Problem) -> String? {
    if let record { return try Repository(path: Paths.folder(of: record.path)).schema(of: record) }
    let session = try driver.open(backup.path, patience: patience)
    defer { session.end() }
    return try session.catalog().schema
  }
}

/// The listing of a plain folder, made when it is asked for: all of the folder is read.
private struct FolderListing {
  let path: String
  let driver: any Driver
  let patience: Double
  let known: SourceListings

  func bytes() throws(Problem) -> [UInt8] {
    let snapshot = try driver.snapshot(path, form: .consistent, staging: nil, patience: patience)
    defer { snapshot.close() }
    if let lines = known[path, snapshot.stamp] { return lines }
    let lines = try Repository.listing(of: snapshot)
    known[path, snapshot.stamp] = lines
    return lines
  }
}

/// The listings of plain folders that this run has read: a repair checks the store again and again, and holds it against the same
/// folder each time. One that was written to since is read again.
final class SourceListings: Sendable {
  private let listings = Mutex<[String: (stamp: StoreStamp, lines: [UInt8])]>([:])

  subscript(path: String, stamp: StoreStamp) -> [UInt8]? {
    get { listings.withLock { $0[path].flatMap { $0.stamp == stamp ? $0.lines : nil } } }
    set { listings.withLock { $0[path] = newValue.map { (stamp, $0) } } }
  }
}
