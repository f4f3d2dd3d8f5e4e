import MendKit

extension Engine {
  /// Runs the hooks of the rules that decided findings of a store, each once, in the order of the rules. Throws at the first that
  /// does not end with 0: then what comes behind the checks does not happen.
  ///
  /// Belongs behind the checks that a run begins with, and before the first change. Later checks, of a working copy or after a
  /// command, run none: what they find is told by the hooks of the pipeline.
  func runRuleHooks(_ result: CheckResult) throws(Problem) {
    guard result.store.isConfigured else { return }
    var decided: [Int: [Finding]] = [:]
    for ruled in result.ruled {
      if let rule = ruled.rule { decided[rule, default: []].append(ruled.finding) }
    }
    for (position, findings) in decided.sorted(by: { $0.key < $1.key }) {
      let rule = configuration.rules[position]
      guard let command = rule.hook else { continue }
      observer.began(.ruleHook(result.store.identity, rule: rule.name))
      let content = JSONValue.object([
        "dbmend": .integer(1), "store": .string(result.store.identity.description),
        "environment": .string(result.store.identity.environment), "path": .string(result.store.path),
        "kind": result.driver.map { .string($0.description.id) }, "verdict": .string(result.verdict.rawValue),
        "rule": rule.origin.map { .string($0) }, "findings": .array(findings.map(\.json)),
      ])
      try runHookCommand(
        command, name: "hook of the rule \(rule.name)", for: result.store,
        variables: ["DBMEND_MOMENT": "rule", "DBMEND_RULE": rule.name], input: Array((content.text() + "\n").utf8))
    }
  }
}
