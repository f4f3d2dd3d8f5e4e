import MendKit

extension RuleInspection {
  /// What is wrong with a condition that holds for no finding that there can be, and under which key; nil for one that may hold.
  func neverHolds(_ condition: Configuration.Condition) -> (key: String?, said: String)? {
    if let slip = code(condition) ?? place(condition) { return slip }
    let stores = world.stores(of: condition)
    let given = world.severitiesGiven(stores)
    guard !world.codes.isEmpty else { return nil }
    let codes = world.codes.filter { code in condition.code.map { Glob.meet($0, code.pattern) } ?? true }
    let subject = condition.code.map { "'\($0)'" } ?? "any check"
    // Each key by itself, so that what is said is about one; then all of them together.
    if let slip = severity(condition, codes, given, subject) ?? table(condition, codes, subject)
      ?? measures(condition, codes, subject)
    {
      return slip
    }
    guard !codes.contains(where: { world.mayBe($0, condition, given) }) else { return nil }
    return (nil, "no finding is all of this at once")
  }

  private func code(_ condition: Configuration.Condition) -> (key: String?, said: String)? {
    guard let pattern = condition.code, !world.codes.contains(where: { Glob.meet(pattern, $0.pattern) }) else {
      return nil
    }
    let known = world.codes.map(\.pattern)
    let areas = Set(known.map { code in "\(code.prefix { $0 != "." }).*" }).sorted()
    let hint = NearestWord.suggestion(for: pattern, among: pattern.contains("*") ? areas : known.sorted())
    let area = "\(pattern.prefix { $0 != "." })."
    let sisters = known.filter { $0.hasPrefix(area) }.sorted()
    let list =
      pattern.contains("*") || sisters.isEmpty
      ? "there are \(areas.joined(separator: ", "))"
      : "there are \(sisters.joined(separator: ", "))"
    return ("code", "no check finds '\(pattern)'" + (hint.isEmpty ? "; \(list)" : hint))
  }

  private func place(_ condition: Configuration.Condition) -> (key: String?, said: String)? {
    if let kind = condition.kind, !world.kinds.contains(where: { Glob.matches(kind, $0) }) {
      return ("kind", "unknown kind of store '\(kind)'" + Self.hint(kind, world.kinds))
    }
    guard !world.stores.isEmpty else { return nil }
    let environments = Set(world.stores.map(\.environment)).sorted()
    if let name = condition.environment, !environments.contains(where: { Glob.matches(name, $0) }) {
      return ("environment", "no environment here is called '\(name)'" + Self.hint(name, environments))
    }
    let names = world.stores.map(\.name)
    if let name = condition.store, !names.contains(where: { Glob.matches(name, $0) }) {
      return ("store", "no store here is called '\(name)'" + Self.hint(name, names))
    }
    if let kind = condition.kind, !world.stores.contains(where: { world.mayBeKind($0, kind) }) {
      let kinds = Set(world.stores.compactMap(\.kind)).sorted().joined(separator: ", ")
      return ("kind", "no store here is of the kind '\(kind)'; they are of the kinds \(kinds)")
    }
    guard world.stores(of: condition).isEmpty else { return nil }
    var apart = condition
    apart.kind = nil
    if condition.kind != nil, !world.stores(of: apart).isEmpty {
      return ("kind", "none of the stores that this names is of the kind '\(condition.kind ?? "")'")
    }
    return ("environment", "the environment '\(condition.environment ?? "")' has no store '\(condition.store ?? "")'")
  }

  private func severity(
    _ condition: Configuration.Condition, _ codes: [RuleWorld.Code], _ given: RuleWorld.Given, _ subject: String
  ) -> (key: String?, said: String)? {
    guard codes.allSatisfy({ world.severities(of: $0, condition, given).isEmpty }) else { return nil }
    var anyone = condition
    anyone.severities = []
    let all = codes.reduce(into: Set<Severity>()) { $0.formUnion(world.severities(of: $1, anyone, given)) }.sorted()
      .map(\.rawValue)
    let wanted = condition.severities.map(\.rawValue).joined(separator: " or ")
    return ("severity", "no check gives \(subject) the severity \(wanted); it is \(all.joined(separator: " or "))")
  }

  private func table(
    _ condition: Configuration.Condition, _ codes: [RuleWorld.Code], _ subject: String
  ) -> (key: String?, said: String)? {
    guard condition.table != nil || condition.index != nil, codes.allSatisfy(\.isOfStore) else { return nil }
    let key = condition.table != nil ? "table" : "index"
    return (key, "a finding of \(subject) is of the store as a whole and names no \(key)")
  }

  private func measures(
    _ condition: Configuration.Condition, _ codes: [RuleWorld.Code], _ subject: String
  ) -> (key: String?, said: String)? {
    guard codes.allSatisfy({ !world.mayMeasure($0, condition.measured) }) else { return nil }
    let known = Set(codes.flatMap(\.measures.keys)).sorted()
    for comparison in condition.measured where !known.contains(comparison.measure) {
      let list = known.isEmpty ? "" : "; it measures \(known.joined(separator: ", "))"
      let hint = NearestWord.suggestion(for: comparison.measure, among: known)
      return ("measured", "no finding of \(subject) measures '\(comparison.measure)'" + (hint.isEmpty ? list : hint))
    }
    for comparison in condition.measured where codes.allSatisfy({ !world.mayMeasure($0, [comparison]) }) {
      let all = codes.compactMap { $0.measures[comparison.measure] }
      if let measure = all.first, comparison.unit != .none,
        !all.contains(where: { MeasureUnit($0.unit).isComparable(with: comparison.unit) })
      {
        return (
          "measured",
          "'\(comparison.measure)' is \(MeasureUnit(measure.unit).title), and '\(comparison)' has \(comparison.unit.title)"
        )
      }
      let range = all.first.map { Self.words($0) } ?? ""
      return ("measured", "'\(comparison)' never holds\(range)")
    }
    let list = condition.measured.map { "'\($0)'" }.joined(separator: " and ")
    return ("measured", "nothing can be both: \(list)")
  }

  /// What a measure can be, where that is known: `: 'drop' is from 0 to 100 %`.
  private static func words(_ measure: MeasureDescription) -> String {
    let (least, most) = (measure.range.lowerBound, measure.range.upperBound)
    let unit = measure.unit.isEmpty ? "" : " \(measure.unit)"
    if least.isFinite, most.isFinite {
      return ": '\(measure.name)' is from \(Measure.number(least)) to \(Measure.number(most))\(unit)"
    }
    return least.isFinite ? ": '\(measure.name)' is at least \(Measure.number(least))\(unit)" : ""
  }

  private static func hint(_ word: String, _ known: [String]) -> String {
    let near = NearestWord.suggestion(for: word, among: known)
    return near.isEmpty ? "; there are \(known.joined(separator: ", "))" : near
  }
}
