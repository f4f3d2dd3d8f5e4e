import CSQLite
import MendKit

/// A connection of the SQLite library. Its errors are problems with the library's own words.
final class Connection {
  let handle: OpaquePointer
  /// The path for messages.
  let path: String
  private var onClose: () -> Void
  /// The view that is read, whose own problems say more than the library's "disk I/O error".
  private weak var view: StoreView?

  private init(handle: OpaquePointer, path: String, onClose: @escaping () -> Void) {
    self.handle = handle
    self.path = path
    self.onClose = onClose
    csqlite_harden(handle)
  }

  deinit { _ = try? close() }

  /// Opens a view for reading.
  static func open(_ view: StoreView) throws(Problem) -> Connection {
    let name = ViewFileSystem.lend(view)
    do throws(Problem) {
      // On a database that it takes for read-only the library drops CHECK constraints as it reads the schema, and its
      // integrity check then does not know them. So it is told that it may write; the file system refuses each write.
      let connection = try open(
        "file:\(name)?nolock=1", path: view.path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI,
        fileSystem: ViewFileSystem.name
      ) { ViewFileSystem.withdraw(name) }
      connection.view = view
      // The view does not change, so one transaction serves all that is read: without it, each statement would begin by
      // looking whether another connection has written.
      try connection.execute("PRAGMA query_only = ON; BEGIN")
      return connection
    } catch {
      ViewFileSystem.withdraw(name)
      throw error
    }
  }

