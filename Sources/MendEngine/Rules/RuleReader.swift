import MendKit

/// Reads the rules of a file, and holds them against what there is to be found.
struct RuleReader {
  let registry: PluginRegistry
  let source: SourceText
  let complaints: ComplaintList
  let environments: [Configuration.Environment]
  /// Whether everybody may write the file, so that no command in it is run.
  let othersMayWrite: Bool
  /// Whether it belongs to this user or to root, or was named by the operator: a check runs no command of anybody else's.
  let isTrusted: Bool

  /// A rule and where each part of it stands.
  private struct Reading {
    var rule: Configuration.Rule
    var position: TextPosition
    var keys: [String: TextPosition]
    var when: SectionFields?
    var unless: [SectionFields] = []
    /// Whether nothing is wrong with it in itself. One of which a part could not be read is wider than it was meant.
    var isSound = true
  }

  /// Each rule is held against all before it, and each pattern against others: with as many and as long ones as fit into a file
  /// that takes hours.
  private static let mostRules = 1000
  private static let longestPattern = 1000

  func rules(in node: YAMLNode?) -> [Configuration.Rule] {
    if let items = node?.items, items.count > Self.mostRules {
      complaints.add(
        at: items[Self.mostRules].position,
        "more than \(Self.mostRules) rules; one with '*' in it can stand for many")
      return []
    }
    let readings = (node?.items ?? []).compactMap(read)
    let sound = readings.filter(\.isSound)
    if !sound.isEmpty {
      let inspection = RuleInspection(rules: sound.map(\.rule), world: RuleWorld(registry, environments))
      for slip in inspection.slips() { complaints.add(at: Self.position(of: slip, in: sound[slip.rule]), slip.said) }
    }
    return readings.map(\.rule)
  }

  private static func position(of slip: RuleSlip, in reading: Reading) -> TextPosition {
    switch slip.part {
    case .rule: slip.key.flatMap { reading.keys[$0] } ?? reading.position
    case .when: position(of: slip.key, in: reading.when) ?? reading.position
    case .unless(let index): position(of: slip.key, in: reading.unless[index]) ?? reading.position
    }
  }

  private static func position(of key: String?, in fields: SectionFields?) -> TextPosition? {
    key.flatMap { fields?[$0]?.value.position } ?? fields?.position
  }

  // MARK: - One rule

  private static let decisions = ["severity", "repair", "accept", "hook", "ignore"]

  private func read(_ node: YAMLNode) -> Reading? {
    let before = complaints.count
    let fields = complaints.fields(of: node, as: FileFormat.rule)
    guard fields.isMap else { return nil }
    let when = fields["when"].map { condition($0.value) }
    let unless = (fields["unless"].map { $0.value.items ?? [$0.value] } ?? []).map { condition($0) }
    var rule = Configuration.Rule(
      when: when?.condition ?? Configuration.Condition(), unless: unless.map(\.condition),
      origin: source.origin(node.position))
    rule.severity = fields.options.string("severity").flatMap(Severity.init(rawValue:))
    rule.isIgnored = fields.options.flag("ignore")
    rule.repair = fields["repair"].flatMap { repair($0.value) }
    rule.acceptance = fields["accept"].flatMap { acceptance($0.value) }
    rule.hook = fields.options.string("hook")
    complainOfDecisions(node, fields, rule)
    return Reading(
      rule: rule, position: node.position, keys: fields.pairs.mapValues(\.value.position), when: when?.fields,
      unless: unless.map(\.fields), isSound: complaints.count == before)
  }

  private func complainOfDecisions(_ node: YAMLNode, _ fields: SectionFields, _ rule: Configuration.Rule) {
    if node.pairs?.contains(where: { Self.decisions.contains($0.key) }) == false {
      complaints.add(
        at: node.position, "the rule changes nothing; give it severity, repair, accept, hook or ignore: true")
    }
    if rule.isIgnored, Self.decisions.contains(where: { $0 != "ignore" && fields[$0] != nil }) {
      complaints.add(
        at: fields.position(of: "ignore"),
        "a finding that is ignored has no severity, no repair, no date and no hook; leave one of them out")
    }
    if rule.hook != nil, !isTrusted {
      complaints.add(
        at: fields.position(of: "hook"),
        "this file belongs to another user, and nobody named it, so the hooks of its rules are not run; name it with "
          + "--config")
    }
    if rule.hook != nil, othersMayWrite {
      complaints.add(
        at: fields.position(of: "hook"), "everybody may write this file, so its hooks are not run; use chmod o-w on it")
    }
  }

