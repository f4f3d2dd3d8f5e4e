import MendKit

/// Folds what stands beside a database into it, so that nothing is left that could be replayed into another file under
/// its name. The caller holds the exclusive lock. Every step can be repeated: a run that dies in between leaves the log or
/// the journal where it was, whole, and the next one starts over.
enum Settlement {
  /// Writes the committed pages of a log, or the pages that a hot journal puts back, into the file, and removes the
  /// sidecars. Those of another database are kept under another name.
  static func settle(_ file: FileHandle, _ sidecars: Sidecars, clock: Clock = .system) throws(Problem) {
    let stored = DatabaseHeader(try file.read(DatabaseHeader.size, at: 0))
    let found = try Overlay.find(over: file, stored, sidecars, index: nil, isReserved: false)
    for foreign in found.foreign { try setAside(foreign.path, clock) }
    if let log = try Sidecars.open(sidecars.log) {
      if let (contents, _) = try WriteAheadLog.read(log), contents.frames > 0 {
        try write(contents.pages, from: log, to: file, pageSize: contents.pageSize, pageCount: contents.pageCount)
      }
      try remove(sidecars.log)
    }
    if let journal = try Sidecars.open(sidecars.journal) {
      if let contents = try RollbackJournal(journal) {
        try write(contents.pages, from: journal, to: file, pageSize: contents.pageSize, pageCount: contents.pageCount)
      }
      try remove(sidecars.journal)
    }
    try Paths.removeFile(sidecars.logIndex)
  }

  private static func write(
    _ pages: PageTable, from source: FileHandle, to file: FileHandle, pageSize: Int, pageCount: UInt32
  ) throws(Problem) {
    for (page, offset) in pages.sorted() {
      try file.write(try source.read(pageSize, at: offset), at: (Int(page) - 1) * pageSize)
    }
    try file.truncate(to: Int(pageCount) * pageSize)
    try file.sync()
  }

  private static func remove(_ path: String) throws(Problem) {
    try Paths.removeFile(path)
    try Durable.syncFolder(Paths.folder(of: path))
  }

  /// Moves sidecars of a database that is not there any more out of the way: under its name they would be replayed into
  /// whatever file comes next. Their content is kept.
  static func setAsideOrphans(_ sidecars: Sidecars, clock: Clock) throws(Problem) {
    for path in [sidecars.log, sidecars.journal] where FileStatus.exists(path) { try setAside(path, clock) }
    try Paths.removeFile(sidecars.logIndex)
  }

  private static func setAside(_ path: String, _ clock: Clock) throws(Problem) {
    var name = path + ".orphan-" + UTCTime(seconds: clock.now()).compact
    while !(try Durable.renameIfFree(path, to: name)) { name += "-2" }
  }
}
