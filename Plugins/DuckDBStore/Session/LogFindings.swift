import MendKit

/// What is to be said of a log that the engine takes.
enum LogFindings {
  /// Notices; a log that cannot be replayed keeps the engine from opening the database, which is a problem of its own.
  static func of(_ log: WriteAheadLog?) -> [Finding] {
    guard let log else { return [] }
    guard log.ending == .torn else { return [] }
    let lost = log.rest.words.map { ": " + $0 } ?? ""
    return [
      Finding(
        "wal.unapplied", .info, at: Finding.Location(file: Sidecars.log),
        "the log ends in the midst of a transaction that was never committed, and DuckDB leaves it out" + lost,
        evidence: "\(log.size - log.committed) bytes behind the last of \(log.transactions) whole transactions")
    ]
  }
}
