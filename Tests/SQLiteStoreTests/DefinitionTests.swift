import MendKit
import Testing

@testable import SQLiteStore

@Suite("Definitions that are read here")
struct DefinitionTests {
  private func connection(_ script: String) throws -> Connection {
    let connection = try Connection.open(copy: ":memory:", create: true)
    try connection.execute(script)
    return connection
  }

  /// Holds the catalog and the layout against what the library says table by table; the tables that were not asked about.
  @discardableResult
  private func compare(_ connection: Connection, _ script: String) throws -> [PlainTable] {
    let schema = try SchemaReading(connection)
    let asked = try SchemaReading(connection, asksLibrary: true)
    let catalogs = try [schema, asked].map { try CatalogReader(connection: connection, schema: $0).read() }
    #expect(catalogs[0].tables == catalogs[1].tables, "\(script)")
    #expect(catalogs[0].views == catalogs[1].views && catalogs[0].schema == catalogs[1].schema, "\(script)")
    let layouts = try [schema, asked].map { try SchemaLayoutReader(connection: connection, schema: $0).read() }
    #expect(layouts[0].tables.count == layouts[1].tables.count, "\(script)")
    for (own, asked) in zip(layouts[0].tables, layouts[1].tables) where own != asked {
      Issue.record("\(own.columns)\n\(asked.columns)\n\(own.indexes)\n\(asked.indexes)\n\(script)")
    }
    #expect(layouts[0].unknownRoots.map(\.name) == layouts[1].unknownRoots.map(\.name), "\(script)")
    return schema.plain.compactMap(\.self)
  }

  @Test(
    "a plain definition needs no question to the library",
    arguments: [
      "create table t(a, b)", "create table t(id integer primary key autoincrement, \"a b\" text not null default '')",
      "create table t(id INTEGER primary key, n varchar(20) unique, m decimal(10, -2) default -1.5 check(m > (1)))",
      "create table t(a text, b int, constraint k primary key(a, B), unique(b), foreign key(b) references u on delete set null)",
      "create table t(a text /* , */ collate nocase references u(x) deferrable initially deferred, -- b\n c double precision)",
      "create table [t](`a` text primary key); create index i on t(A desc); create unique index j on t(a) where a > 'x'",
    ])
  func plain(_ script: String) throws {
    let connection = try connection(script)
    #expect(try compare(connection, script).contains { $0.layout.name == "t" })
  }

  @Test(
    "the library is asked about every other definition",
    arguments: [
      "create table t(a primary key) without rowid", "create table t(a int) strict",
      "create table t(a int, b as (a + 1))", "create table t(a int generated always as (1) stored, b)",
      "create table t(a integer primary key desc)", "create table t(a unique on conflict replace)",
      "create table t(a, b, unique(a, b), unique(a, b))", "create table t(a 'text')",
      "create table t(a); create index i on t(a || 'x')",
      "create table t(a default x'00')", "create virtual table t using fts5(a, b)",
    ])
  func notPlain(_ script: String) throws {
    let connection = try connection(script)
    #expect(try compare(connection, script).allSatisfy { $0.layout.name != "t" })
  }

  @Test("random schemas, altered too, come to the same catalog either way", arguments: 0..<20)
  func random(_ seed: Int) throws {
    var plain = 0
    for number in 0..<100 {
      var schema = RandomSchema(seed: UInt64(seed * 1000 + number))
      let connection = try Connection.open(copy: ":memory:", create: true)
      var script = ""
      for statement in schema.statements() {
        // What the library does not take is no schema.
        guard (try? connection.execute(statement)) != nil else { continue }
        script += statement + ";\n"
      }
      plain += try compare(connection, script).count
    }
    #expect(plain > 50)
  }

  private func object(_ type: String, _ name: String, _ sql: String?, on table: String = "t") -> SchemaReading.Object {
    SchemaReading.Object(type: type, name: name, table: table, root: 2, sql: sql)
  }

  private func isPlain(_ objects: [SchemaReading.Object]) -> Bool { SchemaReading(objects).isAllPlain }

  @Test("a schema table that gives an index to another table than its definition is left to the library")
  func misplaced() {
    let table = object("table", "t", "create table t(a)")
    #expect(isPlain([table, object("index", "i", "create index i on T(a)")]))
    #expect(!isPlain([table, object("index", "i", "create index i on t(a)", on: "u")]))
    #expect(!isPlain([object("table", "t", "create table u(a)")]))
  }

  @Test("a table whose implicit indexes are not those that its constraints make is left to the library")
  func implicitIndexes() {
    let table = object("table", "t", "create table t(a unique, b)")
    #expect(isPlain([table, object("index", "sqlite_autoindex_t_1", nil)]))
    #expect(!isPlain([table]))
    #expect(!isPlain([table, object("index", "sqlite_autoindex_t_2", nil)]))
    #expect(!isPlain([table, object("index", "sqlite_autoindex_t_1", nil), object("index", "i", nil)]))
  }

  @Test("in a file of the old format, where DESC is ignored, the layout is the library's")
  func oldFormat() throws {
    let folder = try Folder()
    try script(folder("a.db"), "create table t(a, b, unique(a desc)); create index i on t(b desc)")
    let file = try FileHandle.update(folder("a.db"))
    try file.write([0, 0, 0, 1], at: 44)
    let connection = try Connection.open(copy: folder("a.db"))
    try compare(connection, "schema format 1")
    let layout = try SchemaLayoutReader(connection: connection, schema: try SchemaReading(connection)).read()
    #expect(layout.tables.last?.indexes.flatMap(\.terms).contains(where: \.isDescending) == false)
  }

