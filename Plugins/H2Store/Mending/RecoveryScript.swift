import MendKit

/// The script of a recovery: large objects and settings, then temporary tables `O_3` with the rows, then the application's own tables
/// and what copies the rows into these, then what makes indexes, constraints and triggers.
///
/// H2 means it to be run as a whole. But then the first statement that fails is the end, a table with a column that H2 computes or
/// always numbers itself refuses its rows as the script has them, and bytes, arrays and JSON change on their way through the
/// temporary tables, which have nothing but texts. So the parts are run one by one: the application's tables first, then temporary
/// tables with the same types, and rows are copied by columns.
struct RecoveryScript {
  /// A table: its number in the file, its name in the catalog and in SQL.
  struct Table {
    var number: Int
    var name: String
    var sql: String
  }

  /// The tables that rows are brought back into.
  private(set) var tables: [Table] = []
  private let path: String
  /// Where the rows begin, where the tables do, and where the copying does, in bytes.
  private var rows = 0
  private var schema = 0
  private var middle = 0
  /// The statements that come after it.
  private var last: [String] = []
  /// The numbers of the temporary tables.
  private var written: [Int] = []
  private var hasUsers = false

  private static let mostTail = 16 << 20

  /// Looks for the parts of a script, and reads its end: `INSERT INTO "PUBLIC"."USERS" SELECT * FROM O_3;` and what follows.
  init(_ path: String) throws(Problem) {
    self.path = path
    let file = try FileHandle.read(path)
    let size = try file.status().size
    var (rows, schema) = (size, size)
    var written: [Int] = []
    var hasUsers = false
    try Self.lines(file, 0, size) { (line, offset) throws(Problem) in
      if line.elementsEqual(Self.rowsMark) { rows = min(rows, offset) }
      if line.elementsEqual(Self.schemaMark) { schema = offset }
      if let number = Self.temporary(line) { written.append(number) }
      if line.starts(with: Self.userMark) { hasUsers = true }
    }
    self.hasUsers = hasUsers
    (self.rows, self.schema) = (min(rows, schema), schema)
    self.written = written
    let start = max(schema, size - Self.mostTail)
    let bytes = try file.read(size - start, at: start)
    middle = size
    var begun = false
    var pending: [Substring] = []
    var offset = start
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let text = Substring(decoding: line, as: UTF8.self)
      if let table = Self.table(text) {
        if !begun { middle = offset }
        begun = true
        tables.append(table)
      } else if begun, !(text.hasPrefix("DROP TABLE O_")) {
        pending.append(text)
        if text.hasSuffix(";") {
          last.append(String(pending.joined(separator: "\n").dropLast()))
          pending = []
        }
      }
      offset += line.count + 1
    }
    if !begun { last = Self.ends }
  }

  private static func table(_ line: Substring) -> Table? {
    guard line.hasPrefix("INSERT INTO "), let middle = line.range(of: " SELECT * FROM O_"),
      let number = Int(line[middle.upperBound...].prefix { $0.isNumber })
    else { return nil }
    let sql = String(line[..<middle.lowerBound].dropFirst("INSERT INTO ".count))
    let names = QuotedNames(Array(sql.utf8)).names
    guard names.count == 2 else { return nil }
    return Table(number: number, name: H2Catalog.name([names[0], names[1]]), sql: sql)
  }

  private static let rowsMark = Array("---- Table Data ----".utf8)
  private static let schemaMark = Array("---- Schema ----".utf8)
  private static let userMark = Array("CREATE USER ".utf8)
  private static let endMarks = (["DROP TABLE O_"] + ends).map { Array($0.utf8) }
  private static let ends = [
    "DROP ALIAS READ_BLOB_MAP", "DROP ALIAS READ_CLOB_MAP", "DROP TABLE IF EXISTS INFORMATION_SCHEMA.LOB_BLOCKS",
  ]
  private static let temporaryMark = Array("CREATE TABLE O_".utf8)

  /// The number of the temporary table that a line makes; nil of any other line.
  private static func temporary(_ line: ArraySlice<UInt8>) -> Int? {
    guard line.starts(with: temporaryMark) else { return nil }
    let digits = line.dropFirst(temporaryMark.count).prefix { (0x30...0x39).contains($0) }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// Hands over the lines of a part of a file, without their ends, each with where it begins.
  private static func lines(
    _ file: FileHandle, _ start: Int, _ end: Int, _ each: (ArraySlice<UInt8>, Int) throws(Problem) -> Void
  ) throws(Problem) {
    var pending: [UInt8] = []
    var begin = start
    var offset = start
    while offset < end {
      let bytes = try file.read(min(1 << 20, end - offset), at: offset)
      guard !bytes.isEmpty else { break }
      offset += bytes.count
      let searched = pending.count
      pending += bytes
      var line = 0
      var place = searched
      while place < pending.count {
        if pending[place] == UInt8(ascii: "\n") {
          try each(pending[line..<place], begin)
          begin += place + 1 - line
          line = place + 1
        }
        place += 1
      }
      pending.removeFirst(line)
    }
    if !pending.isEmpty { try each(pending[...], begin) }
  }

  /// Writes a part of the script to a file of its own, without the definitions of temporary tables whose columns are known.
  private func part(_ name: String, _ start: Int, _ end: Int, _ asides: [Int: String] = [:]) throws(Problem)
    -> Statement
  {
    let target = path + "." + name
    let known = Set(tables.map(\.number)).union(asides.keys)
    let source = try FileHandle.read(path)
    let file = try FileHandle.create(target, mode: 0o600)
    var buffer: [UInt8] = []
    var written = 0
    try Self.lines(source, start, end) { (line, _) throws(Problem) in
      if let number = Self.temporary(line), known.contains(number) { return }
      // Where no table is defined, what ends the recovery stands among the definitions.
      if Self.endMarks.contains(where: { line.starts(with: $0) }) { return }
      buffer += line
      buffer.append(UInt8(ascii: "\n"))
      guard buffer.count > 1 << 20 else { return }
      try file.write(buffer, at: written)
      written += buffer.count
      buffer = []
    }
    try file.write(buffer, at: written)
    return .command("RUNSCRIPT FROM \(target.asLiteral) CHARSET 'UTF-8'")
  }

  /// A column of one of the application's tables.
  private struct Column {
    var name: String
    var type: String
    var isComputed: Bool
    /// What stands in the place of a large object that is lost, where NULL may not.
    var filler: String?
  }

  /// Makes the database that is called so in a folder; what could not be done. Throws where the rows cannot be read at all. `asides`
  /// are the names of the tables that rows are set aside of, by the numbers that the script has them under.
  func run(
    _ client: Client, on database: String, in folder: String, subject: String, asides: [Int: String] = [:]
  ) throws(Problem) -> [String] {
    let shell = try client.begin(in: folder)
    if let words = try shell.open(database, as: Rebuild.maker, creates: true) { throw refused(words, subject) }
    var notes: [String] = []
    if !hasUsers {
      // What nobody can log in to is of no use.
      let login = client.login
      notes.append("the users are lost: \(login.user) was made anew, with the password that dbmend was given, if any")
      let made = try shell.ask([
        .command(
          "CREATE USER IF NOT EXISTS \(login.user.uppercased().asIdentifier) PASSWORD "
            + "\(try login.password().asLiteral) ADMIN")
      ])
      if let words = made.first?.failure { throw refused(words, subject) }
    }
    let begun = try shell.ask([
      part("settings", 0, rows), part("schema", schema, middle),
      .query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, IS_GENERATED, COLUMN_NAME, DATA_TYPE_SQL(TABLE_SCHEMA, TABLE_NAME, 'TABLE', "
          + "DTD_IDENTIFIER), DATA_TYPE, IS_NULLABLE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA' "
          + "ORDER BY 1, 2, ORDINAL_POSITION"),
    ])
    if let words = begun.compactMap(\.failure).first { throw refused(words, subject) }
    var columns: [String: [Column]] = [:]
    for row in begun[2].rows where row.count == 7 {
      let filler = row[5] == "BINARY LARGE OBJECT" ? "X''" : row[5] == "CHARACTER LARGE OBJECT" ? "''" : nil
      columns[H2Catalog.name(row), default: []].append(
        Column(
          name: row[3] ?? "", type: row[4] ?? "VARCHAR", isComputed: row[2] == "ALWAYS",
          filler: row[6] == "NO" ? filler : nil))
    }
    let asides = asides.filter { columns[$0.value] != nil && written.contains($0.key) }
    let places = asides.map { number, table in
      let types = (columns[table] ?? []).map { "\($0.name.asIdentifier) \($0.type)" }
      return Statement.command("CREATE TABLE O_\(number)(\(types.joined(separator: ", ")))")
    }
    let made = try shell.ask(
      places
        + tables.map { table in
          let types = (columns[table.name] ?? []).enumerated().map { "C\($0.offset) \($0.element.type)" }
          return .command("CREATE TABLE O_\(table.number)(\(types.joined(separator: ", ")))")
        } + [part("rows", rows, schema, asides)])
    if let words = made.compactMap(\.failure).first { throw refused(words, subject) }
    let copies = try shell.ask(
      tables.map { table in
        let own = (columns[table.name] ?? []).enumerated().filter { !$0.element.isComputed }
        let names = own.map(\.element.name.asIdentifier).joined(separator: ", ")
        let source = own.map { place, column in
          column.filler.map { "COALESCE(C\(place), \($0))" } ?? "C\(place)"
        }.joined(separator: ", ")
        return .command(
          "INSERT INTO \(table.sql)(\(names)) OVERRIDING SYSTEM VALUE SELECT \(source) FROM O_\(table.number)")
      })
    var rest: [Statement] = []
    for (number, table) in asides {
      rest.append(.command("ALTER TABLE O_\(number) RENAME TO \(Self.aside(table).asIdentifier)"))
    }
    for number in Set(written).subtracting(tables.map(\.number)).subtracting(asides.keys).sorted() {
      notes.append("the definition of a table is lost; its rows are in lost_table_\(number)")
      rest.append(.command("ALTER TABLE O_\(number) RENAME TO \("lost_table_\(number)".asIdentifier)"))
    }
    for (table, answer) in zip(tables, copies) {
      guard let words = answer.failure else {
        rest.append(.command("DROP TABLE O_\(table.number)"))
        continue
      }
      // What is there is kept, as it was written down.
      let aside = asides.values.contains(table.name) ? Self.aside(table.name) + "_2" : Self.aside(table.name)
      notes.append("the rows of \(table.name) do not fit into it, and are in \(aside): \(words)")
      rest.append(.command("ALTER TABLE O_\(table.number) RENAME TO \(aside.asIdentifier)"))
    }
    let ends = try shell.ask(
      rest + last.map { .command($0) } + [.command("DROP USER \(Rebuild.maker.user.asIdentifier)")])
    for (statement, answer) in zip(last, ends.dropFirst(rest.count)) {
      if let words = answer.failure { notes.append("could not bring back \(statement.prefix(200)): \(words)") }
    }
    shell.close()
    return notes
  }

  private static func aside(_ table: String) -> String { "dbmend_set_aside_" + table }

  private func refused(_ words: String, _ subject: String) -> Problem {
    Problem(.damaged, tried: "build a database of what can be read of", on: subject, said: words)
  }
}
