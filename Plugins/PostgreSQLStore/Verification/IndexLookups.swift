import MendKit

/// Verifies an index of which amcheck knows nothing (GIN, GiST, SP-GiST, BRIN, hash): each of its pages is read, and rows of the
/// table are looked up in it by their own values.
struct IndexLookups {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let index: DatabaseCatalog.IndexRelation
  private let functions: PageFunctions

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ index: DatabaseCatalog.IndexRelation,
    _ functions: PageFunctions
  ) {
    self.connection = connection
    self.relation = relation
    self.index = index
    self.functions = functions
  }

  /// What came of it.
  enum Outcome {
    case found
    case finding(Finding)
    case unverified(String)
  }

  /// So many rows are looked up, spread over the table. A lookup by BRIN reads a whole range of blocks.
  private var rows: Int { index.method == "brin" ? 40 : 400 }
  /// Milliseconds that all lookups of an index may take.
  private static let timeLimit = 10_000

  func run() throws(ServerFailure) -> Outcome {
    let location = Finding.Location(table: relation.table.name, index: index.shown)
    do throws(ServerFailure) {
      try readPages()
      guard let question = try question() else {
        return .unverified("\(index.shown) (\(index.method)) cannot be asked for a row by its own value")
      }
      let (lost, tried) = try lookUp(question)
      guard let lost else {
        return .unverified(
          "\(index.shown) (\(index.method)) was not held against the table: the server prefers another way")
      }
      guard lost > 0 else { return .found }
      return .finding(
        Finding(
          "index.entry-missing", .error, at: location,
          "the index \(index.shown) does not find \(lost) of \(tried) rows that were looked up in it", count: lost))
    } catch {
      if error.state == "57014" {
        return .unverified(
          "\(index.shown) (\(index.method)) takes too long to answer, and was not held against the table")
      }
      guard error.isDamage, !error.isGone else { throw error }
      let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
      // A page of the table that cannot be read is said of the table.
      if DamagedPlace(error.message).isOf(path) { return .found }
      return .finding(
        Finding(
          "index.malformed", .error, at: location, "the pages of the index \(index.shown) are damaged",
          evidence: error.message))
    }
  }

  /// The server holds each page that it reads against its checksum, and looks at its header.
  private func readPages() throws(ServerFailure) {
    guard functions.pageinspect != .unavailable else { return }
    _ = try connection.value(
      """
      select count(\(functions.rawPage)(\(Quoting.text(index.sql)), b)) from pg_catalog.generate_series(0,
        pg_catalog.pg_relation_size(\(index.oid)) / pg_catalog.current_setting('block_size')::int - 1) b
      """)
  }

  /// How the index is asked for a row.
  private struct Question {
    /// The first key: a column or an expression.
    var key: String
    /// What is looked for, of the key.
    var value: String
    /// The operator that the index answers.
    var sign: String
    /// Which rows are in the index, and can be asked for.
    var condition: String
  }

  /// An operator of the index's family by which each value finds itself.
  private func question() throws(ServerFailure) -> Question? {
    let row =
      try connection.rows(
        """
        select pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), pg_catalog.pg_get_expr(i.indpred, i.indrelid),
          c.opcintype::pg_catalog.regtype::text,
          (select 'operator(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')' from pg_catalog.pg_amop a
            join pg_catalog.pg_operator o on o.oid = a.amopopr join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
            where a.amopfamily = c.opcfamily and a.amoppurpose = 's' and a.amoplefttype = c.opcintype
              and o.oprleft = o.oprright and o.oprname in ('=', '~=', '@>')
            order by pg_catalog.array_position('{=,~=,@>}'::text[], o.oprname::text) limit 1),
          exists(select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and d.objid = i.indexrelid and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass)
        from pg_catalog.pg_index i join pg_catalog.pg_opclass c on c.oid = i.indclass[0] where i.indexrelid = \(index.oid)
        """
      ).first ?? []
    // A function that somebody wrote is not run with the rights of whoever checks.
    guard row.count == 5, row[4] == "f", let key = row[0] else { return nil }
    var condition = "(\(key)) is not null" + (row[1].map { " and (\($0))" } ?? "")
    if row[2] == "tsvector" {
      let word = "(pg_catalog.tsvector_to_array(\(key)))[1]"
      condition += " and \(word) !~ '[''\\\\]'"
      return Question(
        key: key, value: "('''' || \(word) || '''')::tsquery", sign: "operator(pg_catalog.@@)", condition: condition)
    }
    guard let sign = row[3] else { return nil }
    // Everything contains what is empty.
    if sign.hasSuffix(".@>)") { condition += " and (\(key))::text not in ('{}', '[]', '\"\"')" }
    return Question(key: key, value: "(\(key))", sign: sign, condition: condition)
  }

  /// How many rows the index does not find, and how many were looked for; nil for the first where the server does not use it.
  private func lookUp(_ question: Question) throws(ServerFailure) -> (lost: Int?, tried: Int) {
    let sample = """
      select \(question.value) as dbmend_value, ctid as dbmend_place from only \(relation.sql) \(try spread())
      where \(question.condition) order by pg_catalog.hashtid(ctid) limit \(rows)
      """
    let source = "with dbmend_sample as materialized (\(sample))"
    let lost = """
      \(source) select count(*) filter (where dbmend_lost), count(*) from (
        select not exists(select 1 from only \(relation.sql) where (\(question.key)) \(question.sign) dbmend_value
          and \(question.condition) and ctid = dbmend_place) as dbmend_lost
        from dbmend_sample offset 0) dbmend_found
      """
    // Neither by the table nor by the place of the row, nor all at once.
    let ways = ["seqscan", "tidscan", "hashjoin", "mergejoin"]
    try connection.run(ways.map { "set enable_\($0) = off" }.joined(separator: "; "))
    try connection.run("set statement_timeout = \(Self.timeLimit)")
    defer {
      try? connection.run("set statement_timeout = 0")
      try? connection.run(ways.map { "set enable_\($0) = on" }.joined(separator: "; "))
    }
    let plan = try connection.plan(lost)
    guard plan.contains("\"Index Name\": \(JSONValue.string(index.name).text(pretty: false))") else { return (nil, 0) }
    let row = try connection.rows(lost).first ?? []
    guard row.count == 2, let count = Int(row[0] ?? "") else { return (0, 0) }
    return (count, Int(row[1] ?? "") ?? 0)
  }

  /// Takes some blocks of a large table, and never goes by an index: the one that is looked at would be asked for what it lacks.
  private func spread() throws(ServerFailure) -> String {
    let count = try connection.value(
      "select pg_catalog.pg_relation_size(\(relation.oid)) / pg_catalog.current_setting('block_size')::int")
    guard let blocks = count.flatMap({ Int($0) }), blocks > 200 else { return "tablesample system (100)" }
    // About as many blocks as rows are wanted, each of which has at least one row.
    let percent = min(100, 100 * Double(2 * rows) / Double(blocks))
    return "tablesample system (\(percent))"
  }
}
