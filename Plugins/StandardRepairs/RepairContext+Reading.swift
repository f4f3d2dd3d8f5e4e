import MendKit

extension RepairContext {
  /// The catalog of the store at the context's path; nil where it is too damaged to tell.
  func readableCatalog() throws(Problem) -> Catalog? {
    do throws(Problem) {
      let session = try driver.open(path, patience: patience)
      defer { session.end() }
      return try session.catalog()
    } catch  where error.kind == .damaged || error.kind == .missing {
      return nil
    }
  }

  /// The rows of each table of the live store, as far as they can still be counted; nil where it cannot be opened. A
  /// table that is there and cannot be counted has nil.
  func liveRows() -> [String: Int?]? {
    guard let session = try? driver.open(store.path, patience: patience) else { return nil }
    defer { session.end() }
    guard let catalog = try? session.catalog() else { return nil }
    var rows: [String: Int?] = [:]
    for table in catalog.tables { rows[table.name] = .some(try? session.rowCount(of: table)) }
    return rows
  }

  /// Whether the live store is as it was when a backup was taken. The file's number is left out: a copy that kept its times
  /// has the same content under another.
  func isUnchanged(since backup: Backup) -> Bool {
    guard let then = backup.stamp, let now = try? driver.stamp(store.path) else { return false }
    return then.isSameState(as: now)
  }

  /// Clears the place of the working copy, with what an engine may have left beside it.
  func clearPlace() throws(Problem) {
    for sidecar in driver.sidecars(of: path) { try Paths.removeFile(sidecar) }
    try Paths.removeFile(path)
  }
}

/// Findings that no change of a store's content mends.
enum Unmendable {
  private static let patterns = [
    "schema.unsupported", "file.permission", "file.missing", "file.not-a-file", "file.owner", "file.group", "file.mode",
    "disk.*", "store.*", "engine.*", "format.*", "key.absent", "journal.hot", "wal.unapplied",
  ]

  /// The findings that a whole new store could mend. One that looks encrypted is left alone unless the repair was asked
  /// for by name: most probably nothing is wrong with it.
  static func excluded(from findings: [Finding], askedFor: Bool) -> [Finding] {
    if !askedFor, findings.contains(where: { $0.code == "file.encrypted" }) { return [] }
    return findings.filter { finding in !patterns.contains { finding.code.matches($0) } }
  }
}
