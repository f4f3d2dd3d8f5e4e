import MendKit

@testable import MendEngine

/// A small world in which chance makes rules and findings, so that many of them meet.
struct RandomRules {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func next(_ count: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state >> 33) % count
  }

  private mutating func pick<Item>(_ items: [Item]) -> Item { items[next(items.count)] }
  private mutating func maybe<Item>(_ one: Int, _ items: [Item]) -> Item? { next(one) == 0 ? pick(items) : nil }

  private static let descriptions: [FindingDescription] = {
    let drop = MeasureDescription("drop", "%", "x", in: 0...100)
    let size = MeasureDescription("size", "B", "x")
    let age = MeasureDescription("age", "ms", "x")
    var open = FindingDescription("quota.over", .warning, "x")
    open.isOpen = true
    return [
      FindingDescription("row.few", .error, "x", measures: [drop, MeasureDescription("rows", "", "x")]),
      FindingDescription("row.odd", .warning, "x", or: [.error], measures: [size]),
      FindingDescription("disk.full", .error, "x", measures: [size, age], isOfStore: true),
      FindingDescription("disk.slow", .info, "x", measures: [age], isOfStore: true), open,
      FindingDescription("area.*", .error, "x"),
    ]
  }()

  private static let places = [
    RuleBook.Place(store: StoreIdentity(environment: "p", name: "one", path: "/1"), kind: "sqlite"),
    RuleBook.Place(store: StoreIdentity(environment: "p", name: "two", path: "/2"), kind: "json"),
    RuleBook.Place(store: StoreIdentity(environment: "q", name: "one", path: "/3"), kind: "json"),
  ]

  /// The third store's kind is detected, and its checks are configured to be of the severity info.
  let world = RuleWorld(
    codes: RuleWorld.codes(descriptions.map { ($0, $0.isOfStore ? nil : "made") }),
    stores: places.enumerated().map { index, place in
      RuleWorld.Store(
        name: place.store.description, environment: place.store.environment, kind: index == 2 ? nil : place.kind,
        given: index == 2 ? ["made": [.info]] : [:])
    },
    kinds: ["sqlite", "json", "folder"], repairs: [])

  mutating func rule(_ number: Int) -> Configuration.Rule {
    var rule = Configuration.Rule(when: condition(), severity: .info, origin: "dbmend.yaml:\(number)")
    for _ in 0..<max(0, next(5) - 2) { rule.unless.append(condition()) }
    return rule
  }

  private mutating func condition() -> Configuration.Condition {
    var condition = Configuration.Condition()
    condition.code = maybe(
      2, ["row.*", "row.few", "*", "disk.*", "*.f*", "quota.*", "area.*", "area.x*", "area.xy", "ro*d", "disk.slow"])
    if next(4) == 0 { condition.severities = Array(Severity.allCases.shuffled(by: next(24)).prefix(1 + next(2))) }
    condition.store = maybe(5, ["p/*", "*/one", "q/one", "p/two"])
    condition.environment = maybe(6, ["p", "q", "*"])
    condition.kind = maybe(6, ["json", "s*", "*", "folder"])
    condition.table = maybe(4, ["*", "users", "u*", "logs", "*s"])
    condition.index = maybe(9, ["*", "users_name"])
    for _ in 0..<max(0, next(4) - 1) {
      let name = pick(["drop", "size", "age", "rows", "count", "other"])
      let sign = pick(Comparison.Relation.allCases).rawValue
      let number = pick(["0", "10", "20", "20%", "10%", "10kB", "20", "100%", "1s", "1000", "10B"])
      if let comparison = try? Comparison("\(name) \(sign) \(number)") { condition.measured.append(comparison) }
    }
    return condition
  }

  /// A finding such as the world says that there may be, in a store, by a check as it is configured there.
  mutating func finding() -> (Finding, RuleBook.Place, Configuration.ConfiguredCheck) {
    let description = pick(Self.descriptions)
    let place = next(Self.places.count)
    let isArea = description.code == "area.*"
    let isOpen = description.isOpen || isArea
    let code = isArea ? pick(["area.x", "area.xy", "area.other"]) : description.code.rawValue
    var finding = Finding(
      FindingCode(rawValue: code), isOpen ? pick(Severity.allCases) : pick(description.severities), "x",
      count: pick([1, 1, 10, 20, 1000]))
    if !description.isOfStore {
      finding.location.table = maybe(2, ["users", "logs", "orders"])
      finding.location.index = maybe(4, ["users_name", "x"])
    }
    let measures =
      isOpen
      ? ["drop", "size", "age", "rows", "other"].map {
        MeasureDescription($0, pick(["", "%", "B", "kB", "ms", "s"]), "x")
      }
      : description.measures
    for measure in measures where next(3) > 0 {
      let values = [0.0, 0.5, 9.5, 10, 15, 20, 25, 99, 100] + (measure.unit == "%" ? [] : [1000, 1e4, 2e4, 1e6])
      finding.measures.append(Measure(measure.name, pick(values), unit: measure.unit))
    }
    return (
      finding, Self.places[place],
      Configuration.ConfiguredCheck(id: "made", severity: place == 2 ? maybe(2, [.info]) : nil)
    )
  }
}

extension Array {
  /// One of the orders of four things, by its number.
  fileprivate func shuffled(by number: Int) -> [Element] {
    var rest = self
    var number = number
    var result: [Element] = []
    while !rest.isEmpty {
      result.append(rest.remove(at: number % rest.count))
      number /= 2
    }
    return result
  }
}
