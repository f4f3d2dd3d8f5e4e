import MendKit

/// Asks a virtual table's own module whether its content is sound: each has its own way.
struct VirtualTableCheck {
  enum Answer {
    /// The table shows what is held elsewhere.
    case nothingOwn
    case sound
    case damaged(String)
    /// The module is not here, or has no such check.
    case unknown(String)
  }

  let connection: Connection
  let name: String
  let module: String

  func run() throws(Problem) -> Answer {
    switch module {
    case "fts3", "fts4", "fts5": return try command("integrity-check")
    // The module's check takes no table of geopoly for one of its own.
    case "rtree", "rtree_i32": return try function("rtreecheck")
    case "fts4aux", "fts5vocab", "dbstat": return .nothingOwn
    default: return .unknown("module \(module) has no check of its own")
    }
  }

  /// A full-text index checks itself on an insert into the column that has its own name. What it may change of its pages
  /// stays in memory and is rolled back; the view's file system would refuse a write.
  private func command(_ word: String) throws(Problem) -> Answer {
    let quoted = Connection.quoted(name)
    let check = "INSERT INTO \(quoted)(\(quoted)) VALUES(\(Connection.literal(word)))"
    // A working copy may be written to, and has no view to be kept still.
    guard connection.isInTransaction else {
      return try answer(Result { () throws(Problem) in try connection.execute(check) })
    }
    // The connection's transaction is begun anew, since the journal can be moved to memory outside of one only.
    try connection.execute(
      "ROLLBACK; PRAGMA query_only = OFF; PRAGMA journal_mode = MEMORY; PRAGMA cache_spill = OFF; BEGIN")
    let outcome = Result { () throws(Problem) in
      try connection.execute(check)
    }
    // Some errors end the transaction by themselves.
    _ = try? connection.execute("ROLLBACK")
    try connection.execute("PRAGMA query_only = ON; BEGIN")
    return try answer(outcome)
  }

  private func function(_ function: String) throws(Problem) -> Answer {
    do throws(Problem) {
      let said = try connection.query("SELECT \(function)('main', \(Connection.literal(name)))", limit: 1).first?.first
      return said?.text == "ok" ? .sound : .damaged(said?.description ?? "nothing")
    } catch {
      return try answer(.failure(error))
    }
  }

  private func answer(_ outcome: Result<Void, Problem>) throws(Problem) -> Answer {
    do throws(Problem) {
      try outcome.get()
      return .sound
    } catch {
      switch error.kind {
      case .damaged: return .damaged(error.said)
      case .changing: throw error
      default: return try lack(error.said).map { .damaged($0) } ?? .unknown(error.said)
      }
    }
  }

  /// What the module cannot do without and is not there, where it says no more than that it cannot.
  private func lack(_ said: String) throws(Problem) -> String? {
    guard !said.hasPrefix("no such module") else { return nil }
    // Its setting of the format's version is the one that it cannot do without. Another than it knows may be a newer one's.
    if said.hasPrefix("invalid fts5 file format (found 0,") { return said }
    let sql = try connection.value(
      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = \(Connection.literal(name))")?.text
    for end in sql.flatMap(VirtualDefinition.init)?.needs ?? [] {
      let table = name + end
      let isThere = "SELECT count(*) FROM sqlite_schema WHERE name = \(Connection.literal(table)) COLLATE NOCASE"
      if try connection.integer(isThere) == 0 { return "its table \(table) is missing" }
    }
    return nil
  }
}
