import MendKit

/// Whether the columns of the schema table say the same as the definitions beside them (SQLite's file format, section 2.6).
/// SQLite reads the definitions alone and drops and renames by the columns, so where they disagree, the next change of the
/// schema takes the wrong objects with it.
struct SchemaReview {
  let objects: [SchemaReading.Object]

  /// A finding for each row that disagrees with its own definition.
  var findings: [Finding] { objects.compactMap { object in disagreement(object).map { finding(object, $0) } } }

  private func finding(_ object: SchemaReading.Object, _ evidence: String) -> Finding {
    let isIndex = object.type == "index"
    return Finding(
      "schema.mismatch", .error,
      at: .init(table: object.table.isEmpty ? nil : object.table, index: isIndex ? object.name : nil),
      "the schema table's row of \(object.type) \(object.name) does not agree with its own definition",
      evidence: evidence
    )
  }

  /// What a row says otherwise than its definition; nil where nothing is certain.
  private func disagreement(_ object: SchemaReading.Object) -> String? {
    if object.root != 0, object.type == "view" || object.type == "trigger" {
      return "rootpage is \(object.root), and a \(object.type) has no pages"
    }
    guard let sql = object.sql else { return automatic(object) }
    if Self.isPlain(object, sql) { return nil }
    guard let definition = ObjectDefinition(sql) else { return nil }
    if object.root != 0, definition.isVirtual { return "rootpage is \(object.root), and a virtual table has no pages" }
    let pairs = [
      ("type", object.type, definition.type), ("name", object.name, definition.name),
      ("tbl_name", object.table, definition.table),
    ]
    guard let (column, said, own) = pairs.first(where: { !Self.isSame($0.1, $0.2) }) else { return nil }
    return "\(column) is '\(said)', and the definition says '\(own)'"
  }

  /// An index without a definition is one that SQLite makes for a constraint, and has its table's name in its own.
  private func automatic(_ object: SchemaReading.Object) -> String? {
    let prefix = "sqlite_autoindex_"
    guard object.type == "index", Self.isSame(String(object.name.prefix(prefix.count)), prefix) else { return nil }
    let rest = object.name.dropFirst(prefix.count)
    guard let line = rest.lastIndex(of: "_"), !Self.isSame(String(rest[..<line]), object.table) else { return nil }
    return "tbl_name is '\(object.table)', and the name of the index says '\(rest[..<line])'"
  }

  /// Whether the definition begins with the very words that the columns make: most do, and need not be taken apart.
  private static func isPlain(_ object: SchemaReading.Object, _ sql: String) -> Bool {
    var rest = sql.utf8[...]
    func take(_ words: String) -> Bool {
      guard rest.starts(with: words.utf8) else { return false }
      rest = rest.dropFirst(words.utf8.count)
      return true
    }
    let names = [object.name, object.table]
    guard names.allSatisfy({ $0.utf8.allSatisfy(isOfWord) }) else { return false }
    switch object.type {
    case "table":
      guard object.name == object.table, take("CREATE TABLE " + object.name) else { return false }
    case "index":
      guard take("CREATE INDEX ") || take("CREATE UNIQUE INDEX "), take(object.name), take(" ON " + object.table) else {
        return false
      }
    default: return false
    }
    return rest.first.map { !isOfWord($0) && $0 != UInt8(ascii: "$") && $0 < 0x80 } ?? false
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// As SQLite compares names: the case of ASCII letters does not count.
  private static func isSame(_ one: String, _ other: String) -> Bool {
    func lower(_ byte: UInt8) -> UInt8 {
      (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
    return one.utf8.elementsEqual(other.utf8) { lower($0) == lower($1) }
  }
}

extension SchemaLayout {
  /// Constraints and the indexes that SQLite makes for them, where one is there without the other. SQLite reads such a schema
  /// without a word and gives up when it needs the index.
  var constraintMismatches: [Finding] {
    // SQLite finds an index by its name, whatever the case.
    let stored = Set(unknownRoots.filter(\.isIndex).map { $0.name.lowercased() })
    var findings: [Finding] = []
    var asked: Set<String> = []
    for table in tables {
      for index in table.indexes where index.root == 0 {
        asked.insert(index.name.lowercased())
        guard !stored.contains(index.name.lowercased()) else { continue }
        findings.append(
          Finding(
            "schema.mismatch", .error, at: .init(table: table.name, index: index.name),
            "a constraint of \(table.name) asks for \(index.name), which the schema table does not have"))
      }
    }
    for index in unknownRoots where index.isIndex && index.name.hasPrefix("sqlite_autoindex_") {
      guard !asked.contains(index.name.lowercased()) else { continue }
      findings.append(
        Finding(
          "schema.mismatch", .error, at: .init(table: index.table, index: index.name, page: Int(index.root)),
          "the schema table has \(index.name), which no constraint of \(index.table) asks for"))
    }
    return findings
  }
}

/// What a definition in the schema table is of: the words up to the table's name.
struct ObjectDefinition {
  /// `table`, `index`, `view` or `trigger`.
  let type: String
  /// Whether a module keeps the table's content.
  var isVirtual = false
  let name: String
  /// The table that it is of or on; its own name for a table or a view.
  let table: String

  /// Reads a definition; nil where it is of no form that is known here.
  init?(_ sql: String) {
    guard var tokens = DefinitionTokens(whole: sql), tokens.take("CREATE") else { return nil }
    _ = tokens.take("TEMPORARY") || tokens.take("TEMP")
    if tokens.take("TABLE") {
      type = "table"
    } else if tokens.take("VIRTUAL"), tokens.take("TABLE") {
      type = "table"
      isVirtual = true
    } else if tokens.take("VIEW") {
      type = "view"
    } else if tokens.take("TRIGGER") {
      type = "trigger"
    } else {
      _ = tokens.take("UNIQUE")
      guard tokens.take("INDEX") else { return nil }
      type = "index"
    }
    guard let name = Self.name(&tokens) else { return nil }
    self.name = name
    switch type {
    case "index":
      guard tokens.take("ON"), let table = tokens.takeObjectName() else { return nil }
      self.table = table
    case "trigger":
      guard let table = Self.tableOfTrigger(&tokens) else { return nil }
      self.table = table
    default: table = name
    }
  }

  /// A name, perhaps behind that of its database, and behind IF NOT EXISTS.
  private static func name(_ tokens: inout DefinitionTokens) -> String? {
    if tokens.isNext("IF") {
      // `if` is a name, too, where nothing of the kind follows.
      var further = tokens
      if further.take("IF"), further.take("NOT"), further.take("EXISTS") { tokens = further }
    }
    guard let first = tokens.takeObjectName() else { return nil }
    guard tokens.take(symbol: ".") else { return first }
    return tokens.takeObjectName()
  }

  /// The table behind ON. No column of `UPDATE OF` can be called so without quotes.
  private static func tableOfTrigger(_ tokens: inout DefinitionTokens) -> String? {
    while !tokens.take("ON") {
      let isPassed = tokens.take(.word) || tokens.take(.quotedName) || tokens.take(.string) || tokens.take(symbol: ",")
      guard isPassed else { return nil }
    }
    return name(&tokens)
  }
}
