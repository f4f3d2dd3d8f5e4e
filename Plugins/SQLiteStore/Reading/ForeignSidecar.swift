import MendKit

/// A log or journal that lies beside a database under its name and is not its own: a file was copied or restored without
/// what belongs to it. SQLite cannot know, and lays it over the database.
///
/// Only what no writer of the database could have left counts. Where the database's own header cannot be read, nothing is
/// certain.
struct ForeignSidecar: Hashable {
  let code: FindingCode
  let path: String
  /// What shows that it is of another database.
  let evidence: String

  private init(_ code: FindingCode, _ file: FileHandle, _ evidence: String) {
    self.code = code
    path = file.path
    self.evidence = evidence
  }

  /// A write-ahead log beside a database of `size` bytes; nil when it may be its own.
  init?(_ log: WriteAheadLog, _ file: FileHandle, beside stored: DatabaseHeader?, size: Int) throws(Problem) {
    guard let stored else { return nil }
    // In WAL mode the size of pages cannot change, not even by VACUUM (lang_vacuum.html).
    guard log.pageSize == stored.pageSize else {
      self.init("wal.foreign", file, Self.sizes(log.pageSize, stored.pageSize))
      return
    }
    guard log.pages[1] == nil else { return nil }
    // A commit that adds pages changes the header, or at least the page that names the new ones.
    let known = max(UInt32(clamping: (size + stored.pageSize - 1) / stored.pageSize), stored.pageCount)
    guard let least = log.pages.smallest, least > known else { return nil }
    self.init("wal.foreign", file, "all of its pages are beyond the database's \(known): the first is page \(least)")
  }

  /// A rollback journal; nil when it may be the database's own.
  init?(_ journal: RollbackJournal, _ file: FileHandle, beside stored: DatabaseHeader?) throws(Problem) {
    guard let stored else { return nil }
    // Pages that a transaction adds are not journaled; only those up to the original size are (atomiccommit.html, 3.6).
    guard journal.largestPage <= journal.pageCount else {
      self.init(
        "journal.malformed", file,
        "it puts back page \(journal.largestPage) of a database that had \(journal.pageCount) pages by its header")
      return
    }
    guard journal.pages[1] != nil else {
      // A transaction that changes the size of pages journals page 1 before it changes anything.
      guard journal.pageCount > 0, journal.pageSize != stored.pageSize else { return nil }
      self.init("journal.foreign", file, Self.sizes(journal.pageSize, stored.pageSize))
      return
    }
    // Only a VACUUM or a copy over the whole database changes the size of pages, and these journal page after page.
    let isContiguous = (journal.pages.largest ?? 0) <= UInt32(clamping: journal.pages.count) + 1
    guard journal.pageSize != stored.pageSize, !isContiguous else { return nil }
    self.init("journal.foreign", file, Self.sizes(journal.pageSize, stored.pageSize))
  }

  private static func sizes(_ pageSize: Int, _ own: Int) -> String { "its pages have \(pageSize) bytes, not \(own)" }

  /// What a report says of it.
  var finding: Finding {
    let kind = code == "wal.foreign" ? "write-ahead log" : "rollback journal"
    let fault = code == "journal.malformed" ? "cannot be right" : "is of another database"
    return Finding(
      code, .error, at: .init(file: path),
      "the \(kind) beside the file \(fault), and was left out of what was checked; SQLite would lay it over the file, so "
        + "move it away before the file is opened", evidence: evidence)
  }
}