  /// Opens a file that nobody else has open for writing; `create` makes it first.
  static func open(copy path: String, create: Bool = false) throws(Problem) -> Connection {
    let flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0)
    return try open(path, path: path, flags: flags, fileSystem: nil) {}
  }

  /// Has the library keep no statistics of its memory: they cost a lock that all connections of the process share at each
  /// allocation. Where the library is in use already it refuses, which does no harm.
  static let isConfigured: Bool = csqlite_leave_out_statistics() == SQLITE_OK

  private static func open(
    _ name: String, path: String, flags: Int32, fileSystem: String?, onClose: @escaping () -> Void
  ) throws(Problem) -> Connection {
    _ = isConfigured
    var handle: OpaquePointer?
    let code = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, fileSystem)
    guard code == SQLITE_OK, let handle else {
      let said = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
      let number = handle.map { sqlite3_system_errno($0) } ?? ENOMEM
      sqlite3_close_v2(handle)
      if let ofMachine = Self.machineProblem("open the database", path, said, code, number) { throw ofMachine }
      throw Problem(.system, tried: "open the database", on: path, said: said)
    }
    return Connection(handle: handle, path: path, onClose: onClose)
  }

  private var isClosed = false

  /// Lets the database go; what a log still holds is written to the file.
  func close() throws(Problem) {
    guard !isClosed else { return }
    isClosed = true
    let code = sqlite3_close(handle)
    onClose()
    onClose = {}
    guard code == SQLITE_OK else {
      throw Problem(.system, tried: "close the database", on: path, said: String(cString: sqlite3_errstr(code)))
    }
  }

  /// Runs statements that give no rows.
  func execute(_ sql: String) throws(Problem) {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw problem("run \(Self.short(sql)) in") }
  }

  /// The rows of one query, each handed to `row`, which says whether to go on.
  func rows(_ sql: String, _ row: (Row) throws(Problem) -> Bool) throws(Problem) {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
      throw problem("prepare \(Self.short(sql)) on")
    }
    defer { sqlite3_finalize(statement) }
    while true {
      let code = sqlite3_step(statement)
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw problem("run \(Self.short(sql)) on") }
      guard try row(Row(statement: statement)) else { return }
    }
  }

  /// The rows of a query as values, at most `limit`.
  func query(_ sql: String, limit: Int = .max) throws(Problem) -> [[SQLValue]] {
    var result: [[SQLValue]] = []
    guard limit > 0 else { return result }
    try rows(sql) { (row: Row) throws(Problem) in
      result.append((0..<row.count).map { row[$0] })
      return result.count < limit
    }
    return result
  }

  /// The first column of the first row; nil where there is none.
  func value(_ sql: String) throws(Problem) -> SQLValue? {
    var value: SQLValue?
    try rows(sql) { row throws(Problem) in
      if row.count > 0 { value = row[0] }
      return false
    }
    return value
  }

  /// The whole number in the first column of the first row.
  func integer(_ sql: String) throws(Problem) -> Int? {
    try value(sql)?.integer.map(Int.init)
  }

  /// Whether a statement reads only; nil when it does not even compile.
  func isReadOnly(_ sql: String) -> Bool? {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else { return nil }
    defer { sqlite3_finalize(statement) }
    return sqlite3_stmt_readonly(statement) != 0
  }

  /// Whether a transaction is open.
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// The extended code of the last failure.
  var errorCode: Int32 { sqlite3_extended_errcode(handle) }

  /// The problem that the library reports just now.
  func problem(_ tried: String) -> Problem {
    let said = String(cString: sqlite3_errmsg(handle))
    if let stopped = view?.problem { return stopped }
    let number = sqlite3_system_errno(handle)
    if let ofMachine = Self.machineProblem(tried, path, said, sqlite3_errcode(handle), number) { return ofMachine }
    switch sqlite3_errcode(handle) {
    case SQLITE_CORRUPT:
      return Problem(
        .damaged, tried: tried, on: path, said: said, advice: "Run dbmend repair on it.", code: "file.malformed")
    case SQLITE_NOTADB:
      return Problem(
        .damaged, tried: tried, on: path, said: said, advice: "Run dbmend repair on it, or restore an archive.",
        code: "file.not-a-database")
    case SQLITE_CONSTRAINT:
      return Problem(
        .damaged, tried: tried, on: path, said: said,
        advice: "Rows break the schema's own rules; which of them is right only the application knows.",
        code: "constraint.violated")
    case SQLITE_FULL:
      return Problem(
        .noSpace, tried: tried, on: path, said: said, advice: "Free some room on that volume.", code: "disk.full")
    case SQLITE_NOMEM:
      return Problem(
        .exhausted, tried: tried, on: path, said: said,
        advice: "Free some memory, or raise the limit of it (ulimit -v).")
    case SQLITE_BUSY, SQLITE_LOCKED:
      return Problem(.locked, tried: tried, on: path, said: said, code: "store.locked")
    case SQLITE_IOERR:
      return Problem(.system, tried: tried, on: path, said: said + " (\(errorCode))", code: "disk.read-error")
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_CANTOPEN:
      return Problem(.denied, tried: tried, on: path, said: said, code: "file.permission")
    default:
      return Problem(.system, tried: tried, on: path, said: said)
    }
  }

  /// What the system said where SQLite only says that it could not read, write or open; nil where that is no matter of this machine.
  /// SQLite tries again in other ways to open a file, so that the last thing which the system said may be of another failure.
  private static func machineProblem(
    _ tried: String, _ path: String, _ said: String, _ code: Int32, _ number: Int32
  ) -> Problem? {
    guard [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOMEM].contains(code & 0xFF) else { return nil }
    var volume = statvfs()
    let isFull =
      code & 0xFF != SQLITE_NOMEM && statvfs(Paths.folder(of: path), &volume) == 0
      && (volume.f_bavail == 0 || (volume.f_files > 0 && volume.f_favail == 0))
    var problem = SystemError.problem(
      tried, path, isFull ? ENOSPC : code & 0xFF == SQLITE_NOMEM ? ENOMEM : number)
    guard problem.isOfMachine else { return nil }
    problem.said = "\(said): \(problem.said)"
    return problem
  }

  private static func short(_ sql: String) -> String {
    let line = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return "'" + (line.count > 80 ? String(line.prefix(77)) + "..." : line) + "'"
  }

  /// A name as an identifier in SQL.
  static func quoted(_ identifier: String) -> String {
    guard identifier.utf8.contains(UInt8(ascii: "\"")) else { return "\"" + identifier + "\"" }
    var text = "\""
    for character in identifier.unicodeScalars {
      if character == "\"" { text += "\"" }
      text.unicodeScalars.append(character)
    }
    return text + "\""
  }

  /// A text as a literal in SQL.
  static func literal(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "'")) else { return "'" + text + "'" }
    var result = "'"
    for character in text.unicodeScalars {
      if character == "'" { result += "'" }
      result.unicodeScalars.append(character)
    }
    return result + "'"
  }

  /// One row of a running query; valid until the next one is asked for.
  struct Row {
    fileprivate let statement: OpaquePointer

    /// The number of columns.
    var count: Int { Int(sqlite3_column_count(statement)) }

    /// The value of a column.
    subscript(column: Int) -> SQLValue {
      let column = Int32(column)
      switch sqlite3_column_type(statement, column) {
      case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
      case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, column))
      case SQLITE_TEXT:
        guard let text = sqlite3_column_text(statement, column) else { return .null }
        let bytes = UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column)))
        return .text(String(decoding: bytes, as: UTF8.self))
      case SQLITE_BLOB:
        guard let blob = sqlite3_column_blob(statement, column) else { return .blob([]) }
        return .blob(Array(UnsafeRawBufferPointer(start: blob, count: Int(sqlite3_column_bytes(statement, column)))))
      default: return .null
      }
    }

    /// Adds what stands in a column to a key, so that two keys are equal only where all columns are.
    func append(_ column: Int, to key: inout [UInt8]) {
      let column = Int32(column)
      let type = sqlite3_column_type(statement, column)
      key.append(UInt8(truncatingIfNeeded: type))
      guard type != SQLITE_NULL, let text = sqlite3_column_text(statement, column) else { return }
      let count = Int(sqlite3_column_bytes(statement, column))
      withUnsafeBytes(of: count) { key.append(contentsOf: $0) }
      key.append(contentsOf: UnsafeBufferPointer(start: text, count: count))
    }

    /// A column's text; empty where it has none.
    func text(_ column: Int) -> String { self[column].text ?? "" }
    /// A column's whole number; 0 where it has none.
    func integer(_ column: Int) -> Int { Int(sqlite3_column_int64(statement, Int32(column))) }
  }
}

extension SQLValue {
  /// The value as a literal in SQL, exact.
  var literal: String {
    switch self {
    case .null: return "NULL"
    case .integer(let value): return value == Int64.min ? "(-9223372036854775807 - 1)" : String(value)
    case .real(let value): return value.isFinite ? String(value) : value < 0 ? "-9e999" : "9e999"
    // A literal ends at a NUL, a blob does not.
    case .text(let text) where text.utf8.contains(0): return "CAST(\(SQLValue.blob(Array(text.utf8)).literal) AS TEXT)"
    case .text(let text): return Connection.literal(text)
    case .blob(let bytes):
      let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return "x'\(digits)'"
    }
  }
}
