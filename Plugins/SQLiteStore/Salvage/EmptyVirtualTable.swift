import MendKit

/// A virtual table without rows, made in memory by the definition of another: what its module keeps in tables of its own, and puts
/// there at first.
struct EmptyVirtualTable {
  private let memory: Connection
  private let name: String
  /// The module's own tables: the ends of their names, and their definitions.
  let parts: [(end: String, sql: String)]

  /// Nil where the library does not take the definition by itself.
  init?(_ name: String, definition: String) {
    guard let memory = try? Connection.open(copy: ":memory:", create: true),
      (try? memory.rows(definition) { _ in false }) != nil,
      let tables = try? memory.query("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
    else { return nil }
    self.memory = memory
    self.name = name
    parts = tables.compactMap { row in
      guard let table = row[0].text, let sql = row[1].text, table.hasPrefix(name + "_") else { return nil }
      return (String(table.dropFirst(name.count)), sql)
    }
    guard !parts.isEmpty else { return nil }
  }

  /// The statements that put into a part what stands there at first; `how` is what to do where a row is there already.
  func firstRows(of end: String, or how: String) throws(Problem) -> [String] {
    let table = Connection.quoted(name + end)
    return try memory.query("SELECT * FROM \(table)").map { row in
      "INSERT OR \(how) INTO \(table) VALUES(\(row.map(\.literal).joined(separator: ", ")));"
    }
  }
}
