import MendKit

/// Puts an R-Tree together of the nodes that are left of it.
struct RTreeMend {
  let name: String
  let copy: SQLiteWorkingCopy

  /// Statements that are run in one go.
  private static let atOnce = 500

  /// Mends the tree that a definition makes; false where that is no R-Tree, or nothing helps.
  func run(_ definition: VirtualDefinition, _ outcome: inout RepairOutcome) throws(Problem) -> Bool {
    guard let content = try RTreeContent(name, definition, hasAllNames: knowsAll(outcome), in: copy.connection)
    else { return false }
    let tree = RTreeTree(content)
    var aside: Set<Int64> = []
    if !knowsAll(outcome) { try setAsideUnnamed(content, definition, &aside) }
    if tree.isWhole {
      try setAside(content, besides: Set(tree.leaves.keys), &aside)
      try copy.execute(changes(content, tree).joined(separator: "\n"))
      if try isSound() {
        tell(content, tree.leaves.count, aside.count, &outcome)
        return true
      }
    }
    let entries = RTreeTree.entries(content).filter { !aside.contains($0.id) }
    try setAside(content, besides: Set(entries.map(\.id)), &aside)
    try build(content, entries)
    guard try isSound() else { return false }
    tell(content, entries.count, aside.count, &outcome)
    return true
  }

  /// Whether the table that names all entries has lost none: else nobody can count them.
  private func knowsAll(_ outcome: RepairOutcome) -> Bool { outcome.rows[name + "_rowid"].map { $0.lost == 0 } ?? true }

  private func isSound() throws(Problem) -> Bool {
    let answer = try VirtualTableCheck(connection: copy.connection, name: name, module: "rtree").run()
    if case .sound = answer { return true }
    return false
  }

  private func tell(_ content: RTreeContent, _ kept: Int, _ aside: Int, _ outcome: inout RepairOutcome) {
    let known = content.leaves.count
    let lost = knowsAll(outcome) ? max(0, known - kept - aside) : nil
    outcome.rows[name] = RowTally(kept: kept, setAside: aside, lost: lost)
    outcome.notes.append(
      "the R-Tree \(name) was put together of its nodes: \(kept) entries are kept"
        + (lost.map { $0 > 0 ? ", \($0) are lost with their nodes" : "" } ?? ", and nobody can say how many are lost"))
  }

  // MARK: Changing what is there

  private func table(_ part: String) -> String { copy.quoted(name + part) }

  /// Keeps apart the bounds of entries of which what stood beside the tree is lost.
  private func setAsideUnnamed(
    _ content: RTreeContent, _ definition: VirtualDefinition, _ aside: inout Set<Int64>
  ) throws(Problem) {
    let cells = content.unnamed
    guard !cells.isEmpty else { return }
    aside.formUnion(cells.map(\.id))
    let target = copy.quoted(try copy.freeName("dbmend_set_aside_" + name))
    let columns = definition.arguments.prefix(1 + content.bounds).compactMap { argument in
      var tokens = DefinitionTokens(argument)
      return tokens.takeName().map(copy.quoted)
    }
    try copy.execute("CREATE TABLE \(target)(\(columns.joined(separator: ", ")))")
    try inParts(cells.map { "(\($0.id), \($0.bounds.map(content.literal).joined(separator: ", ")))" }) {
      "INSERT INTO \(target) VALUES \($0.joined(separator: ", "));"
    }
  }

  /// Keeps apart what stands beside the tree of entries whose bounds are lost, but for what is kept apart already.
  private func setAside(
    _ content: RTreeContent, besides kept: Set<Int64>, _ aside: inout Set<Int64>
  ) throws(Problem) {
    let lost = content.leaves.keys.filter { !kept.contains($0) && !aside.contains($0) }.sorted()
    guard content.hasAuxiliary, !lost.isEmpty else { return }
    aside.formUnion(lost)
    let target = copy.quoted(try copy.freeName("dbmend_set_aside_" + name))
    try copy.execute("CREATE TABLE \(target) AS SELECT * FROM \(table("_rowid")) LIMIT 0")
    try inParts(lost.map(String.init)) {
      "INSERT INTO \(target) SELECT * FROM \(table("_rowid")) WHERE rowid IN (\($0.joined(separator: ", ")));"
    }
  }

