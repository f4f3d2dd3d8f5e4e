import CSQLite
import MendKit

/// Definitions from outside of a damaged file, given to the trees whose own are lost.
struct GivenSchema {
  /// The tables, each with what its records look like; then indexes, views and triggers. In the order of the text.
  private(set) var tables: [(object: SchemaObject, shape: SchemaShapes.Shape)] = []
  private(set) var others: [SchemaObject] = []

  /// Reads a text of SQL by trying its definitions in a database in memory, as `.schema` and `.dump` give them: tables that
  /// SQLite makes itself are passed over, and so is all that defines nothing. Throws where it defines no table.
  init(_ text: SchemaText, encoding: TextEncoding) throws(Problem) {
    let memory = try Connection.open(copy: ":memory:", create: true)
    var said: String?
    for statement in Self.definitions(in: text.text) {
      do throws(Problem) {
        try memory.rows(statement) { _ in false }
      } catch {
        let isKnown = error.said.contains("already exists") || error.said.contains("reserved for internal use")
        if !isKnown, said == nil { said = error.said }
      }
    }
    // What one statement says wrong must not cost the tables that it is not about; it is told when nothing is left.
    guard try memory.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'") != 0 else {
      throw Problem(
        .configuration, tried: "read the definitions in", on: text.path, said: said ?? "it defines no table",
        advice: "It must hold CREATE statements, such as 'sqlite3 FILE .schema' gives.")
    }
    var objects: [SchemaObject] = []
    try memory.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid") { row throws(Problem) in
      objects.append(
        SchemaObject(
          type: row.text(0), name: row.text(1), table: row.text(2), root: 0, sql: row[3].text,
          rowid: Int64(objects.count), record: [], isRewritten: true))
      return true
    }
    let shapes = SchemaShapes(objects, in: memory, encoding: encoding)
    for object in objects {
      if object.kind == "table", object.isStored, let shape = shapes[object.name] {
        tables.append((object, shape))
      } else if object.sql != nil {
        others.append(object)
      }
    }
  }

  /// The statements of a text that define something.
  private static func definitions(in text: String) -> [String] {
    var statements: [String] = []
    var current = ""
    for part in text.split(separator: ";", omittingEmptySubsequences: false) {
      current += part + ";"
      // A semicolon within a literal, a comment or the body of a trigger ends nothing.
      guard sqlite3_complete(current) == 1 else { continue }
      if isDefinition(current) { statements.append(current) }
      current = ""
    }
    return statements
  }

  /// Whether a statement makes an object by its columns: no other is run, whatever the text holds.
  private static func isDefinition(_ statement: String) -> Bool {
    guard var tokens = DefinitionTokens(whole: statement), tokens.take("CREATE") else { return false }
    return tokens.isNext("TABLE") && SchemaShapes.isPlainTable(statement)
      || ["VIRTUAL", "UNIQUE", "INDEX", "VIEW", "TRIGGER"].contains { tokens.isNext($0) }
  }

  /// Which tree belongs to which of some tables, by their places in both. Roots ascend mostly as tables were made, so
  /// the best pairing in which they do comes first; then what is left is paired by shape alone.
  static func match(_ shapes: [SchemaShapes.Shape], _ trees: [LostTree]) -> [Int: Int] {
    guard !shapes.isEmpty, !trees.isEmpty else { return [:] }
    let trees = trees.prefix(max(1, Self.mostPairs / shapes.count))
    // best[i][j]: the best sum for the tables from i on and the trees from j on.
    let width = trees.count + 1
    var best = [Double](repeating: 0, count: (shapes.count + 1) * width)
    var scores = [Double?](repeating: nil, count: shapes.count * width)
    for table in shapes.indices.reversed() {
      for tree in trees.indices.reversed() {
        let score = fit(shapes[table], trees[tree])
        scores[table * width + tree] = score
        let without = max(best[(table + 1) * width + tree], best[table * width + tree + 1])
        best[table * width + tree] = max(without, (score ?? -1) + best[(table + 1) * width + tree + 1])
      }
    }
    var pairs: [Int: Int] = [:]
    var table = 0
    var tree = 0
    while table < shapes.count, tree < trees.count {
      let here = best[table * width + tree]
      if let score = scores[table * width + tree], here == score + best[(table + 1) * width + tree + 1] {
        pairs[table] = tree
        table += 1
        tree += 1
      } else if here == best[table * width + tree + 1] {
        tree += 1
      } else {
        table += 1
      }
    }
    // What another order of the definitions kept apart: a tree that is left and fits better.
    var rest: [(score: Double, table: Int, tree: Int)] = []
    let used = Set(pairs.values)
    for table in shapes.indices {
      let own = pairs[table].flatMap { scores[table * width + $0] } ?? 0
      for tree in trees.indices where !used.contains(tree) && trees[tree].rows != nil {
        if let score = scores[table * width + tree], score > own { rest.append((score, table, tree)) }
      }
    }
    var taken = used
    var settled: Set<Int> = []
    for (_, table, tree) in rest.sorted(by: { ($1.score, $0.table, $0.tree) < ($0.score, $1.table, $1.tree) })
    where !settled.contains(table) && taken.insert(tree).inserted {
      pairs[table] = tree
      settled.insert(table)
    }
    return pairs
  }

  /// Pairs of a table and a tree that are weighed.
  private static let mostPairs = 4 << 20
  /// What a tree without rows is worth: less than any with.
  private static let emptyScore = 0.1

  private static func fit(_ shape: SchemaShapes.Shape, _ tree: LostTree) -> Double? {
    guard tree.isTable == (shape.key == nil) else { return nil }
    guard let rows = tree.rows else { return emptyScore }
    return rows.fit(shape.expected)
  }
}

