import CSQLite
import MendKit

/// Databases made by the library itself.
public enum SQLiteFile {
  /// Runs a script on the database at a path, making it when it is not there; the path.
  @discardableResult
  public static func make(_ path: String, _ script: String) throws -> String {
    try withDatabase(path) { handle in
      guard sqlite3_exec(handle, script, nil, nil, nil) == SQLITE_OK else {
        throw PreparationFailed("\(path): \(String(cString: sqlite3_errmsg(handle)))")
      }
    }
    return path
  }

  /// The rows of a query, each column as text; NULL as nil.
  public static func rows(_ path: String, _ query: String) throws -> [[String?]] {
    try withDatabase(path) { handle in
      var statement: OpaquePointer?
      guard sqlite3_prepare_v2(handle, query, -1, &statement, nil) == SQLITE_OK else {
        throw PreparationFailed("\(path): \(String(cString: sqlite3_errmsg(handle)))")
      }
      defer { sqlite3_finalize(statement) }
      var rows: [[String?]] = []
      while sqlite3_step(statement) == SQLITE_ROW {
        rows.append(
          (0..<sqlite3_column_count(statement)).map { column in
            sqlite3_column_text(statement, column).map { String(cString: $0) }
          })
      }
      return rows
    }
  }

  /// The first column of a query's first row; nil without a row.
  public static func value(_ path: String, _ query: String) throws -> String? {
    try rows(path, query).first?.first ?? nil
  }

  private static func withDatabase<R>(_ path: String, _ body: (OpaquePointer?) throws -> R) throws -> R {
    var handle: OpaquePointer?
    guard sqlite3_open(path, &handle) == SQLITE_OK else { throw PreparationFailed("cannot open \(path)") }
    defer { sqlite3_close(handle) }
    return try body(handle)
  }
}