  @Test(
    "the affinity of a declared type is the library's",
    arguments: [
      "", "int", "point", "varchar(3)", "clob", "mediumtext", "blob", "real", "double precision", "float", "decimal",
      "textblob", "blobtext", "realblob", "blobreal", "charint", "realtext", "doublefloat", "x", "any",
    ])
  func affinity(_ type: String) throws {
    let connection = try connection("create table t(a \(type)); insert into t values('1.0')")
    // A text with a number in it tells all but these apart, which then differ in how they compare.
    let stored = try #require(try connection.value("select typeof(a) from t")?.text)
    let expected: [Affinity] =
      switch stored {
      case "integer": [.integer, .numeric]
      case "real": [.real]
      default: [.text, .blob]
      }
    let own = Affinity(declaredType: type)
    #expect(expected.contains(own))
    guard stored == "text" else { return }
    // Compared with a number, text affinity is lent to it and the two are equal; without affinity they are not.
    let isEqual = try connection.value("select a = 1.0 from t")?.integer == 1
    #expect((own == .text) == isEqual)
  }
}

/// Statements that make tables and indexes of every sort, some of them in vain.
private struct RandomSchema {
  private var state: UInt64
  private var names = [
    "a", "b", "c", "id", "\"a b\"", "[x y]", "`q`", "Größe", "\"order\"", "\"d\"\"e\"", "ID2", "_f$",
  ]

  init(seed: UInt64) { state = seed }

  mutating func statements() -> [String] {
    var statements: [String] = []
    for table in ["t", "\"u v\"", "W"] {
      let columns = Array(names.shuffled(using: &self).prefix(1 + below(5)))
      statements.append(create(table, columns))
      for index in 0..<below(4) { statements.append(self.index("i\(table.utf8.count)\(index)", table, columns)) }
      switch below(8) {
      case 0: statements.append("alter table \(table) rename column \(columns[0]) to \"n\(below(9)) x\"")
      case 1: statements.append("alter table \(table) add column z\(below(9)) \(type()) default 3")
      case 2: statements.append("alter table \(table) rename to r\(below(9))")
      default: break
      }
    }
    if below(4) == 0 { statements.append("create view v as select * from t") }
    if below(8) == 0 { statements.append("create virtual table f using fts5(x)") }
    if below(4) == 0 { statements.append("create trigger g after insert on t begin select 1; end") }
    return statements
  }

  private mutating func create(_ table: String, _ columns: [String]) -> String {
    var parts = columns.map { column in
      ([column, type()] + (0..<below(3)).map { _ in columnConstraint(columns) }).joined(separator: space())
    }
    for _ in 0..<(below(3) == 0 ? 1 + below(2) : 0) { parts.append(tableConstraint(columns)) }
    let end = pick(["", "", "", "", "", "", "without rowid", "strict", "-- end"])
    return "create table \(table)(" + parts.joined(separator: "," + space()) + ")" + end
  }

  private mutating func type() -> String {
    pick([
      "integer", "INTEGER", "int", "text", "Text", "", "varchar(20)", "decimal( 10, 2 )", "double  precision", "any",
      "unsigned big int", "blob", "'text'", "\"text\"", "real", "numeric (+5)", "long /* very */ varchar",
    ])
  }

  private mutating func columnConstraint(_ columns: [String]) -> String {
    if below(8) == 0 {
      return pick([
        "default x'00'", "references t not deferrable", "generated always as (1)", "as (2) stored", "primary key desc",
        "unique on conflict replace", "not null on conflict ignore", "references t match full", "primary key",
        "primary key autoincrement",
      ])
    }
    return pick([
      "not null", "null", "unique", "primary key asc", "default 1", "default -1.5", "default +1e3",
      "default 'it''s, (x'", "default (1 + 2)", "default \"q\"", "default current_timestamp", "default true",
      "check(1 > 0)", "collate nocase", "constraint k not null", "constraint k",
      "references t(a) on delete set null on update cascade", "references \"u v\" deferrable initially deferred",
    ])
  }

  private mutating func tableConstraint(_ columns: [String]) -> String {
    let list = list(columns)
    return pick([
      "primary key(\(list))", "unique(\(list))", "primary key(\(pick(columns)))", "constraint k unique (\(list))",
      "check(1 < 2)",
      "foreign key(\(pick(columns))) references t(a) on delete no action", "unique(\(list)) on conflict ignore",
      "primary key(\(pick(columns)) autoincrement)", "unique(\(pick(columns)) collate nocase)",
    ])
  }

  private mutating func index(_ name: String, _ table: String, _ columns: [String]) -> String {
    let unique = pick(["", "", "unique "])
    let condition = pick(["", "", "", " where \(pick(columns)) is not null"])
    return "create \(unique)index \(name) on \(table)(\(list(columns)))\(condition)"
  }

  private mutating func list(_ columns: [String]) -> String {
    (0...below(2)).map { _ in
      let column = pick(columns)
      return pick([
        column, column, column, column, column, column, column.uppercased(), column + " desc",
        column + " collate nocase", "\(column) || 'x'",
        "rowid", "(\(column))",
      ])
    }.joined(separator: ", ")
  }

  private mutating func space() -> String { pick([" ", " ", " ", "\n\t", " /* , ) */ ", " -- it's\n"]) }

  private mutating func pick(_ words: [String]) -> String { words[below(words.count)] }
  private mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
}

extension RandomSchema: RandomNumberGenerator {
  /// SplitMix64, so that a seed gives the same schema everywhere.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
