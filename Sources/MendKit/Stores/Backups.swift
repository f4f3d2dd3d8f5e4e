/// The archives of one store, as checks and repairs may see them.
public protocol Backups {
  /// The newest archive whose content was healthy and which can still be read; nil when there is none.
  func newestGood() throws(Problem) -> Backup?

  /// What the driver noted of the content of the newest good archive; nil where there is none, or it has no notes. Opens no
  /// archive beside which its notes stand.
  func notes() throws(Problem) -> BackupNotes?

  /// Writes the store out of an archive into a folder, verified against the manifest; the path of its main file.
  func extract(_ backup: Backup, into folder: String) throws(Problem) -> String

  /// Writes some files and links of an archived folder, by their names in the listing, into a folder that is there, each verified;
  /// what the listing says of them.
  func extract(_ backup: Backup, files: Set<String>, into folder: String) throws(Problem) -> [ListedFile]

  /// Hands over the content of the store's main file as the archive holds it, front to back, until `each` says false.
  func read(_ backup: Backup, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem)

  /// The definitions that the archive holds beside the store; nil where it holds none.
  func schema(of backup: Backup) throws(Problem) -> String?
}

extension Backups {
  /// For backups that are no archives of the store.
  public func notes() throws(Problem) -> BackupNotes? { nil }

  /// For backups that are no archives of a folder.
  public func extract(_ backup: Backup, files: Set<String>, into folder: String) throws(Problem) -> [ListedFile] {
    throw Problem(.archive, tried: "extract files of", on: backup.path, said: "it is no archive of a folder")
  }
}

/// What a driver noted of a store when an archive of it was taken.
public struct BackupNotes {
  /// The archive's path.
  public var archive: String
  /// The live store's stamp then.
  public var stamp: StoreStamp
  /// Whether they were taken when the content was: what a plain copy holds now may have been changed by its disk since.
  public var isProven: Bool
  /// Reads the notes; they are hostile.
  public var read: () throws(Problem) -> [UInt8]

  /// Notes; see the properties.
  public init(
    archive: String, stamp: StoreStamp, isProven: Bool = true, read: @escaping () throws(Problem) -> [UInt8]
  ) {
    self.archive = archive
    self.stamp = stamp
    self.isProven = isProven
    self.read = read
  }
}

/// One archive, as its manifest tells it.
public struct Backup: Sendable, Hashable {
  /// The archive's path.
  public var path: String
  /// When it was taken, in seconds since 1970.
  public var taken: Int64
  /// What the checks said of the store then.
  public var verdict: Verdict
  /// The rows of each table then.
  public var rows: [String: Int]
  /// The live store's stamp then.
  public var stamp: StoreStamp?
  /// Size of the store in bytes.
  public var bytes: Int

  /// A backup; see the properties.
  public init(path: String, taken: Int64, verdict: Verdict, rows: [String: Int], stamp: StoreStamp?, bytes: Int) {
    self.path = path
    self.taken = taken
    self.verdict = verdict
    self.rows = rows
    self.stamp = stamp
    self.bytes = bytes
  }
}
