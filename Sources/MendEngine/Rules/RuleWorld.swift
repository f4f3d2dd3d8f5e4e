import MendKit

/// What rules can be about: the findings that the plugins of a run may come to, and the stores of the file.
struct RuleWorld: Sendable {
  /// A code that checks may find, or an area of codes of which only the pattern is known.
  struct Code: Sendable {
    var pattern: String
    var severities: Set<Severity>
    /// What its findings measure, by name.
    var measures: [String: MeasureDescription]
    /// Whether its findings may have other severities and measures, too.
    var isOpen: Bool
    /// Whether its findings never name a table or an index.
    var isOfStore: Bool
    /// The checks that may come to it, by id; nil where any may that opens the store.
    var finders: Set<String>?
  }

  /// One store of the file.
  struct Store: Sendable {
    var name: String
    var environment: String
    /// Nil where it is detected.
    var kind: String?
    /// The severities that its checks are configured to give, by the check's id.
    var given: Given
  }

  var codes: [Code]
  /// Severities by the check that is configured to give them.
  typealias Given = [String: Set<Severity>]

  /// Empty where the file has none: then nothing is said of stores.
  var stores: [Store]
  /// The kinds of store that there is a driver for.
  var kinds: [String]
  /// What each repair mends, in the registry's order.
  var repairs: [(id: String, mends: [String])]

  init(codes: [Code], stores: [Store], kinds: [String], repairs: [(id: String, mends: [String])]) {
    self.codes = codes
    self.stores = stores
    self.kinds = kinds
    self.repairs = repairs
  }

  /// The world of a registry and of the environments of a file.
  init(_ registry: PluginRegistry, _ environments: [Configuration.Environment]) {
    self.init(
      codes: Self.codes(Self.descriptions(registry)),
      stores: environments.flatMap { environment in
        environment.stores.map { store in
          Store(
            name: "\(environment.name)/\(store.name)", environment: environment.name, kind: store.kind,
            given: store.checks.reduce(into: [:]) { given, check in
              if let severity = check.severity { given[check.id, default: []].insert(severity) }
            })
        }
      },
      kinds: registry.drivers.map(\.description.id),
      repairs: registry.repairs.map { ($0.description.id, $0.description.mends) })
  }

  /// What drivers describe, and what is wrong with the file in its place, any check comes to that has to open the store.
  private static func descriptions(_ registry: PluginRegistry) -> [(description: FindingDescription, finder: String?)] {
    var anything = FindingDescription("*", .error, "what a plugin finds that could not say what that is")
    anything.isOpen = true
    return registry.drivers.flatMap { driver in driver.description.finds.map { ($0, nil) } }
      + registry.checks.flatMap { check in
        check.description.finds.map { ($0, check.looksAtPlace ? nil : check.description.id) }
      } + (registry.isWholeKnown ? [] : [(anything, nil)])
  }

  /// What several plugins say of one code holds together: each of them may be the one that finds it.
  static func codes(_ descriptions: [(description: FindingDescription, finder: String?)]) -> [Code] {
    var codes: [Code] = []
    var places: [String: Int] = [:]
    for (description, finder) in descriptions {
      let name = description.code.rawValue
      let place = places[name] ?? codes.count
      if place == codes.count {
        places[name] = place
        codes.append(Code(pattern: name, severities: [], measures: [:], isOpen: false, isOfStore: true, finders: []))
        codes[place].measures[MeasureDescription.count.name] = .count
      }
      if let finder { codes[place].finders?.insert(finder) } else { codes[place].finders = nil }
      codes[place].severities.formUnion(description.severities)
      // An area's findings are not told one by one.
      codes[place].isOpen = codes[place].isOpen || description.isOpen || name.contains("*")
      if codes[place].isOpen { codes[place].severities = Set(Severity.allCases) }
      codes[place].isOfStore = codes[place].isOfStore && description.isOfStore
      for measure in description.measures {
        guard let known = codes[place].measures[measure.name] else {
          codes[place].measures[measure.name] = measure
          continue
        }
        let range =
          min(
            known.range.lowerBound, measure.range.lowerBound)...max(
            known.range.upperBound, measure.range.upperBound)
        codes[place].measures[measure.name]?.range = range
        // Of two units neither can be relied upon.
        if known.unit != measure.unit { codes[place].isOpen = true }
      }
    }
    return codes
  }
}

// MARK: - What a condition reaches

extension RuleWorld {
  typealias Condition = Configuration.Condition

  /// The positions of the stores that a condition may be about.
  func stores(of condition: Condition) -> Set<Int> {
    Set(stores.indices.filter { mayBe(stores[$0], condition) })
  }

  /// The positions of the codes of which a finding may be such that the condition holds, given where it may be.
  func codes(of condition: Condition, in places: Set<Int>) -> Set<Int> {
    let given = severitiesGiven(places)
    return Set(codes.indices.filter { mayBe(codes[$0], condition, given) })
  }

  /// The severities that checks are configured to give in some of the stores.
  func severitiesGiven(_ places: Set<Int>) -> Given {
    places.reduce(into: [:]) { $0.merge(stores[$1].given) { $0.union($1) } }
  }

  private func mayBe(_ store: Store, _ condition: Condition) -> Bool {
    Self.names(condition.store, store.name) && Self.names(condition.environment, store.environment)
      && mayBeKind(store, condition.kind)
  }

  /// Whether a store may be of a kind: what is detected may be any that there is a driver for.
  func mayBeKind(_ store: Store, _ pattern: String?) -> Bool {
    guard let pattern else { return true }
    return (store.kind.map { [$0] } ?? kinds).contains { Glob.matches(pattern, $0) }
  }

