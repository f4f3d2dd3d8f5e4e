import MendKit

extension Repository {
  /// The archives of one store, as checks and repairs see them.
  public func backups(of store: StoreIdentity) -> any Backups { StoredBackups(repository: self, store: store) }
}

/// The archives of one store in a repository. Used from one thread.
public final class StoredBackups: Backups {
  private let repository: Repository
  private let store: StoreIdentity
  /// Archives that would have been the newest good one, but could not be read, each with the reason.
  public private(set) var skipped: [Problem] = []

  init(repository: Repository, store: StoreIdentity) {
    self.repository = repository
    self.store = store
  }

  /// The newest archive of a healthy or repaired store that can be read whole. One that cannot is passed over, and
  /// noted in `skipped`. Throws where it is this machine that keeps it from being read.
  public func newestGood() throws(Problem) -> Backup? {
    skipped = []
    for record in try repository.records(of: store).reversed() {
      guard let manifest = record.manifest, manifest.isGood else { continue }
      if let problem = KnownGood.verify(record) {
        // An older one is not taken for want of memory or open files.
        guard !problem.isOfMachine else { throw problem }
        skipped.append(problem)
        continue
      }
      return Backup(
        path: record.path, taken: manifest.taken, verdict: manifest.verdict, rows: manifest.rows,
        stamp: manifest.stamp, bytes: manifest.bytes)
    }
    return nil
  }

  /// What the driver noted of the newest good archive.
  public func notes() throws(Problem) -> BackupNotes? {
    let newest = try repository.records(of: store).last { $0.problem == nil && $0.manifest?.isGood == true }
    guard let newest, let stamp = newest.manifest?.stamp else { return nil }
    return try Repository.backupNotes(of: newest, stamp: stamp)
  }

  /// Writes the store out of an archive into a folder, verified against the manifest; the path of its main file. Not
  /// synced: it is there to be read by this run.
  public func extract(_ backup: Backup, into folder: String) throws(Problem) -> String {
    let members = try Repository.extract(Repository.open(archiveAt: backup.path), into: folder, isDurable: false)
    guard let main = members.first else {
      throw .archive("extract the archive", backup.path, "it holds no file of the store")
    }
    return main.path
  }

  /// Writes some files of an archived folder into another folder, each verified.
  public func extract(_ backup: Backup, files: Set<String>, into folder: String) throws(Problem) -> [ListedFile] {
    try Repository.extract(Repository.open(archiveAt: backup.path), files: files, into: folder)
  }

  /// Hands over the content of the store's main file, front to back.
  public func read(
    _ backup: Backup, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool
  ) throws(Problem) {
    try repository.read(Repository.open(archiveAt: backup.path), each)
  }

  /// The definitions that the archive holds beside the store; nil where it holds none.
  public func schema(of backup: Backup) throws(Problem) -> String? {
    try repository.schema(of: Repository.open(archiveAt: backup.path))
  }
}

extension Repository {
  /// What the driver noted of an archive's content, or the listing of a folder; nil where there is neither.
  public static func backupNotes(of record: Record, stamp: StoreStamp) throws(Problem) -> BackupNotes? {
    guard let manifest = record.manifest, manifest.notes != nil || manifest.listing != nil else { return nil }
    return BackupNotes(archive: record.path, stamp: stamp) { () throws(Problem) in try notes(of: record) }
  }
}
