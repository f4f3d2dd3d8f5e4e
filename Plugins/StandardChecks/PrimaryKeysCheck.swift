import MendKit

/// Whether every row can be told from every other by its primary key.
public struct PrimaryKeysCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "primary-keys",
    title: "no primary key is NULL or occurs twice",
    discussion: """
      A table whose structure itself rules NULL and duplicates out (its rows are stored by the key) is not read. In every other \
      table the stored values are looked at, whatever its declaration promises: a damaged record does not keep promises. A \
      table of several rows that all lack the key is only remarked on: SQLite allows that, and some applications do it.

      Duplicates are looked for only where nothing excludes them: where no unique index covers the key, or where `integrity`, \
      if it ran before, found that index to disagree with its table. With `trust_indexes: false` they are looked for in every \
      table, which sorts each table's keys.
      """,
    kind: .check,
    finds: [
      FindingDescription("key.null", .error, "a primary key is NULL or has a NULL in it"),
      FindingDescription("key.unused", .info, "no row of a table has a key: the application does not use it"),
      FindingDescription("key.duplicate", .error, "rows share a primary key"),
      FindingDescription("key.absent", .info, "a table has no primary key, and `required` is set"),
      .unreadableTable,
    ],
    options: [
      OptionDescription("required", .boolean, default: .boolean(false), "report tables that have no primary key"),
      OptionDescription(
        "trust_indexes", .boolean, default: .boolean(true),
        "do not look for duplicates where a unique index excludes them"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// The findings of each table that rows can be read from. A store that answers no SQL has no keys to look at.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    guard let session = try context.sqlSession() else { return [] }
    let tables = try session.catalog().tables
    let isRequired = options.flag("required")
    var findings: [Finding] = []
    for index in tables.indices where !tables[index].isVirtual && (isRequired || !tables[index].keyIsStructural) {
      context.progress(Double(index) / Double(tables.count))
      let table = tables[index]
      if table.primaryKey.isEmpty {
        if isRequired { findings.append(absent(table)) }
        continue
      }
      if table.keyIsStructural { continue }
      do throws(Problem) {
        if let finding = try nullKeys(of: table, session) { findings.append(finding) }
        let isExcluded =
          options.flag("trust_indexes") && Self.hasUniqueIndex(table) && !session.keyIndexIsSuspect(table)
        if !isExcluded, let finding = try duplicates(of: table, session) { findings.append(finding) }
      } catch {
        findings.append(try .unreadable(table.name, error))
      }
    }
    return findings
  }

  private func absent(_ table: Table) -> Finding {
    Finding("key.absent", .info, at: Finding.Location(table: table.name), "the table \(table.name) has no primary key")
  }

  private func nullKeys(of table: Table, _ session: any SQLSession) throws(Problem) -> Finding? {
    let (rows, count) = try session.nullKeys(of: table, limit: Wording.few)
    guard count > 0 else { return nil }
    // Damage hits rows; a key that several rows lack without exception is one that the application never filled.
    if count > 1, try session.rowCount(of: table) == count {
      return Finding(
        "key.unused", .info, at: Finding.Location(table: table.name, column: table.primaryKey.joined(separator: ", ")),
        "none of the \(Wording.count(count, "row")) of \(table.name) has a primary key: the application does not use it"
      )
    }
    return Finding(
      "key.null", .error,
      at: Finding.Location(table: table.name, column: table.primaryKey.joined(separator: ", "), row: rows.first),
      "\(Wording.count(count, "row")) of \(table.name) \(count == 1 ? "has" : "have") NULL in the primary key",
      evidence: rows.isEmpty ? nil : "rows " + Wording.list(rows.map { String($0) }, of: count), count: count)
  }

  private func duplicates(of table: Table, _ session: any SQLSession) throws(Problem) -> Finding? {
    let (keys, count) = try session.duplicateKeys(of: table, limit: Wording.few)
    guard count > 0 else { return nil }
    let texts = keys.map { key in key.map(\.description).joined(separator: ", ") }
    return Finding(
      "key.duplicate", .error,
      at: Finding.Location(
        table: table.name, column: table.primaryKey.joined(separator: ", "), key: texts.first),
      "\(Wording.count(count, "primary key")) of \(table.name) \(count == 1 ? "belongs" : "belong") to more than one row",
      evidence: "keys " + Wording.list(texts.map { "(\($0))" }, of: count), count: count)
  }

  /// Whether an index refuses a second row of the same key. One over a part of the key refuses even more.
  private static func hasUniqueIndex(_ table: Table) -> Bool {
    let key = Set(table.primaryKey.map { $0.lowercased() })
    return table.indexes.contains { index in
      index.isUnique && !index.isPartial && !index.columns.isEmpty
        && index.columns.allSatisfy { $0.map { key.contains($0.lowercased()) } ?? false }
    }
  }
}

extension PrimaryKeysCheck {
  private static let examples = [
    Example(
      "keys that are there and differ",
      script: """
        create table countries(code text primary key, name text);
        insert into countries values('DE', 'Germany'), ('FR', 'France');
        create table users(id integer primary key, name text);
        """),
    Example("a table without a key", script: "create table notes(body text);"),
    Example(
      "a table without a key where one is required", script: "create table notes(body text);",
      options: [OptionPair("required", .boolean(true))], finds: ["key.absent"]),
    Example(
      "a row whose key is NULL",
      script: """
        create table countries(code text primary key, name text);
        insert into countries values('DE', 'Germany'), (null, 'Atlantis');
        """,
      finds: ["key.null"]),
    Example(
      "a key that no row has",
      script: "create table notes(code text primary key, body text); insert into notes values(null, 'a'), (null, 'b');",
      finds: ["key.unused"]),
    Example(
      "two rows of one key, in the table and in its index",
      script: """
        create table countries(code text primary key, name text);
        insert into countries values('key-one', 'Germany'), ('key-two', 'France');
        """,
      damage: [.replace("key-two", with: "key-one")], options: [OptionPair("trust_indexes", .boolean(false))],
      finds: ["key.duplicate"]),
    Example(
      "a table whose root page is noise",
      script: "create table countries(code text primary key); insert into countries values('DE');",
      damage: [.overwrite(offset: 4096, bytes: [7, 7, 7, 7, 7, 7, 7, 7])], finds: ["table.unreadable"]),
  ]
}
