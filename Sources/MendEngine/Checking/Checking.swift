import MendKit

extension Engine {
  /// Checks the stores that the targets name. Creates nothing and changes nothing, and takes no lock of its own.
  public func check(_ targets: [String]) -> Report { checkExplained(targets).report }

  /// As `check`, with what decided the severity of every finding.
  public func checkExplained(_ targets: [String]) -> (report: Report, explanations: [Explanation]) {
    let start = clock.steady()
    var report = Report()
    var explanations: [Explanation] = []
    do throws(Problem) {
      let selection = try select(targets)
      report.problems = selection.problems
      for result in runChecks(selection.stores, counting: .ifCheap) {
        report.stores.append(StoreReport(result))
        explanations += result.explanations
      }
    } catch {
      report.problems.append(error)
    }
    return (finish(report, since: start), explanations)
  }
}
