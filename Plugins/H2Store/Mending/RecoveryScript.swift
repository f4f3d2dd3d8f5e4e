import MendKit

/// The script of a recovery: what makes temporary tables `O_3` of the rows and the application's own tables, then what copies the rows
/// into these, then what makes indexes, constraints and triggers.
///
/// H2 means it to be run as a whole, and then the first statement that fails is the end: a table with a column that H2 computes or
/// always numbers itself refuses its rows as the script has them. So the parts are run one by one, and rows are copied by columns.
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
  /// Where the copying begins, in bytes.
  private var middle = 0
  /// The statements that come after it.
  private var last: [String] = []

  private static let mostTail = 16 << 20

  /// Reads the end of a script: `INSERT INTO "PUBLIC"."USERS" SELECT * FROM O_3;` and what follows.
  init(_ path: String) throws(Problem) {
    self.path = path
    let file = try FileHandle.read(path)
    let size = try file.status().size
    let start = max(0, size - Self.mostTail)
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

  /// Makes the database that is called so in a folder; what could not be done. Throws where the rows cannot be read at all.
  func run(_ client: Client, on database: String, in folder: String, subject: String) throws(Problem) -> [String] {
    try FileHandle.update(path).truncate(to: middle)
    let shell = try client.begin(in: folder)
    if let words = try shell.open(database, as: Rebuild.maker, creates: true) { throw refused(words, subject) }
    let begun = try shell.ask([
      .command("RUNSCRIPT FROM \(path.asLiteral) CHARSET 'UTF-8'"),
      .query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, IS_GENERATED, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS ORDER BY 1, 2, ORDINAL_POSITION"
      ),
    ])
    if let words = begun[0].failure ?? begun[1].failure { throw refused(words, subject) }
    var columns: [String: [(name: String, isComputed: Bool)]] = [:]
    for row in begun[1].rows where row.count == 4 {
      columns[H2Catalog.name(row), default: []].append((row[3] ?? "", row[2] == "ALWAYS"))
    }
    let copies = try shell.ask(
      tables.map { table in
        let own = (columns[table.name] ?? []).enumerated().filter { !$0.element.isComputed }
        let names = own.map(\.element.name.asIdentifier).joined(separator: ", ")
        let source = own.map { "C\($0.offset)" }.joined(separator: ", ")
        return .command(
          "INSERT INTO \(table.sql)(\(names)) OVERRIDING SYSTEM VALUE SELECT \(source) FROM O_\(table.number)")
      })
    var notes: [String] = []
    var rest: [Statement] = []
    for (table, answer) in zip(tables, copies) {
      guard let words = answer.failure else {
        rest.append(.command("DROP TABLE O_\(table.number)"))
        continue
      }
      // What is there is kept, as it was written down.
      let aside = "dbmend_set_aside_" + table.name
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

  private func refused(_ words: String, _ subject: String) -> Problem {
    Problem(.damaged, tried: "build a database of what can be read of", on: subject, said: words)
  }
}