  /// What makes the tables hold a tree.
  private func changes(_ content: RTreeContent, _ tree: RTreeTree) -> [String] {
    var statements: [String] = []
    for number in content.torn + Array(content.nodes.keys) where tree.nodes[number] == nil {
      statements.append("DELETE FROM \(table("_node")) WHERE nodeno = \(number);")
    }
    for (number, cells) in tree.nodes {
      let depth = number == RTreeContent.root ? tree.depth : 0
      guard content.nodes[number] != cells || number == RTreeContent.root && content.depth != depth else { continue }
      let data = SQLValue.blob(content.bytes(cells, depth: depth)).literal
      statements.append("INSERT OR REPLACE INTO \(table("_node")) VALUES(\(number), \(data));")
    }
    for (child, parent) in content.parents where tree.parents[child] != parent {
      statements.append("DELETE FROM \(table("_parent")) WHERE nodeno = \(child);")
    }
    for (child, parent) in tree.parents where content.parents[child] != parent {
      statements.append("INSERT INTO \(table("_parent")) VALUES(\(child), \(parent));")
    }
    for entry in content.leaves.keys where tree.leaves[entry] == nil {
      statements.append("DELETE FROM \(table("_rowid")) WHERE rowid = \(entry);")
    }
    for (entry, leaf) in tree.leaves where content.leaves[entry] != leaf {
      statements.append(
        content.leaves[entry] == nil
          ? "INSERT INTO \(table("_rowid"))(rowid, nodeno) VALUES(\(entry), \(leaf));"
          : "UPDATE \(table("_rowid")) SET nodeno = \(leaf) WHERE rowid = \(entry);")
    }
    return statements
  }

  /// Empties the tree and lets the module put its entries in again.
  private func build(_ content: RTreeContent, _ entries: [RTreeContent.Cell]) throws(Problem) {
    let columns = (0..<content.bounds).map { "c\($0)" }
    let root = SQLValue.blob(content.bytes([], depth: 0)).literal
    try copy.execute(
      """
      CREATE TEMP TABLE dbmend_beside AS SELECT * FROM \(table("_rowid"));
      CREATE TEMP TABLE dbmend_entries(id INTEGER PRIMARY KEY, \(columns.joined(separator: ", ")));
      DELETE FROM \(table("_node")); DELETE FROM \(table("_parent")); DELETE FROM \(table("_rowid"));
      INSERT INTO \(table("_node")) VALUES(\(RTreeContent.root), \(root));
      """)
    try inParts(entries.map { "(\($0.id), \($0.bounds.map(content.literal).joined(separator: ", ")))" }) {
      "INSERT INTO temp.dbmend_entries VALUES \($0.joined(separator: ", "));"
    }
    let beside = try copy.connection.query(
      "SELECT name FROM pragma_table_info(\(Connection.literal(name + "_rowid"))) WHERE cid > 1"
    ).compactMap { $0.first?.text }
    let values = (["e.id"] + columns.map { "e." + $0 } + beside.map { "b." + copy.quoted($0) }).joined(separator: ", ")
    try copy.execute(
      """
      INSERT INTO \(copy.quoted(name)) SELECT \(values) FROM temp.dbmend_entries AS e
      LEFT JOIN temp.dbmend_beside AS b ON b.rowid = e.id;
      DROP TABLE temp.dbmend_entries; DROP TABLE temp.dbmend_beside;
      """)
  }

  private func inParts(_ parts: [String], _ sql: ([String]) -> String) throws(Problem) {
    for start in stride(from: 0, to: parts.count, by: Self.atOnce) {
      try copy.execute(sql(Array(parts[start..<min(start + Self.atOnce, parts.count)])))
    }
  }
}
