import MendKit

/// Holds the keys of a b-tree against those of its table's rows, where amcheck says that the index lacks a row.
///
/// A row without an entry is one thing; a row whose entry has another key is another: then the row was changed, or the index was, and
/// to build the index anew would make the row's value the truth. The server tells the two apart by itself: it answers some questions
/// from the index alone, and where it is asked for a key by the index, it gives the row that stands where the entry leads, whatever
/// that row holds.
struct KeyDifferences {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let index: DatabaseCatalog.IndexRelation

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ index: DatabaseCatalog.IndexRelation
  ) {
    self.connection = connection
    self.relation = relation
    self.index = index
  }

  /// What is different.
  struct Outcome {
    /// Rows that the index has under another key.
    var contradictions: [Contradiction] = []
    /// How many rows the index does not have at all.
    var missing = 0
    /// Whether there is so much that not all of it was looked at.
    var isCut = false
  }

  /// More groups of keys that differ are not looked at.
  private static let mostGroups = 64
  private static let groups = 4096
  /// More keys of one side are not read.
  private static let mostKeys = 200_000
  /// More keys are not looked up.
  private static let mostLookups = 1000

  private struct Question {
    var columns: [String]
    /// The columns in SQL.
    var names: [String]
    /// By how many of them the index is searched; the others only stand in it.
    var searched: Int
    /// In which order the index has them, in SQL.
    var order: String
    /// Which rows are in the index, in SQL; empty for all.
    var condition: String
  }

  /// The differences; nil where the server does not answer by this index.
  func look() throws(ServerFailure) -> Outcome? {
    guard let question = try question() else { return nil }
    let row = "row(\(question.names.joined(separator: ", ")))::text as k"
    func group(_ source: String) -> String {
      """
      select pg_catalog.hashtextextended(k, 0) & \(Self.groups - 1), count(*), sum(pg_catalog.hashtextextended(k, 1))
      from (\(source)) s group by 1
      """
    }
    let inOrder = group(source(question, row) + " order by \(question.order)")
    guard let byIndex = try byIndex({ () throws(ServerFailure) in try answer(inOrder, .indexOnly) }) else { return nil }
    let byTable = try byTable { () throws(ServerFailure) in
      try connection.rows(group(source(question, row) + " offset 0"))
    }
    let groups = Set(byIndex).symmetricDifference(byTable).compactMap { $0.first ?? nil }
    var outcome = Outcome()
    let looked = Set(groups).sorted().prefix(Self.mostGroups)
    guard !looked.isEmpty else { return nil }
    outcome.isCut = looked.count < Set(groups).count
    try compare(question, Array(looked), &outcome)
    return outcome
  }

  private func compare(
    _ question: Question, _ groups: [String], _ outcome: inout Outcome
  ) throws(ServerFailure) {
    let texts = Self.texts(question.names)
    let chosen = """
      pg_catalog.hashtextextended(row(\(question.names.joined(separator: ", ")))::text, 0) & \(Self.groups - 1)
      in (\(groups.joined(separator: ", ")))
      """
    let list = source(question, texts, and: chosen)
    let inOrder = list + " order by \(question.order) limit \(Self.mostKeys)"
    guard let byIndex = try byIndex({ () throws(ServerFailure) in try answer(inOrder, .indexOnly) }) else { return }
    let byTable = try byTable { () throws(ServerFailure) in try connection.rows(list + " limit \(Self.mostKeys)") }
    if max(byIndex.count, byTable.count) >= Self.mostKeys { outcome.isCut = true }
    var counts: [[String?]: Int] = [:]
    for key in byIndex { counts[key, default: 0] += 1 }
    for key in byTable { counts[key, default: 0] -= 1 }
    let onlyInIndex = counts.filter { $0.value > 0 }.map(\.key).sorted { Self.text($0) < Self.text($1) }
    let lacking = counts.values.reduce(0) { $0 + max(0, -$1) }
    if onlyInIndex.count > Self.mostLookups { outcome.isCut = true }
    for key in onlyInIndex.prefix(Self.mostLookups) {
      outcome.contradictions += try contradictions(question, key)
    }
    outcome.missing = max(0, lacking - outcome.contradictions.count)
  }

  /// The rows to which the entries of a key lead, and which have another one.
  private func contradictions(_ question: Question, _ key: [String?]) throws(ServerFailure) -> [Contradiction] {
    // In the order of the index, and by ranges: so no other index is as good, and nothing but the entries decides.
    let searched = question.names.prefix(question.searched)
    let conditions = zip(searched, key).map { name, value in
      value.map { "\(name) >= \(Quoting.text($0)) and \(name) <= \(Quoting.text($0))" } ?? "\(name) is null"
    }
    let primary = relation.table.primaryKey
    let texts = Self.texts(question.names + primary.map(Quoting.name))
    let lookup =
      source(question, "ctid::text, \(texts)", and: conditions.joined(separator: " and "))
      + " order by \(question.order) limit 1000"
    guard let rows = try byIndex({ () throws(ServerFailure) in try answer(lookup, .index) }) else { return [] }
    return rows.compactMap { row in
      guard row.count == 1 + key.count + primary.count, let place = row[0] else { return nil }
      let values = Array(row[1...key.count])
      guard values.prefix(question.searched) != key.prefix(question.searched) else { return nil }
      let names = primary.isEmpty ? question.columns : primary
      let identity = zip(names, primary.isEmpty ? values[...] : row[(1 + key.count)...]).map { ($0, $1) }
      return Contradiction(
        relation: relation, index: index.shown, columns: question.columns, place: place, byTable: values, byIndex: key,
        identity: identity)
    }
  }

  /// Columns as text, under names that no column has: an order goes by the columns themselves.
  private static func texts(_ names: [String]) -> String {
    names.enumerated().map { "\($1)::text as dbmend_\($0)" }.joined(separator: ", ")
  }

  private static func text(_ key: [String?]) -> String { key.map { $0 ?? "" }.joined(separator: "\u{1F}") }

  // MARK: - Ways of asking

  /// A query of the rows that are in the index.
  private func source(_ question: Question, _ list: String, and condition: String? = nil) -> String {
    let conditions = [question.condition, condition].compactMap(\.self).filter { !$0.isEmpty }
    return "select \(list) from only \(relation.sql)"
      + (conditions.isEmpty ? "" : " where " + conditions.joined(separator: " and "))
  }

  /// How an index is to be used.
  private enum Way: String {
    /// By its entries alone.
    case indexOnly = "Index Only Scan"
    /// For the rows that its entries lead to.
    case index = "Index Scan"
  }

  /// What a query answers; nil where the server would not answer it by this index in this way.
  private func answer(_ query: String, _ way: Way) throws(ServerFailure) -> [[String?]]? {
    try connection.run("set enable_indexonlyscan = \(way == .indexOnly ? "on" : "off")")
    defer { try? connection.run("set enable_indexonlyscan = on") }
    let plan = try connection.plan(query)
    guard plan.contains("\"Node Type\": \"\(way.rawValue)\""),
      plan.contains("\"Index Name\": \(JSONValue.string(index.name).text(pretty: false))")
    else { return nil }
    return try connection.rows(query)
  }

  private func byIndex<Result>(_ work: () throws(ServerFailure) -> Result) throws(ServerFailure) -> Result {
    try with(["seqscan", "bitmapscan", "tidscan", "sort", "incremental_sort"], work)
  }

  private func byTable<Result>(_ work: () throws(ServerFailure) -> Result) throws(ServerFailure) -> Result {
    try with(["indexscan", "indexonlyscan", "bitmapscan"], work)
  }

  private func with<Result>(
    _ ways: [String], _ work: () throws(ServerFailure) -> Result
  ) throws(ServerFailure) -> Result {
    try connection.run(ways.map { "set enable_\($0) = off" }.joined(separator: "; "))
    defer { try? connection.run(ways.map { "set enable_\($0) = on" }.joined(separator: "; ")) }
    return try work()
  }

  /// What to ask for; nil for an index on expressions, and for one whose rows a function chooses that somebody wrote: that is not
  /// run with the rights of whoever checks.
  private func question() throws(ServerFailure) -> Question? {
    let row =
      try connection.rows(
        """
        select pg_catalog.pg_get_expr(i.indpred, i.indrelid), 0 = any(i.indkey),
          (select pg_catalog.json_agg(a.attname order by k.place)::text
            from pg_catalog.unnest(i.indkey::int2[]) with ordinality k(number, place)
            join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number),
          exists(select 1 from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and d.objid = i.indexrelid and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass),
          i.indnkeyatts, pg_catalog.array_to_string(i.indoption, ',')
        from pg_catalog.pg_index i where i.indexrelid = \(index.oid)
        """
      ).first ?? []
    guard row.count == 6, row[1] == "f", row[3] == "f", let list = row[2], let searched = row[4].flatMap({ Int($0) }),
      let columns = (try? JSONValue(parsing: Array(list.utf8)))?.array?.compactMap(\.string), !columns.isEmpty,
      searched <= columns.count
    else { return nil }
    let names = columns.map(Quoting.name)
    // `INDOPTION_DESC` and `INDOPTION_NULLS_FIRST`
    let options = (row[5] ?? "").split(separator: ",").map { Int($0) ?? 0 }
    let order = zip(names.prefix(searched), options).map { name, option in
      name + (option & 1 != 0 ? " desc" : "") + (option & 2 != 0 ? " nulls first" : " nulls last")
    }
    return Question(
      columns: columns, names: names, searched: searched, order: order.joined(separator: ", "),
      condition: row[0].map { "(\($0))" } ?? "")
  }
}
