import MendKit

/// What a backup gives to rows of which a part cannot be read.
extension TableSalvage {
  /// What holds of a row that is in the new table already.
  func exceptFilled(_ left: [String]) throws(Problem) -> String {
    guard !table.primaryKey.isEmpty, table.primaryKey.allSatisfy({ left.contains($0) }) else { return "" }
    let same = table.primaryKey.map { "n.\($0.asIdentifier) = o.\($0.asIdentifier)" }.joined(separator: " AND ")
    return " AND NOT EXISTS (SELECT 1 FROM new.\(name) n WHERE \(same))"
  }

  func filled(_ run: Run, _ left: [String]) throws(Problem) -> Int {
    let given = try exceptFilled(left)
    guard !given.isEmpty else { return 0 }
    let answer = try ask([
      "SELECT (SELECT count(*) FROM old.\(name) WHERE \(run.condition)) "
        + "- (SELECT count(*) FROM old.\(name) o WHERE \(run.condition)\(given)) AS n"
    ]).first
    return answer?.rows.first?["n"]?.integer ?? 0
  }

  /// Whether both catalogs say the same of where the lost columns of a run are and what they hold: the engine writes values that
  /// changed to another place, since the old one is in use until its checkpoint is done.
  private func lieWhereTheyLay(_ run: Run) throws(Problem) -> Bool {
    guard let group = run.group else { return false }
    let columns = run.lost.sorted().map(\.asLiteral).joined(separator: ", ")
    func told(_ database: String) -> String {
      "SELECT column_path, segment_type, start, count, compression, stats, block_id, block_offset, additional_block_ids "
        + "FROM pragma_storage_info(\("\(database).\(name)".asLiteral)) WHERE row_group_id = \(group) AND column_name IN (\(columns))"
    }
    let answer = try ask([
      "SELECT (SELECT count(*) FROM (\(told("old")))) AS n, "
        + "(SELECT count(*) FROM ((\(told("old"))) EXCEPT ALL (\(told("backup"))))) "
        + "+ (SELECT count(*) FROM ((\(told("backup"))) EXCEPT ALL (\(told("old"))))) AS d"
    ]).first
    return (answer?.rows.first?["n"]?.integer ?? 0) > 0 && answer?.rows.first?["d"]?.integer == 0
  }

  /// Takes what rows lack from the rows of the backup that have the same key and are the same in every other column that is left,
  /// where nobody wrote the lost columns of their row group since; how many rows that are.
  func fillProved(_ run: Run, _ left: [String], _ columns: [String]) throws(Problem) -> Int {
    let key = table.primaryKey
    let others = left.filter { !key.contains($0) }
    // A key alone proves nothing of the rest.
    guard !key.isEmpty, key.allSatisfy({ left.contains($0) }), !others.isEmpty, try lieWhereTheyLay(run) else {
      return 0
    }
    let same = (key + others).map { "b.\($0.asIdentifier) IS NOT DISTINCT FROM o.\($0.asIdentifier)" }
    let there = key.map { "n.\($0.asIdentifier) = o.\($0.asIdentifier)" }.joined(separator: " AND ")
    let fields = columns.map { (left.contains($0) ? "o." : "b.") + $0.asIdentifier }.joined(separator: ", ")
    let before = try count()
    let answer = try ask([
      "INSERT INTO new.\(name) (\(list(columns))) SELECT \(fields) FROM backup.\(name) b "
        + "JOIN (SELECT \(list(left)) FROM old.\(name) WHERE \(run.condition)) o ON \(same.joined(separator: " AND ")) "
        + "WHERE NOT EXISTS (SELECT 1 FROM new.\(name) n WHERE \(there))"
    ]).first
    guard answer?.failure == nil else { return 0 }
    return max(0, try count() - before)
  }

  /// Takes rows of the backup that have the keys of damaged ones, or where the keys are lost too, stand at their numbers.
  func fill(_ run: Run, _ left: [String], _ columns: [String]) throws(Problem) -> Int {
    guard !table.primaryKey.isEmpty else { return 0 }
    let all = list(columns)
    let hasKey = table.primaryKey.allSatisfy { left.contains($0) }
    let same = table.primaryKey.map { "b.\($0.asIdentifier) = o.\($0.asIdentifier)" }.joined(separator: " AND ")
    let there = table.primaryKey.map { "n.\($0.asIdentifier) = b.\($0.asIdentifier)" }.joined(separator: " AND ")
    let fields = columns.map { (hasKey && left.contains($0) ? "o." : "b.") + $0.asIdentifier }.joined(separator: ", ")
    let source =
      hasKey
      ? "backup.\(name) b JOIN (SELECT * FROM (SELECT rowid, \(list(left)) FROM old.\(name)) WHERE \(run.condition)) o ON \(same)"
      : "(SELECT rowid, \(all) FROM backup.\(name) WHERE \(run.condition)) b"
    let before = try count()
    let answer = try ask([
      "INSERT INTO new.\(name) (\(all)) SELECT \(hasKey ? fields : columns.map { "b." + $0.asIdentifier }.joined(separator: ", ")) "
        + "FROM \(source) WHERE NOT EXISTS (SELECT 1 FROM new.\(name) n WHERE \(there))"
    ]).first
    guard answer?.failure == nil else { return 0 }
    return max(0, try count() - before)
  }

  private func count() throws(Problem) -> Int {
    try ask(["SELECT count(*) AS n FROM new.\(name)"]).first?.rows.first?["n"]?.integer ?? 0
  }
}
