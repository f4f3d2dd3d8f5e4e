import CSQLite
import MendKit

/// Tries the definitions of a schema one by one, in a database of its own in memory: SQLite refuses a whole schema for one row
/// that it does not take. What it takes stays; a row that says otherwise than its definition is corrected, a table whose
/// definition is torn gets one by the shape of its rows, and what else is torn is let go of.
struct SchemaTrial {
  /// What is left, each object behind its table.
  private(set) var objects: [SchemaObject] = []
  /// Whether rows of the schema are other than they were.
  private(set) var isChanged = false
  /// What was let go of, as notes.
  private(set) var lost: [String] = []
  /// Tables that got a definition by the shape of their rows.
  private(set) var replaced: [String] = []

  private let memory: Connection
  /// The tables that can be asked about, by their names in lower case.
  private var known: Set<String> = []
  /// Tables whose definition is understood by another version, perhaps.
  private var doubtful: Set<String> = []

  /// Tries objects in a connection to an empty database. `columns` says which classes of values each column of a
  /// table's rows has, as the bits of `SerialType`; nil where there are no rows.
  init(
    _ found: [SchemaObject], in memory: Connection,
    columns: (SchemaObject) -> [UInt8]?
  ) {
    self.memory = memory
    csqlite_allow_schema_writes(memory.handle, 1)
    defer { csqlite_allow_schema_writes(memory.handle, 0) }
    for object in found where object.kind == "table" { addTable(object, columns) }
    addIndexesOfConstraints(found)
    for kind in ["index", "view", "trigger"] {
      for object in found where object.kind == kind && (kind != "index" || object.sql != nil) { addOther(object) }
    }
    for object in found where !["table", "index", "view", "trigger"].contains(object.kind) { drop(object) }
    let order = Dictionary(objects.map { ($0.rowid, $0) }) { first, _ in first }
    // The rows keep their order where each already stands behind its table.
    let sorted = objects.sorted { $0.rowid < $1.rowid }
    if order.count == objects.count, Self.areInOrder(sorted) {
      objects = sorted
    } else {
      isChanged = true
    }
    if objects.count != found.count { isChanged = true }
  }

  private static func areInOrder(_ objects: [SchemaObject]) -> Bool {
    var tables: Set<String> = []
    for object in objects {
      if object.kind == "table" || object.kind == "view" { tables.insert(ASCII.lowered(object.name)) }
      if object.kind == "index", !tables.contains(ASCII.lowered(object.table)) { return false }
    }
    return true
  }

  private mutating func drop(_ object: SchemaObject) {
    isChanged = true
    lost.append("\(object.kind) \(object.name)")
  }

  private mutating func keep(_ object: SchemaObject) { objects.append(object) }

  // MARK: Tables

  /// Tables that SQLite makes itself, whose definitions are always the same.
  private static let engines = [
    "sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
  ]

  private mutating func addTable(
    _ found: SchemaObject, _ columns: (SchemaObject) -> [UInt8]?
  ) {
    var object = found
    let name = ASCII.lowered(object.name)
    guard !known.contains(name), !doubtful.contains(name) else { return drop(found) }
    if let sql = Self.engines[name] {
      if object.sql != sql { change(&object, sql: sql) }
      _ = try? memory.rows(sql) { _ in false }
      known.insert(name)
      return keep(object)
    }
    if let sql = object.sql, Self.isVirtual(sql) {
      guard Self.looksWritten(object, said: "") else { return drop(found) }
      doubtful.insert(name)
      return keep(object)
    }
    var said = ""
    if let sql = object.sql, SchemaShapes.isPlainTable(sql) {
      do throws(Problem) {
        try memory.rows(sql) { _ in false }
        // The first table with AUTOINCREMENT brings the table of sequences along.
        let newest = """
          SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence' ORDER BY rowid DESC LIMIT 1
          """
        if let defined = try memory.value(newest)?.text { settleName(&object, defined) }
        known.insert(ASCII.lowered(object.name))
        return keep(object)
      } catch { said = error.said }
    }
    if let mended = FlippedWord.mended(object.sql ?? "", said: said.isEmpty ? "syntax error" : said) {
      change(&object, sql: mended)
      return addTable(object, columns)
    }
    if !said.isEmpty, Self.looksWritten(object, said: said) {
      doubtful.insert(name)
      return keep(object)
    }
    guard let classes = columns(object), !classes.isEmpty else { return drop(found) }
    let names = classes.enumerated().map { place, classes in "c\(place)" + Self.type(classes, isFirst: place == 0) }
    let sql = "CREATE TABLE \(Connection.quoted(object.name))(\(names.joined(separator: ", ")))"
    guard (try? memory.rows(sql) { _ in false }) != nil else { return drop(found) }
    change(&object, sql: sql)
    replaced.append(object.name)
    known.insert(name)
    keep(object)
  }

