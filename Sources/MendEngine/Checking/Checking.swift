import MendKit

extension Engine {
  /// Checks the stores that the targets name. Creates nothing and changes nothing, and takes no lock of its own.
  public func check(_ targets: [String]) -> Report {
    let start = clock.steady()
    var report = Report()
    do throws(Problem) {
      let selection = try select(targets)
      report.problems = selection.problems
      for result in runChecks(selection.stores, counting: .ifCheap) { report.stores.append(checked(result)) }
    } catch {
      report.problems.append(error)
    }
    return finish(report, since: start)
  }

  /// As `check`; the report says of each store which rule decided what, and why a repair would be planned as it would.
  public func checkExplained(_ targets: [String]) -> Report { explaining.check(targets) }

  private func checked(_ result: CheckResult) -> StoreReport {
    var report = StoreReport(result)
    if settings.explains {
      report.explained = StoreExplanation(findings: result.explanations, plan: explainPlan(result))
    }
    do throws(Problem) {
      try runRuleHooks(result)
    } catch {
      report.add(error)
    }
    return report
  }
}
