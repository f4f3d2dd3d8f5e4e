import MendKit

/// Definitions from outside for tables whose own are lost: of a schema that is given, or of the newest good archive.
struct LostDefinitions {
  /// A statement that H2's list of its objects is to have.
  struct Entry {
    var id: Int
    /// The sort of the object (`DbObject`).
    var type: Int
    var sql: String
  }

  /// The statements as H2 itself writes them.
  private let statements: [String]

  /// Has H2 make an empty database of the schema and write it down again; nil where nobody has one. Throws where H2 refuses it.
  init?(_ aid: SalvageAid, _ client: Client, in folder: String) throws(Problem) {
    guard let schema = try aid.schema() else { return nil }
    let place = try EnginePlace(in: folder)
    let script = Paths.join(place.folder, "schema.sql")
    try Durable.write(Array(schema.text.utf8), to: script, mode: 0o600)
    let answers = try client.run(
      [
        .command("RUNSCRIPT FROM \(script.asLiteral) CHARSET 'UTF-8'"),
        .query("SCRIPT NODATA NOPASSWORDS NOSETTINGS"),
      ], on: EnginePlace.name, in: place.folder, creates: true)
    if let words = answers.compactMap(\.failure).first {
      throw Problem(.damaged, tried: "take definitions of tables from", on: schema.path, said: words)
    }
    statements = (answers.last?.rows ?? []).compactMap { $0.first ?? nil }
      .filter { !$0.hasPrefix("--") && !$0.hasPrefix("CREATE USER") }
      .map { $0.hasSuffix(";") ? String($0.dropLast()) : $0 }
  }

  /// The tables, with numbers from the given one on.
  func tables(from number: Int) -> [TableDefinition] {
    statements.enumerated().compactMap { TableDefinition(id: number + $0.offset, Array($0.element.utf8)) }
  }

  /// The statements for H2's list. `numbers` are those of the tables by their names; with `isAll` every other object is in it too,
  /// else what belongs to these tables alone.
  func entries(_ numbers: [String: Int], isAll: Bool, from number: Int) -> [Entry] {
    statements.enumerated().compactMap { place, sql in
      let names = QuotedNames(Array(sql.utf8)).names
      let table = TableDefinition(id: 0, Array(sql.utf8))?.name
      // `CREATE INDEX "PUBLIC"."I" ON "PUBLIC"."T"(`, `ALTER TABLE "PUBLIC"."T" ADD CONSTRAINT "PUBLIC"."C" PRIMARY KEY(`.
      let owner =
        sql.hasPrefix("ALTER TABLE ")
        ? names.prefix(2) : sql.range(of: " ON \"") != nil ? names.dropFirst(2).prefix(2) : []
      let isOurs = [table, owner.count == 2 ? H2Catalog.name(Array(owner)) : nil].contains {
        $0.map { numbers[$0] != nil } ?? false
      }
      guard isAll || isOurs, let type = Self.type(sql) else { return nil }
      return Entry(id: table.flatMap { numbers[$0] } ?? number + place, type: type, sql: sql)
    }
  }

  private static func type(_ sql: String) -> Int? {
    let table: [(String, Int)] = [
      ("ALTER TABLE ", 5), ("CREATE SEQUENCE ", 3), ("CREATE TRIGGER ", 4), ("CREATE FORCE TRIGGER ", 4),
      ("CREATE ROLE ", 7), ("GRANT ", 8), ("CREATE ALIAS ", 9), ("CREATE FORCE ALIAS ", 9), ("CREATE SCHEMA ", 10),
      ("CREATE CONSTANT ", 11), ("CREATE DOMAIN ", 12), ("COMMENT ", 13), ("CREATE AGGREGATE ", 14),
      ("CREATE FORCE AGGREGATE ", 14), ("CREATE FORCE VIEW ", 0), ("CREATE VIEW ", 0),
    ]
    if let known = table.first(where: { sql.hasPrefix($0.0) }) { return known.1 }
    guard sql.hasPrefix("CREATE ") else { return nil }
    let words = QuotedNames(Array(sql.utf8)).words
    return words.range(of: " TABLE ") != nil ? 0 : words.range(of: " INDEX ") != nil ? 1 : nil
  }
}

extension Reassembly {
  /// Gives definitions to the tables that they fit, and whose own are lost.
  mutating func define(_ lost: LostDefinitions) throws(Problem) {
    let isAll = definitions.isEmpty
    let known = Set(definitions.map(\.name))
    let open = lost.tables(from: Self.firstDefined).filter { !known.contains($0.name) }
    var candidates: [LostNames.Candidate] = []
    for table in tables where table.name == nil {
      if let kinds = try kinds(of: table) { candidates.append(LostNames.Candidate(map: table.map, kinds: kinds)) }
    }
    let matched = LostNames.match(candidates, open)
    var numbers: [String: Int] = [:]
    for definition in open {
      guard let place = tables.firstIndex(where: { matched[$0.map] == definition.id }) else {
        if isAll { numbers[definition.name] = definition.id }
        continue
      }
      tables[place].name = definition.name
      numbers[definition.name] = tables[place].id
    }
    added = lost.entries(numbers, isAll: isAll, from: Self.firstDefined)
    if isAll { definitions = open }
  }

  /// The numbers of objects whose definitions are from outside begin here.
  private static let firstDefined = 2_000_000

  /// The kinds of the values of a table's rows, column by column.
  private func kinds(of table: TableMap) throws(Problem) -> [Set<UInt8>]? {
    var found: [Set<UInt8>]?
    for leaf in table.chain.leaves.prefix(32) {
      guard case .success(let page) = try reader.page(leaf.position, of: table.map, whole: true),
        let kinds = TableLeaf.kinds(page), found.map({ $0.count == kinds.count }) ?? true
      else { continue }
      found = found.map { zip($0, kinds).map { $0.union($1) } } ?? kinds
    }
    return found
  }
}
