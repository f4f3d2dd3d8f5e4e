import MendKit

/// What a store and its archives still know of tables that are not there.
struct Traces {
  private let backup: Backup?
  private let archived: SQLStatements?
  private let own: SQLStatements
  private let sequences: Set<String>
  private let hasLoosePages: Bool

  /// Looks for traces in the store at the context's path and in its newest good archive; nil where the store is too
  /// damaged to be read.
  init?(in context: RepairContext) throws(Problem) {
    backup = try context.backups?.newestGood()
    if let backup, let text = try context.backups?.schema(of: backup) {
      archived = SQLStatements(text)
    } else {
      archived = nil
    }
    do throws(Problem) {
      let session = try context.driver.open(context.path, patience: context.patience)
      defer { session.end() }
      own = SQLStatements(try session.catalog().schema ?? "")
      sequences = Set(try session.sequences().map { $0.table.lowercased() })
      let structure = try session.verifyIntegrity(IntegrityRequest(isFull: false))
      hasLoosePages = structure.contains { finding in
        finding.code.matches("page.*") || finding.code.matches("*.malformed")
      }
    } catch  where error.kind == .damaged {
      return nil
    }
  }

  /// What shows that a table was there, as a clause; nil where nothing does.
  func of(_ table: String) -> String? {
    if let backup {
      let name = Paths.name(of: backup.path)
      if let rows = archivedRows(of: table) {
        return "the archive \(name) has \(rows == 1 ? "1 row" : "\(rows) rows") of \(table)"
      }
      if archived?.tables.contains(where: { $0.lowercased() == table.lowercased() }) == true {
        return "the archive \(name) defines \(table)"
      }
    }
    if let reference = own.all.first(where: { $0.mentions(table) }) {
      let what = reference.defines.map { "the definition of \($0.name)" } ?? "a definition of the store"
      return what + " refers to \(table)"
    }
    if sequences.contains(table.lowercased()) { return "the store has a sequence of \(table)" }
    return hasLoosePages ? "damaged pages, or pages that belong to nothing, may have held rows of \(table)" : nil
  }

  /// How many rows are lost when a table is made anew: as many as the archive has; nil where nobody can count them.
  func lostRows(of table: String) -> Int? {
    if let rows = archivedRows(of: table) { return rows }
    return of(table) == nil ? 0 : nil
  }

  private func archivedRows(of table: String) -> Int? {
    backup?.rows.first { $0.key.lowercased() == table.lowercased() }?.value
  }
}