  // MARK: - Conditions

  private func condition(_ node: YAMLNode) -> (condition: Configuration.Condition, fields: SectionFields) {
    let fields = complaints.fields(of: node, as: FileFormat.condition)
    var condition = Configuration.Condition()
    condition.code = fields.options.string("code")
    condition.store = fields.options.string("store")
    condition.environment = fields.options.string("environment")
    condition.kind = fields.options.string("kind")
    condition.table = fields.options.string("table")
    condition.index = fields.options.string("index")
    for key in ["code", "store", "environment", "kind", "table", "index"] {
      guard let pattern = fields.options.string(key), pattern.utf8.count > Self.longestPattern else { continue }
      complaints.add(
        at: fields.position(of: key),
        "'\(key)': longer than \(Self.longestPattern) bytes, as nothing that it could match is")
    }
    condition.severities = (fields.options.strings("severity") ?? []).compactMap(Severity.init(rawValue:))
    if let pair = fields["measured"] {
      for item in pair.value.items ?? [pair.value] {
        do throws(Comparison.Slip) {
          condition.measured.append(try Comparison(item.value(as: .string).text ?? ""))
        } catch {
          complaints.add(at: item.position, error.said)
        }
      }
      if pair.value.items?.isEmpty == true { complaints.add(at: pair.value.position, "nothing is compared here") }
    }
    if fields["severity"]?.value.items?.isEmpty == true {
      complaints.add(at: fields.position(of: "severity"), "no severity is named here")
    }
    if node.pairs?.isEmpty == true {
      complaints.add(
        at: node.position,
        "a condition without a key would hold for every finding; write code: '*' if that is meant")
    }
    return (condition, fields)
  }

  // MARK: - Decisions

  /// The word for no repair at all, alone or behind others.
  private static let none = "none"

  private func repair(_ node: YAMLNode) -> Configuration.RepairChoice? {
    let items = node.items ?? [node]
    if items.isEmpty {
      complaints.add(at: node.position, "no repair is named here; write none if nothing may mend the findings")
    }
    var choice = Configuration.RepairChoice([])
    for item in items {
      guard let id = item.value(as: .string).text else { continue }
      if choice.isFinal {
        complaints.add(at: item.position, "'\(id)' stands behind none and is never tried; none comes last")
      } else if id == Self.none {
        choice.isFinal = true
      } else if choice.ladder.contains(id) {
        complaints.add(at: item.position, "'\(id)' stands here twice; a repair that did not do is not tried again")
      } else {
        complainOfUnknown(id, at: item.position)
        choice.ladder.append(id)
      }
    }
    return choice
  }

  private func complainOfUnknown(_ id: String, at position: TextPosition) {
    guard registry.repair(id) == nil, registry.isWholeKnown else { return }
    let ids = registry.repairs.map(\.description.id)
    let near = NearestWord.suggestion(for: id, among: ids + [Self.none])
    complaints.add(
      at: position,
      "unknown repair '\(id)'" + (near.isEmpty ? "; there are \((ids + [Self.none]).joined(separator: ", "))" : near))
  }

  private func acceptance(_ node: YAMLNode) -> Configuration.AcceptanceTerms? {
    let fields = complaints.fields(of: node, as: FileFormat.acceptance)
    guard let text = fields.options.string("until"), let because = fields.options.string("because") else { return nil }
    guard let until = Day(text) else {
      complaints.add(
        at: fields["until"]?.value.position ?? fields.position,
        "'\(text)' is no day; write it as 2026-12-31, year, month and day")
      return nil
    }
    return Configuration.AcceptanceTerms(until: until, because: because)
  }
}
