import MendKit

extension Engine {
  /// What a plan would come to: it is carried out on a copy in the folder for temporary files, which goes away again.
  /// The report says which rows would be kept, rebuilt, taken from a backup, set aside and lost, and whether the checks
  /// would pass; true where they do.
  func tryOut(_ result: CheckResult, _ driver: any Driver, _ report: inout StoreReport) -> Bool {
    let work = WorkFolder(beside: Paths.join(settings.temporaryFolder, result.store.identity.name), driver)
    do throws(Problem) {
      try confirmRoom(for: result, in: settings.temporaryFolder)
      let backups = try backups(of: result.store, driver)
      let schema = try schemaText()
      report.notes += AbandonedWork(registry).clear(settings.temporaryFolder)
      try work.make()
      defer { if let note = work.end(result.store.identity, nil) { report.notes.append(note) } }
      var mending = try Mending(
        engine: self, result: result, driver: driver, backups: backups, schema: schema, work: work)
      try mending.run()
      forecast(mending, &report)
      return mending.isHealthy
    } catch {
      report.notes.append("What the plan would come to was not tried on a copy: \(error)")
      return false
    }
  }

  private func forecast(_ mending: Mending, _ report: inout StoreReport) {
    guard mending.isHealthy else {
      let left = mending.findings.count
      report.notes.append(
        "Tried on a copy: the checks do not pass on the result (\(left) \(left == 1 ? "finding remains" : "findings remain")"
          + "), so nothing would be changed.")
      for failure in mending.failures {
        report.notes.append("A repair could not be carried out: \(mending.inTermsOfStore(failure))")
      }
      report.neededLoss = Plan.neededLoss(mending.uncovered) ?? report.neededLoss
      return
    }
    // A later step answers what an earlier one left; what did not do would be done and thrown away.
    report.plan = mending.steps.filter { $0.outcome == .mended }.map { step in
      var step = step
      step.outcome = nil
      return step
    }
    report.rows = mending.rows
    report.neededLoss = nil
    report.notes.append(
      "Tried on a copy: the checks pass on the result" + (report.rows.isEmpty ? "." : ", with rows as listed."))
    for note in mending.notes where !report.notes.contains(note) { report.notes.append(note) }
  }

  private func confirmRoom(for result: CheckResult, in folder: String) throws(Problem) {
    let size = result.bytes ?? 0
    let needed = size.addingReportingOverflow(size / 10).partialValue
    let available = try Volume.of(folder).available
    guard available < needed else { return }
    throw Problem(
      .noSpace, tried: "make a copy to try the plan on, in", on: folder,
      said: "\(available) bytes are free, and \(needed) are needed", advice: "Name another folder with TMPDIR.")
  }
}
