import MendKit

/// Whether every foreign key points to a row.
public struct ForeignKeysCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "foreign-keys",
    title: "every foreign key points to a row that is there",
    discussion: """
      Looks up the parent of every row of every table with foreign keys; a key with a NULL in it points nowhere by \
      right. Engines that enforce foreign keys only when asked, as SQLite does, let such rows come about without \
      damage: without a configuration the finding is a warning.

      There is one finding for each pair of tables, with the number of rows.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "foreign-key.violated", .error, "rows of one table refer to rows of another that are not there",
        measures: [MeasureDescription("rows", "", "the rows that refer to none", in: 1...Double.infinity)]),
      .unreadableTable,
    ],
    examples: [
      Example(
        "orders of users who are there",
        script: """
          create table users(id integer primary key, name text);
          create table orders(id integer primary key, user integer references users(id));
          insert into users(name) values('Ada');
          insert into orders(user) values(1), (null);
          """),
      Example(
        "orders of a user who is gone",
        script: """
          create table users(id integer primary key, name text);
          create table orders(id integer primary key, user integer references users(id));
          insert into users(name) values('Ada');
          insert into orders(user) values(1), (7), (8);
          """,
        finds: ["foreign-key.violated"]),
      Example(
        "a parent table whose root page is noise",
        script: """
          create table users(id integer primary key, name text);
          create table orders(id integer primary key, user integer references users(id));
          insert into users(name) values('Ada');
          insert into orders(user) values(1);
          """,
        damage: [.overwrite(offset: 4096, bytes: [7, 7, 7, 7, 7, 7, 7, 7])], finds: ["table.unreadable"]),
    ])

  /// Rows that are asked for one by one, so that every pair of tables is among them; the rest is counted.
  private static let mostViolations = 1000

  /// The check.
  public init() {}

  /// One finding for each table that refers to rows of another that are not there. A store that answers no SQL has
  /// none.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    guard let session = try context.sqlSession() else { return [] }
    let violations: [(violation: ForeignKeyViolation, count: Int)]
    do throws(Problem) {
      violations = try session.foreignKeyViolations(limit: Self.mostViolations)
    } catch  where error.kind == .damaged {
      return [
        Finding(
          "table.unreadable", .error, "the tables cannot be read so far that their foreign keys could be followed",
          evidence: error.said)
      ]
    }
    var groups: [(first: ForeignKeyViolation, rows: [Int64], count: Int)] = []
    for (violation, count) in violations {
      let same = groups.firstIndex { $0.first.table == violation.table && $0.first.parent == violation.parent }
      if let same {
        if let row = violation.row { groups[same].rows.append(row) }
      } else {
        groups.append((violation, violation.row.map { [$0] } ?? [], count))
      }
    }
    return groups.map { group in
      let (child, parent) = (group.first.table, group.first.parent)
      let refer = group.count == 1 ? "refers to a row" : "refer to rows"
      return Finding(
        "foreign-key.violated", .error, at: Finding.Location(table: child, row: group.rows.first),
        "\(Wording.count(group.count, "row")) of \(child) \(refer) of \(parent) that "
          + (group.count == 1 ? "is not there" : "are not there"),
        evidence: group.rows.isEmpty ? nil : "rows " + Wording.list(group.rows.map { String($0) }, of: group.count),
        count: group.count, measures: [Measure("rows", Double(group.count))])
    }
  }
}
