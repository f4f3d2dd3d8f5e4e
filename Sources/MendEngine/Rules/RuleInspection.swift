import MendKit

/// Something that is wrong with a rule, seen against all others and against what there is to be found.
struct RuleSlip: Hashable {
  enum Part: Hashable {
    case rule
    case when
    case unless(Int)
  }

  enum Kind: Hashable {
    /// The condition holds for no finding that there can be.
    case neverHolds
    /// The rule decides nothing, though its condition may hold.
    case neverDecides
    /// The exception changes nothing.
    case exceptsNothing
    /// What it wants is not to be had.
    case wantsInVain
  }

  /// The position of the rule.
  var rule: Int
  var part: Part
  /// The key of that part where it is; nil for the part as a whole.
  var key: String?
  var kind: Kind
  var said: String
}

/// Finds rules that can never do anything. What it says is certain: in case of doubt it says nothing.
struct RuleInspection {
  let rules: [Configuration.Rule]
  let world: RuleWorld

  private typealias Condition = Configuration.Condition

  /// What a condition may be about.
  private struct Reach {
    var stores: Set<Int>
    var codes: Set<Int>
    var given: RuleWorld.Given
  }

  /// Everything that is wrong, in the order of the rules.
  func slips() -> [RuleSlip] {
    let reaches = rules.map { reach($0.when) }
    return rules.indices.flatMap { slips(of: $0, reaches) }
  }

  private func reach(_ condition: Condition) -> Reach {
    let stores = world.stores(of: condition)
    return Reach(
      stores: stores, codes: world.codes(of: condition, in: stores), given: world.severitiesGiven(stores))
  }

  private func slips(of place: Int, _ reaches: [Reach]) -> [RuleSlip] {
    let rule = rules[place]
    if let slip = neverHolds(rule.when) {
      return [RuleSlip(rule: place, part: .when, key: slip.key, kind: .neverHolds, said: slip.said)]
    }
    var slips = exceptionSlips(of: place, reaches[place])
    if slips.isEmpty, let slip = decidedBefore(place, reaches) { slips.append(slip) }
    return slips + repairSlips(of: place, reaches[place])
  }

  // MARK: - Exceptions

  private func exceptionSlips(of place: Int, _ reach: Reach) -> [RuleSlip] {
    let rule = rules[place]
    var slips: [RuleSlip] = []
    for (index, exception) in rule.unless.enumerated() {
      func add(_ kind: RuleSlip.Kind, _ said: String, at key: String? = nil) {
        slips.append(RuleSlip(rule: place, part: .unless(index), key: key, kind: kind, said: said))
      }
      if let slip = neverHolds(exception) {
        add(.exceptsNothing, slip.said, at: slip.key)
        continue
      }
      let own = self.reach(exception)
      let isApart =
        reach.codes.isDisjoint(with: own.codes) || (!world.stores.isEmpty && reach.stores.isDisjoint(with: own.stores))
      if isApart {
        add(.exceptsNothing, "the exception is for findings that the rule is not about; leave it out")
      } else if takesIn(exception, rule.when, reach) {
        add(
          .neverDecides,
          "the exception holds for every finding that the rule is about, so the rule never does; narrow it")
      }
    }
    return slips
  }

  private func takesIn(_ outer: Condition, _ inner: Condition, _ reach: Reach) -> Bool {
    world.takesIn(outer, inner, reach.stores)
      && reach.codes.allSatisfy { world.takesIn(outer, inner, world.codes[$0], reach.given) }
  }

  // MARK: - Earlier rules

  /// Each rule is held against all before it: of more than so many that would take longer than the run.
  private static let mostRules = 1000

  /// What is wrong with a rule whose findings are all decided by rules before it.
  private func decidedBefore(_ place: Int, _ reaches: [Reach]) -> RuleSlip? {
    let (rule, reach) = (rules[place], reaches[place])
    guard !reach.codes.isEmpty, place < Self.mostRules else { return nil }
    // What a rule excepts comes to later ones; so that counts for one that excepts the same, and for codes that it cannot be about.
    let candidates = (0..<place).filter { earlier in
      let before = rules[earlier].when
      return Self.takesInPlaces(before, rule.when) && world.takesIn(before, rule.when, reach.stores)
    }.map { earlier in
      let excepted = rules[earlier].unless.filter { !rule.unless.contains($0) }.map { self.reach($0).codes }
      return (earlier, codes: excepted.reduce(reaches[earlier].codes) { $0.subtracting($1) })
    }
    guard !candidates.isEmpty else { return nil }
    var deciding: [Int] = []
    for code in reach.codes.sorted() {
      let earlier = candidates.first { earlier, codes in
        codes.contains(code) && world.takesIn(rules[earlier].when, rule.when, world.codes[code], reach.given)
      }?.0
      guard let earlier else { return nil }
      if !deciding.contains(earlier) { deciding.append(earlier) }
    }
    let names = deciding.sorted().map { rules[$0].name }.joined(separator: " and ")
    return RuleSlip(
      rule: place, part: .rule, kind: .neverDecides,
      said: "the rule never decides anything: every finding that it is about is decided before it, by \(names); "
        + "put it before, or leave it out")
  }

  /// Whether the names that an earlier rule asks for leave nothing out, whatever the code.
  private static func takesInPlaces(_ outer: Condition, _ inner: Condition) -> Bool {
    RuleWorld.covers(outer.table, inner.table) && RuleWorld.covers(outer.index, inner.index)
  }

  // MARK: - Repairs

  private func repairSlips(of place: Int, _ reach: Reach) -> [RuleSlip] {
    (rules[place].repair?.ladder ?? []).compactMap { id in
      guard let mends = world.repairs.first(where: { $0.id == id })?.mends else { return nil }
      let isOfUse = reach.codes.contains { code in mends.contains { Glob.meet($0, world.codes[code].pattern) } }
      guard !isOfUse else { return nil }
      let others = world.repairs.filter { repair in
        reach.codes.contains { code in repair.mends.contains { Glob.meet($0, world.codes[code].pattern) } }
      }.map(\.id)
      let subject = rules[place].when.code.map { "'\($0)'" } ?? "what the rule is about"
      let hint = others.isEmpty ? "; no repair here does" : "; it is mended by \(others.joined(separator: ", "))"
      return RuleSlip(
        rule: place, part: .rule, key: "repair", kind: .wantsInVain, said: "'\(id)' does not mend \(subject)\(hint)")
    }
  }
}
