import MendKit

/// Looks whether a store that was found is healthy, and what it holds.
struct StoreExamination {
  let registry: PluginRegistry
  let patience: Double

  /// Why a store is not taken up.
  struct Unfit: Error {
    var leftOut: Initialiser.LeftOut
  }

  /// The store with its tables, or why it is not taken up. Runs the checks that a path gets without any configuration.
  func examine(
    _ candidate: StoreSearch.Candidate, environment: String, name: String
  ) -> Result<DraftStore, Unfit> {
    let resolved = Paths.resolved(candidate.path)
    let context = CheckContext(
      store: StoreIdentity(environment: environment, name: name, path: resolved), path: resolved,
      driver: candidate.driver, patience: patience)
    defer { context.openSession?.end() }
    var store = DraftStore(
      environment: environment, name: name, path: candidate.path, kind: candidate.driver.description.id)
    do throws(Problem) {
      for configured in Configuration.standardChecks {
        guard let check = registry.check(configured.id) else { continue }
        let findings = try check.findings(
          in: context, options: Options(configured.options, defaults: check.description))
        context.previous += findings
        for finding in findings where finding.severity >= .error {
          if let severity = configured.severity, severity < .error {
            store.lenientChecks.insert(configured.id)
          } else if configured.id == "primary-keys", let table = try Self.tableWithoutKeys(finding, context) {
            store.tablesWithoutKeys.insert(table)
          } else {
            return .failure(unfit(candidate.path, finding))
          }
        }
      }
      let session = try context.session()
      for table in try session.catalog().tables {
        // The rows of a virtual table are counted with the tables that hold them, if at all.
        let rows = table.isVirtual ? nil : try session.rowCount(of: table)
        store.tables.append(DraftStore.Table(name: table.name, rows: rows, hasSequence: table.hasSequence))
      }
      return .success(store)
    } catch {
      return .failure(
        Unfit(
          leftOut: Initialiser.LeftOut(path: candidate.path, reason: error.said, advice: error.advice)))
    }
  }

  /// The table of a finding that says of every one of its rows that the key is NULL. SQLite allows that for any key but
  /// INTEGER PRIMARY KEY (https://sqlite.org/lang_createtable.html, section 3.5), and where no row has a key, the application
  /// wants none: PROJ's own database has such a table. Where only some rows are without one, it is damage.
  private static func tableWithoutKeys(_ finding: Finding, _ context: CheckContext) throws(Problem) -> String? {
    guard finding.code == "key.null", let name = finding.location.table else { return nil }
    let session = try context.session()
    guard let table = try session.catalog().table(name) else { return nil }
    return finding.count >= (try session.rowCount(of: table)) ? table.name : nil
  }

  private func unfit(_ path: String, _ finding: Finding) -> Unfit {
    Unfit(
      leftOut: Initialiser.LeftOut(
        path: path, reason: "\(finding.code): \(finding.message)",
        advice: "Repair it first: dbmend repair \(path); then run dbmend init again."))
  }
}
