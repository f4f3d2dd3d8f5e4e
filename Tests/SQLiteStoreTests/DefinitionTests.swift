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

  /// Holds the catalog against what the library says table by table.
  private func compare(_ connection: Connection, _ script: String) throws {
    let own = try CatalogReader(connection: connection).read()
    let asked = try CatalogReader(connection: connection, asksLibrary: true).read()
    #expect(own.tables == asked.tables, "\(script)")
    #expect(own.views == asked.views && own.schema == asked.schema, "\(script)")
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
    try compare(connection, script)
    let objects = try CatalogReader(connection: connection).objects()
    let table = try #require(objects.first { $0.type == "table" })
    #expect(PlainDefinitions(objects)?.table(table) != nil)
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
    try compare(connection, script)
    let objects = try CatalogReader(connection: connection).objects()
    let table = try #require(objects.first { $0.type == "table" })
    #expect(PlainDefinitions(objects)?.table(table) == nil)
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
      try compare(connection, script)
      let objects = try CatalogReader(connection: connection).objects()
      let definitions = PlainDefinitions(objects)
      plain += objects.filter { $0.type == "table" && definitions?.table($0) != nil }.count
    }
    #expect(plain > 50)
  }

  @Test("a schema table that gives an index to another table than its definition is left to the library")
  func misplaced() {
    let objects = [
      CatalogReader.Object(type: "table", name: "t", table: "t", sql: "create table t(a)"),
      CatalogReader.Object(type: "index", name: "i", table: "u", sql: "create index i on t(a)"),
    ]
    #expect(PlainDefinitions(objects) == nil)
    #expect(PlainDefinitions([objects[0]])?.table(objects[0]) != nil)
  }

  @Test("a table whose implicit indexes are not those that its constraints make is left to the library")
  func implicitIndexes() {
    let table = CatalogReader.Object(type: "table", name: "t", table: "t", sql: "create table t(a unique, b)")
    func index(_ name: String) -> CatalogReader.Object {
      CatalogReader.Object(type: "index", name: name, table: "t", sql: nil)
    }
    #expect(PlainDefinitions([table, index("sqlite_autoindex_t_1")])?.table(table) != nil)
    #expect(PlainDefinitions([table])?.table(table) == nil)
    #expect(PlainDefinitions([table, index("sqlite_autoindex_t_2")])?.table(table) == nil)
    #expect(PlainDefinitions([table, index("sqlite_autoindex_t_1"), index("i")])?.table(table) == nil)
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
