import MendKit

extension Engine {
  /// A run that changes something: resolves the targets, locks their repositories, cleans up after runs that died, does
  /// the work, and calls the operator when it failed. One that is only reading changes no store.
  func changing(
    _ targets: [String], action: String, isReading: Bool = false, makingRepository: Bool = false,
    _ work: (_ stores: [ManagedStore], _ session: RunSession, _ report: inout Report) -> Void
  ) -> Report {
    let start = clock.steady()
    var report = Report()
    var stores: [ManagedStore] = []
    do throws(Problem) {
      let selection = try select(targets)
      stores = selection.stores
      report.problems = selection.problems
      let session = try openSession(
        stores, action: action, isReading: isReading, makingRepository: makingRepository)
      defer { session.close() }
      report.notes = session.notes
      work(stores, session, &report)
    } catch {
      report.problems.append(error)
      // Nothing was done: every store is listed as unchecked, with the process that stood in the way.
      report.stores = stores.map { store in
        StoreReport(
          store: store.identity, path: store.writtenPath, verdict: .unchecked, blockedBy: error.blockers)
      }
    }
    report = finish(report, since: start)
    runFailureHook(&report, stores: stores)
    return report
  }
}