  /// What a column is declared as that holds these classes of values. A first column without any stands for the rowid, and a
  /// column of real numbers holds some as whole ones.
  private static func type(_ classes: UInt8, isFirst: Bool) -> String {
    if isFirst, classes == SerialType.nullBit { return " INTEGER PRIMARY KEY" }
    let numbers = SerialType.integerBit | SerialType.realBit
    return classes & SerialType.realBit != 0 && classes & ~(numbers | SerialType.nullBit) == 0 ? " REAL" : ""
  }

  /// Makes the three places that name a table agree: two that do outvote the third.
  private mutating func settleName(_ object: inout SchemaObject, _ defined: String) {
    guard !ASCII.areSame(object.name, defined) || !ASCII.areSame(object.table, object.name) else { return }
    let isOutvoted = ASCII.areSame(object.table, object.name)
    if isOutvoted {
      let rename =
        "ALTER TABLE \(Connection.quoted(defined)) RENAME TO \(Connection.quoted(object.name))"
      let newest = "SELECT sql FROM sqlite_schema WHERE name = \(Connection.literal(object.name))"
      if (try? memory.execute(rename)) != nil, let sql = try? memory.value(newest)?.text {
        return change(&object, sql: sql)
      }
    }
    object.name = defined
    object.table = defined
    change(&object, sql: object.sql)
  }

  private mutating func change(_ object: inout SchemaObject, sql: String?) {
    object.sql = sql
    object.isRewritten = true
    isChanged = true
  }

  // MARK: Indexes, views and triggers

  /// The indexes that the definitions of tables make: neither more nor fewer of them may be there.
  private mutating func addIndexesOfConstraints(_ found: [SchemaObject]) {
    let needed =
      (try? memory.query("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql IS NULL")) ?? []
    var missing = Dictionary(
      needed.compactMap { row in row[0].text.map { ($0, row[1].text ?? "") } }, uniquingKeysWith: { first, _ in first })
    for object in found where object.kind == "index" && object.sql == nil {
      guard missing.removeValue(forKey: object.name) != nil || doubtful.contains(ASCII.lowered(object.table)) else {
        drop(object)
        continue
      }
      keep(object)
    }
    let last = found.map(\.rowid).max() ?? 0
    for (place, (name, table)) in missing.sorted(by: { $0.key < $1.key }).enumerated() {
      isChanged = true
      keep(
        SchemaObject(
          type: "index", name: name, table: table, root: 0, sql: nil, rowid: last &+ Int64(place) &+ 1, record: [],
          isRewritten: true))
    }
  }

  private mutating func addOther(_ found: SchemaObject) {
    var object = found
    guard let sql = object.sql else { return drop(found) }
    guard Self.isPlain(sql, object.kind) else {
      guard let mended = FlippedWord.mended(sql, said: "syntax error"), Self.isPlain(mended, object.kind) else {
        return drop(found)
      }
      change(&object, sql: mended)
      return addOther(object)
    }
    do throws(Problem) {
      try memory.rows(sql) { _ in false }
    } catch {
      if let mended = FlippedWord.mended(sql, said: error.said) {
        change(&object, sql: mended)
        return addOther(object)
      }
      // What depends on a table that cannot be tried, or on what an application brings along, is believed.
      let isUnknown =
        doubtful.contains(ASCII.lowered(object.table)) || error.said.contains("no such function")
        || error.said.contains("no such collation")
      guard isUnknown || object.kind != "index" && doubtful.count > 0, Self.looksWritten(object, said: "") else {
        return drop(found)
      }
      return keep(object)
    }
    let newest = "SELECT name, tbl_name FROM sqlite_schema ORDER BY rowid DESC LIMIT 1"
    if let row = try? memory.query(newest).first, let name = row[0].text, let table = row[1].text,
      !ASCII.areSame(name, object.name) || !ASCII.areSame(table, object.table)
    {
      object.name = name
      object.table = table
      change(&object, sql: sql)
    }
    keep(object)
  }

  // MARK: Texts

  private static func looksWritten(_ object: SchemaObject, said: String) -> Bool {
    SchemaDiagnosis.looksWritten(
      .init(type: object.kind, name: object.name, sql: object.sql ?? "", said: said))
  }

  private static func isVirtual(_ sql: String) -> Bool { words(sql).starts(with: ["create", "virtual", "table"]) }

  /// Whether a statement makes an object of a kind: no other is run, whatever a schema row may hold.
  private static func isPlain(_ sql: String, _ kind: String) -> Bool {
    let words = words(sql)
    return words.starts(with: ["create", kind]) || words.starts(with: ["create", "unique", "index"]) && kind == "index"
  }

  private static func words(_ sql: String) -> [String] {
    sql.prefix(100).lowercased().split(whereSeparator: \.isWhitespace).prefix(3).map(String.init)
  }
}
