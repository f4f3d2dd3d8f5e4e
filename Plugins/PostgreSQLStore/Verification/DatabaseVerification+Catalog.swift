import MendKit

/// What the server tells of a database without a look at its pages.
extension DatabaseVerification {
  /// Indexes that no query uses.
  func invalidIndexes() -> [Finding] {
    var findings: [Finding] = []
    for relation in database.relations {
      for index in relation.indexes where !index.isValid || !index.isReady {
        findings.append(
          Finding(
            "index.invalid", .error, at: Finding.Location(table: relation.table.name, index: index.shown),
            "the index \(index.shown) is not valid: queries do not use it, and it refuses no duplicates",
            evidence: "indisvalid \(index.isValid), indisready \(index.isReady); a CREATE INDEX CONCURRENTLY failed"))
      }
    }
    return findings
  }

  /// Sequences that give no value.
  func damagedSequences() throws(Problem) -> [Finding] {
    let damaged = try session.asking("read the sequences of") { () throws(ServerFailure) in
      try SequenceSurvey.damaged(session.connection)
    }
    return damaged.map { sequence in
      Finding(
        "table.malformed", .error, at: Finding.Location(table: sequence.shown),
        "the sequence \(sequence.shown) is damaged: no value can be drawn from it", evidence: sequence.said)
    }
  }

  /// What is counted where row-level security is at work is no count of the table.
  func hiddenRows() throws(Problem) -> [Finding] {
    let rows = try session.asking("ask for row-level security in") { () throws(ServerFailure) in
      try session.connection.rows(
        """
        select n.nspname, c.relname, current_user from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and c.relrowsecurity and \(DatabaseCatalog.ownSchemas)
          and pg_catalog.row_security_active(c.oid) order by 1, 2
        """)
    }
    return rows.map { row in
      let name = DatabaseCatalog.shown(row[0] ?? "", row.count > 1 ? row[1] ?? "" : "")
      return Finding(
        "table.unverified", .info, at: Finding.Location(table: name),
        "row-level security shows the role \((row.last ?? nil) ?? "?") only a part of the rows of \(name): that part alone was read and counted",
        evidence: "it is neither the table's owner nor has it BYPASSRLS; a backup takes one that does")
    }
  }

  /// What the server has counted of pages whose checksum is wrong.
  func checksumFailures() throws(Problem) -> [Finding] {
    let row = try session.asking("ask for checksum failures of") { () throws(ServerFailure) in
      try session.connection.rows(
        """
        select checksum_failures, checksum_last_failure from pg_catalog.pg_stat_database
        where datname = pg_catalog.current_database() and checksum_failures > 0
        """
      ).first
    }
    guard let row, row.count == 2, let count = Int(row[0] ?? "") else { return [] }
    return [
      Finding(
        "checksum.failures", .warning,
        "the server has met \(count == 1 ? "1 page" : "\(count) pages") of this database whose data checksum is wrong",
        evidence: row[1].map { "the last one at \($0) UTC; the count goes back with pg_stat_reset()" }, count: count)
    ]
  }
}
