import CSQLite
import MendKit

/// What somebody says of a database file: the library's own check, or a driver's verification.
public struct Opinion: Sendable, CustomStringConvertible {
  /// The answer in one word.
  public enum Verdict: String, Sendable {
    /// Nothing is wrong.
    case sound
    /// Something is damaged.
    case damaged
    /// The file cannot be judged: a format or a schema that is not understood.
    case refused
    /// No answer came within the time limit.
    case late
  }

  /// The answer in one word.
  public var verdict: Verdict
  /// The answer in full, line by line.
  public var words: [String]
  /// Whether what is wrong is that the schema's definitions are not understood, which is no fault of the pages.
  public var isAboutSchema = false
  /// The codes of what was found, of errors alone where there are any.
  public var codes: Set<String> = []
  /// How long it took, in seconds.
  public var seconds = 0.0

  /// Verdict and the first words.
  public var description: String {
    ([verdict.rawValue] + words.prefix(4) + (words.count > 4 ? ["… \(words.count) in all"] : [])).joined(
      separator: "\n      ")
  }

  /// What `PRAGMA integrity_check` of the linked library says, through a plain connection. With a log beside the file the
  /// connection writes as it closes.
  public static func ofEngine(_ path: String, limit: Double = 10) -> Opinion {
    let start = Clock.system.steady()
    var opinion = askEngine(path, until: start + limit)
    opinion.seconds = Clock.system.steady() - start
    return opinion
  }

  private static func askEngine(_ path: String, until deadline: Double) -> Opinion {
    var handle: OpaquePointer?
    defer { sqlite3_close(handle) }
    let opened = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil)
    guard opened == SQLITE_OK else { return engineFailure(opened, handle) }
    var deadline = deadline
    return withUnsafeMutablePointer(to: &deadline) { pointer in
      sqlite3_progress_handler(
        handle, 10_000, { context in (context?.load(as: Double.self) ?? 0) < Clock.system.steady() ? 1 : 0 }, pointer)
      defer { sqlite3_progress_handler(handle, 0, nil, nil) }
      var statement: OpaquePointer?
      let prepared = sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, nil)
      guard prepared == SQLITE_OK else { return engineFailure(prepared, handle) }
      defer { sqlite3_finalize(statement) }
      var lines: [String] = []
      while true {
        let code = sqlite3_step(statement)
        guard code == SQLITE_ROW else {
          if code == SQLITE_DONE { break }
          return lines.isEmpty ? engineFailure(code, handle) : Opinion(verdict: .damaged, words: lines)
        }
        let text = sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? ""
        lines += text.split(separator: "\n").map(String.init).filter { $0 != "ok" && !$0.hasPrefix("*** in database") }
      }
      if lines.contains(where: { $0.contains(" value in ") }) {
        let doubtful = columnsOfTreeTables(handle)
        lines.removeAll { line in doubtful.contains { isRefuted(line, $0, handle) } }
      }
      return Opinion(verdict: lines.isEmpty ? .sound : .damaged, words: lines)
    }
  }

  private struct ColumnName {
    var table: String
    var column: String
  }

  /// Of tables WITHOUT ROWID, SQLite 3.40 takes the types of values from the wrong columns: `CREATE TABLE t(a, b NOT NULL, k
  /// PRIMARY KEY) WITHOUT ROWID` with the row (NULL, 1, 1) is said to have a NULL in b.
  private static func columnsOfTreeTables(_ handle: OpaquePointer?) -> [ColumnName] {
    let sql = """
      SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c WHERE t.schema = 'main' AND t.wr
      """
    return rows(handle, sql).map { ColumnName(table: $0[0], column: $0[1]) }
  }

  /// Whether a line complains of a column of such a table without cause, as far as a query can tell.
  private static func isRefuted(_ line: String, _ name: ColumnName, _ handle: OpaquePointer?) -> Bool {
    guard line.hasSuffix(" value in \(name.table).\(name.column)") else { return false }
    guard line.hasPrefix("NULL value") else { return true }
    let (table, column) = (quoted(name.table), quoted(name.column))
    return rows(handle, "SELECT 1 FROM \(table) NOT INDEXED WHERE typeof(\(column)) = 'null' LIMIT 1").isEmpty
  }

  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  private static func rows(_ handle: OpaquePointer?, _ sql: String) -> [[String]] {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { return [] }
    defer { sqlite3_finalize(statement) }
    var rows: [[String]] = []
    while sqlite3_step(statement) == SQLITE_ROW {
      rows.append(
        (0..<sqlite3_column_count(statement)).map { column in
          sqlite3_column_text(statement, column).map { String(cString: $0) } ?? ""
        })
    }
    return rows
  }

  private static func engineFailure(_ code: Int32, _ handle: OpaquePointer?) -> Opinion {
    let said = String(cString: sqlite3_errmsg(handle))
    let words = ["\(said) (\(code))"]
    switch code & 0xFF {
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      return Opinion(verdict: .damaged, words: words, isAboutSchema: said.hasPrefix("malformed database schema"))
    case SQLITE_INTERRUPT: return Opinion(verdict: .late, words: words)
    default: return Opinion(verdict: .refused, words: words)
    }
  }

  /// What a driver's verification says: damaged when it finds an error, or when the file cannot be opened for its damage.
  public static func of(_ driver: any Driver, _ path: String, asksEngine: Bool = false) -> Opinion {
    let start = Clock.system.steady()
    var opinion: Opinion
    do throws(Problem) {
      let session = try driver.open(path, patience: 0)
      defer { session.end() }
      let findings = try session.verifyIntegrity(IntegrityRequest(asksEngine: asksEngine)) + session.facts.notices
      let grave = findings.filter { $0.severity >= .error }
      let words = (grave.isEmpty ? findings : grave).map(Self.words)
      if grave.isEmpty {
        opinion = Opinion(verdict: .sound, words: words)
      } else {
        opinion = Opinion(
          verdict: grave.allSatisfy { $0.code == "schema.unsupported" } ? .refused : .damaged, words: words)
      }
      opinion.codes = Set((grave.isEmpty ? findings : grave).map(\.code.rawValue))
    } catch {
      opinion = Opinion(
        verdict: error.kind == .damaged ? .damaged : .refused, words: ["\(error.code ?? "-"): \(error)"])
    }
    opinion.seconds = Clock.system.steady() - start
    return opinion
  }

  private static func words(_ finding: Finding) -> String {
    let place = finding.location
    let where_ =
      [place.table, place.index, place.row.map { "row \($0)" }, place.page.map { "page \($0)" }].compactMap(\.self)
      .joined(separator: ", ")
    return
      "\(finding.severity) \(finding.code) [\(where_)] \(finding.message) {\(finding.evidence ?? "")} ×\(finding.count)"
  }

  /// Whether this verification missed what the library found. That a schema is not understood may be said as that.
  public func misses(_ engine: Opinion) -> Bool {
    guard engine.verdict == .damaged, verdict != .damaged else { return false }
    return !(engine.isAboutSchema && verdict == .refused)
  }
}
