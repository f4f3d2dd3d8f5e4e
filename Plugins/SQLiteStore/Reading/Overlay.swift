import MendKit

/// Where the newest content of a page stands, when it is not in the database file.
enum Overlay {
  /// The last is the log's content.
  case log(WriteAheadLog, FileHandle, Mapping)
  case journal(RollbackJournal, FileHandle)

  /// What was found beside a database.
  struct Found {
    var overlay: Overlay?
    /// What lies there, and is of another database.
    var foreign: [ForeignSidecar] = []
  }

  /// What is to be laid over a database file, whose own first bytes hold `stored`. `index` says how far a live log goes; a
  /// journal beside a file that another connection has reserved is that connection's, not a leftover.
  static func find(
    over file: FileHandle, _ stored: DatabaseHeader?, _ sidecars: Sidecars, index: LogIndex?, isReserved: Bool
  ) throws(Problem) -> Found {
    var found = Found()
    let size = try file.status().size
    if size > 0, let log = try Sidecars.open(sidecars.log),
      let (contents, mapping) = try WriteAheadLog.read(log, limit: index?.frames, salts: index?.salts),
      contents.frames > 0
    {
      if let index, contents.frames != index.frames {
        throw Problem(
          .damaged, tried: "read the write-ahead log", on: sidecars.log,
          said: "frame \(contents.frames + 1) of \(index.frames) committed ones does not match its checksum",
          advice: "Stop the application; its last commits may be lost. dbmend repair mends the file.",
          code: "wal.malformed")
      }
      guard let foreign = try ForeignSidecar(contents, log, beside: stored, size: size) else {
        found.overlay = .log(contents, log, mapping)
        return found
      }
      found.foreign.append(foreign)
    }
    guard let journal = try Sidecars.open(sidecars.journal), let contents = try RollbackJournal(journal), size > 0,
      !isReserved
    else { return found }
    if let foreign = try ForeignSidecar(contents, journal, beside: stored) {
      found.foreign.append(foreign)
    } else {
      found.overlay = .journal(contents, journal)
    }
    return found
  }

  /// Each page's offset in the file that holds them.
  var pages: PageTable {
    switch self {
    case .log(let log, _, _): log.pages
    case .journal(let journal, _): journal.pages
    }
  }

  /// The content of the file that holds the pages; nil when there is none.
  func mapping() throws(Problem) -> Mapping? {
    switch self {
    case .log(_, _, let mapping): mapping
    case .journal(_, let file): try Mapping(file, size: try file.status().size)
    }
  }

  var pageSize: Int {
    switch self {
    case .log(let log, _, _): log.pageSize
    case .journal(let journal, _): journal.pageSize
    }
  }

  /// Size of the database with the overlay, in bytes.
  var size: Int {
    switch self {
    case .log(let log, _, _): Int(log.pageCount) * log.pageSize
    case .journal(let journal, _): Int(journal.pageCount) * journal.pageSize
    }
  }

  /// What tells this overlay from another over the same file.
  var stamp: [UInt64] {
    switch self {
    case .log(let log, _, _): log.salts.map(UInt64.init) + [UInt64(log.frames)]
    case .journal(let journal, _): [UInt64(journal.pageCount), UInt64(journal.pages.count)]
    }
  }

  func place(of page: UInt32) -> (file: FileHandle, offset: Int)? {
    switch self {
    case .log(let log, let file, _): log.pages[page].map { (file, $0) }
    case .journal(let journal, let file): journal.pages[page].map { (file, $0) }
    }
  }

  /// The header's bytes; nil where page one stands in the database file.
  func header() throws(Problem) -> [UInt8]? {
    guard let (file, offset) = place(of: 1) else { return nil }
    return try file.read(DatabaseHeader.size, at: offset)
  }
}
