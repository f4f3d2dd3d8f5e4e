import CSQLite
import MendKit

/// The library took the whole transaction back.
struct TransactionLost: Error {}

/// The library found damaged what it had just made: an index on an expression whose value is not always the same.
struct EngineGaveUp: Error {}

/// A connection that runs statements and keeps them, so that what was made can be made again.
final class ScriptWriter {
  /// Everything that was run and not refused, in order.
  private(set) var script: [String] = []
  /// How many statements were refused, of how many.
  private(set) var refused = 0
  private(set) var tried = 0
  private let handle: OpaquePointer?

  init(_ path: String) throws {
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
    handle = opened
    guard code == SQLITE_OK else { throw PreparationFailed("cannot make \(path)") }
  }

  deinit { sqlite3_close(handle) }

  /// Runs a statement that must work.
  func run(_ sql: String) throws {
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(sql) }
    script.append(sql)
  }

  /// Runs a statement that random values or definitions may keep from working: constraints, and what ALTER cannot do. Any
  /// other refusal is a fault of the one who wrote it.
  @discardableResult
  func attempt(_ sql: String, mayBeWrong: Bool = false) throws -> Bool {
    tried += 1
    let isOpen = isInTransaction
    let code = sqlite3_exec(handle, sql, nil, nil, nil)
    if code == SQLITE_OK {
      script.append(sql)
      return true
    }
    refused += 1
    if code & 0xFF == SQLITE_CORRUPT { throw EngineGaveUp() }
    // A full rowid range takes the whole transaction back, and nobody knows here what was defined in it.
    if isOpen, !isInTransaction { throw TransactionLost() }
    let tolerated =
      [SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_TOOBIG, SQLITE_FULL] + (mayBeWrong ? [SQLITE_ERROR] : [])
    guard tolerated.contains(code & 0xFF) else { throw failure(sql) }
    return false
  }

  /// The first column of a query's rows, as text; NULL is left out.
  func column(_ sql: String) throws -> [String] {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { throw failure(sql) }
    defer { sqlite3_finalize(statement) }
    var values: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW {
      if let text = sqlite3_column_text(statement, 0) { values.append(String(cString: text)) }
    }
    return values
  }

  /// Whether a transaction is open.
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Sets bytes at the end of every page aside, as encrypting and checksumming extensions do. Before anything is written.
  func reserve(_ bytes: Int) {
    var bytes = Int32(bytes)
    _ = sqlite3_file_control(handle, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes)
    script.append("-- \(bytes) bytes of every page are reserved")
  }

  /// Makes new databases with schema format 1, which knows neither descending indexes nor the short forms of 0 and 1.
  func useOldFormat() {
    csqlite_use_old_format(handle)
    script.append("-- schema format 1")
  }

  private func failure(_ sql: String) -> PreparationFailed {
    PreparationFailed("\(String(cString: sqlite3_errmsg(handle))): \(sql)")
  }
}
