/// The statements of a text of definitions, such as `schema.sql`, of whatever engine.
struct SQLStatements {
  /// In their order.
  let all: [SQLStatement]

  /// Splits a text at the semicolons that end statements: not those in literals, quoted names, comments and the bodies
  /// of triggers and functions.
  init(_ text: String) {
    let bytes = Array(text.utf8)
    var tokens = SQLTokens(text)
    var current: [SQLToken] = []
    var statements: [SQLStatement] = []
    var depth = 0
    while let token = tokens.next() {
      if token.isSign(";"), depth == 0 {
        if !current.isEmpty { statements.append(SQLStatement(current, bytes)) }
        current = []
        continue
      }
      current.append(token)
      if Self.hasBody(current) {
        // CASE ends with END as a body does.
        if token.isKeyword("begin") || token.isKeyword("case") { depth += 1 }
        if token.isKeyword("end") { depth = max(0, depth - 1) }
      }
    }
    if !current.isEmpty { statements.append(SQLStatement(current, bytes)) }
    all = statements
  }

  /// The statements that define a table: the table's own, and those of its indexes and triggers. Empty where the text
  /// does not define the table.
  func definition(ofTable name: String) -> [SQLStatement] {
    let name = name.lowercased()
    guard let table = all.first(where: { $0.defines?.kind == .table && $0.defines?.name.lowercased() == name }) else {
      return []
    }
    return [table]
      + all.filter { statement in
        guard let object = statement.defines, object.kind == .index || object.kind == .trigger else { return false }
        return object.table?.lowercased() == name
      }
  }

  /// The statements that make the schema and the rows that stand in it, without those about connections and
  /// transactions.
  var building: [SQLStatement] { all.filter(\.isBuilding) }

  /// The names of the tables that are defined, as they are written.
  var tables: [String] { all.compactMap { $0.defines?.kind == .table ? $0.defines?.name : nil } }

  private static func hasBody(_ tokens: [SQLToken]) -> Bool {
    guard tokens.first?.isKeyword("create") == true else { return false }
    return tokens.prefix(4).contains { ["trigger", "function", "procedure"].contains($0.text.lowercased()) }
  }
}

/// One statement of a text of definitions.
struct SQLStatement: Hashable {
  /// Its text, without the semicolon that ends it.
  let text: String
  /// What it creates; nil where it creates nothing or something of another sort.
  let defines: Object?
  private let verb: String
  private let names: Set<String>

  /// Something that a statement creates.
  struct Object: Hashable {
    enum Kind: Hashable { case table, index, trigger, view }

    /// The sort of thing.
    let kind: Kind
    /// Its name, without that of a schema before it.
    let name: String
    /// The table that an index or a trigger is on.
    let table: String?
  }

  fileprivate init(_ tokens: [SQLToken], _ bytes: [UInt8]) {
    let start = tokens.first?.start ?? 0
    let end = tokens.last?.end ?? start
    text = String(decoding: bytes[start..<end], as: UTF8.self)
    verb = tokens.first?.text.lowercased() ?? ""
    names = Set(tokens.filter(\.isName).map { $0.text.lowercased() })
    defines = Self.object(tokens)
  }

  /// Whether a name occurs anywhere in the statement.
  func mentions(_ name: String) -> Bool { names.contains(name.lowercased()) }

  /// Whether it belongs to the making of a schema: what a dump has beside, such as `BEGIN` and `PRAGMA`, does not.
  fileprivate var isBuilding: Bool { ["create", "insert", "alter", "replace", "comment"].contains(verb) }

  private static let qualifiers: Set<String> = [
    "temp", "temporary", "unique", "virtual", "or", "replace", "unlogged", "global", "local", "materialized",
    "recursive",
    "cached", "memory", "constraint",
  ]

  private static func object(_ tokens: [SQLToken]) -> Object? {
    guard let first = tokens.first, first.isKeyword("create") else { return nil }
    var rest = tokens.dropFirst()
    while let token = rest.first, token.kind == .word, qualifiers.contains(token.text.lowercased()) {
      rest.removeFirst()
    }
    guard let word = rest.popFirst(), word.kind == .word else { return nil }
    let kind: Object.Kind
    switch word.text.lowercased() {
    case "table": kind = .table
    case "index": kind = .index
    case "trigger": kind = .trigger
    case "view": kind = .view
    default: return nil
    }
    for word in ["concurrently", "if", "not", "exists"] where rest.first?.isKeyword(word) == true { rest.removeFirst() }
    guard let name = qualifiedName(&rest) else { return nil }
    guard kind == .index || kind == .trigger else { return Object(kind: kind, name: name, table: nil) }
    guard let on = rest.firstIndex(where: { $0.isKeyword("on") }) else { return nil }
    rest = rest[(on + 1)...]
    if rest.first?.isKeyword("only") == true { rest.removeFirst() }
    return Object(kind: kind, name: name, table: qualifiedName(&rest))
  }

  /// `name` or `schema.name`: the last part.
  private static func qualifiedName(_ tokens: inout ArraySlice<SQLToken>) -> String? {
    guard var name = tokens.popFirst(), name.isName else { return nil }
    while tokens.first?.isSign(".") == true {
      tokens.removeFirst()
      guard let part = tokens.popFirst(), part.isName else { return nil }
      name = part
    }
    return name.text
  }
}