  private static func names(_ pattern: String?, _ text: String) -> Bool {
    pattern.map { Glob.matches($0, text) } ?? true
  }

  func mayBe(_ code: Code, _ condition: Condition, _ given: Given) -> Bool {
    guard condition.code.map({ Glob.meet($0, code.pattern) }) ?? true else { return false }
    guard severities(of: code, condition, given).isEmpty == false else { return false }
    if code.isOfStore, condition.table != nil || condition.index != nil { return false }
    return mayMeasure(code, condition.measured)
  }

  /// The severities with which a finding of the code may reach the condition.
  func severities(of code: Code, _ condition: Condition, _ given: Given) -> Set<Severity> {
    let all = given.reduce(into: code.severities) { all, given in
      if code.finders?.contains(given.key) ?? true { all.formUnion(given.value) }
    }
    return condition.severities.isEmpty ? all : all.intersection(condition.severities)
  }

  /// Whether a finding of the code may have measured so that all comparisons hold.
  func mayMeasure(_ code: Code, _ comparisons: [Comparison]) -> Bool {
    Dictionary(grouping: comparisons, by: \.measure).allSatisfy { name, comparisons in
      if code.isOpen { return Self.canHold(comparisons, of: nil) }
      guard let measure = code.measures[name] else { return false }
      return Self.canHold(comparisons, of: measure)
    }
  }

  /// Whether one value can be such that all comparisons hold; of a measure of which nothing is known where that is nil.
  static func canHold(_ comparisons: [Comparison], of measure: MeasureDescription?) -> Bool {
    let unit = measure.map { MeasureUnit($0.unit) }
    let ranged = comparisons.filter { $0.unit != .none }
    if let unit, !ranged.allSatisfy({ $0.unit.isComparable(with: unit) }) { return false }
    if let first = ranged.first, !ranged.allSatisfy({ $0.unit.isComparable(with: first.unit) }) { return false }
    if let unit, let measure, unit.base(1) == 1 { return !range(comparisons, measure.range).isEmpty }
    // Plain numbers and those with a unit are told in different terms.
    return !range(comparisons.filter { $0.unit == .none }).isEmpty && !range(ranged).isEmpty
  }

  private static func range(
    _ comparisons: [Comparison], _ bounds: ClosedRange<Double> = -Double.infinity...Double.infinity
  ) -> MeasureRange {
    comparisons.reduce(into: MeasureRange(bounds)) { $0.narrow($1.relation, $1.number) }
  }
}

// MARK: - What a condition takes in

extension RuleWorld {
  /// Whether every finding of the code for which `inner` holds, in the stores at hand, is one for which `outer` holds.
  /// In case of doubt not.
  func takesIn(_ outer: Condition, _ inner: Condition, _ code: Code, _ given: Given) -> Bool {
    if let pattern = outer.code, !Glob.covers(pattern, code.pattern),
      !(inner.code.map { Glob.covers(pattern, $0) } ?? false)
    {
      return false
    }
    if !outer.severities.isEmpty, !severities(of: code, inner, given).isSubset(of: outer.severities) { return false }
    guard Self.covers(outer.table, inner.table), Self.covers(outer.index, inner.index) else { return false }
    return outer.measured.allSatisfy { comparison in
      let same = inner.measured.filter { $0.measure == comparison.measure }
      return Self.follows(comparison, from: same, of: code.isOpen ? nil : code.measures[comparison.measure])
    }
  }

  /// Whether every store at these positions is one that `outer` is about, for findings for which `inner` holds.
  func takesIn(_ outer: Condition, _ inner: Condition, _ places: Set<Int>) -> Bool {
    guard !stores.isEmpty else {
      return Self.covers(outer.store, inner.store) && Self.covers(outer.environment, inner.environment)
        && Self.covers(outer.kind, inner.kind)
    }
    return places.allSatisfy { place in
      let store = stores[place]
      guard Self.names(outer.store, store.name), Self.names(outer.environment, store.environment) else { return false }
      guard let kind = store.kind else { return Self.covers(outer.kind, inner.kind) }
      return Self.names(outer.kind, kind)
    }
  }

  static func covers(_ outer: String?, _ inner: String?) -> Bool {
    guard let outer else { return true }
    return inner.map { Glob.covers(outer, $0) } ?? false
  }

  /// Whether a comparison holds wherever these of the same measure do.
  private static func follows(
    _ comparison: Comparison, from others: [Comparison], of measure: MeasureDescription?
  ) -> Bool {
    let unit = measure.map { MeasureUnit($0.unit) }
    // Without any, the finding need not have measured it.
    guard !others.isEmpty else { return false }
    if let unit, comparison.unit != .none, !comparison.unit.isComparable(with: unit) { return false }
    let isOneTerm = unit.map { $0.base(1) == 1 } ?? false
    let same = others.filter { other in
      if isOneTerm { return true }
      return comparison.unit == .none ? other.unit == .none : other.unit.isComparable(with: comparison.unit)
    }
    guard !same.isEmpty else { return false }
    var left = range(
      same, isOneTerm ? measure?.range ?? -Double.infinity...Double.infinity : -Double.infinity...Double.infinity)
    left.narrow(comparison.relation.opposite, comparison.number)
    return left.isEmpty
  }
}

extension PluginRegistry {
  /// Whether every plugin of the run could say what it is. Where one could not, that is a finding, and a rule about what it would
  /// find or mend is no error.
  var isWholeKnown: Bool { !checks.contains { $0.description.takesAnyOption } }
}