extension Salvager {
  /// Adds what the schema lost: definitions that are given, for the trees that they fit, and for trees of tables that
  /// nothing names a name of their own.
  func complete(with given: GivenSchema?, from path: String) {
    var trees = lostTrees()
    let known = Set(objects.map { ASCII.lowered($0.name) })
    var rowid = objects.map(\.rowid).max() ?? 0
    func add(_ object: SchemaObject, root: UInt32) {
      rowid += 1
      objects.append(
        SchemaObject(
          type: object.kind, name: object.name, table: object.table, root: root, sql: object.sql, rowid: rowid,
          record: [], isRewritten: true))
      writesSchema = true
    }
    if let given {
      let missing = given.tables.filter { !known.contains(ASCII.lowered($0.object.name)) }
      let pairs = GivenSchema.match(missing.map(\.shape), trees)
      var left = Set(trees.indices).subtracting(pairs.values)
      var found: [String] = []
      for (place, table) in missing.enumerated() {
        guard let tree = pairs[place] else {
          // Its leaves may stand in the file without a page that leads to them.
          add(table.object, root: 0)
          continue
        }
        let parts = others(of: table.shape, besides: trees[tree], trees, left)
        add(table.object, root: parts.isEmpty ? trees[tree].root : 0)
        left.subtract(parts)
        found.append(table.object.name)
      }
      for object in given.others where !known.contains(ASCII.lowered(object.name)) { add(object, root: 0) }
      trees = left.sorted().map { trees[$0] }
      if !found.isEmpty {
        notes.append("definitions of \(path) were given to what was found of: \(found.joined(separator: ", "))")
      }
    }
    for tree in trees where !tree.isTable {
      for row in rows(ofKeyed: tree) { strays.add(row) }
    }
    for tree in trees where tree.isTable && !tree.isLeaf && tree.rows != nil {
      let name = "lost_table_\(tree.root)"
      add(
        SchemaObject(type: "table", name: name, table: name, root: 0, sql: nil, rowid: 0, record: []), root: tree.root)
    }
  }

  /// The other trees that look like parts of the same table, where the page above them is lost: rows of the same shape
  /// under other rowids.
  private func others(
    of shape: SchemaShapes.Shape, besides tree: LostTree, _ trees: [LostTree], _ left: Set<Int>
  ) -> [Int] {
    guard shape.key == nil, let own = tree.rows, let fit = own.fit(shape.expected) else { return [] }
    return left.filter { place in
      guard trees[place].isTable, let rows = trees[place].rows, !rows.rowids.overlaps(own.rowids) else { return false }
      return rows.fit(shape.expected).map { $0 >= fit } ?? false
    }
  }
}
