import MendKit

/// Reads the rules of a file.
struct RuleReader {
  let registry: PluginRegistry
  let source: SourceText
  let complaints: ComplaintList
  /// `environment/name` of every store of the file.
  let stores: [String]

  func rules(in node: YAMLNode?) -> [Configuration.Rule] { (node?.items ?? []).compactMap(rule) }

  private func rule(_ node: YAMLNode) -> Configuration.Rule? {
    let fields = complaints.fields(of: node, as: FileFormat.rule)
    guard fields.isMap else { return nil }
    var rule = Configuration.Rule(origin: source.origin(node.position))
    rule.severity = fields.options.string("severity").flatMap(Severity.init(rawValue:))
    rule.isIgnored = fields.options.flag("ignore")
    rule.repair = repair(fields)
    readCondition(fields["when"], into: &rule)
    if node.pairs?.contains(where: { ["severity", "repair", "ignore"].contains($0.key) }) == false {
      complaints.add(at: node.position, "the rule changes nothing; give it severity, repair or ignore: true")
    }
    if rule.isIgnored, rule.severity != nil || rule.repair != nil {
      complaints.add(
        at: fields.position(of: "ignore"),
        "a finding that is ignored has no severity and no repair; leave one of them out")
    }
    return rule
  }

  private func repair(_ fields: SectionFields) -> String? {
    guard let pair = fields["repair"], let id = fields.options.string("repair") else { return nil }
    if registry.repair(id) == nil {
      let ids = registry.repairs.map(\.description.id)
      let near = NearestWord.suggestion(for: id, among: ids)
      complaints.add(
        at: pair.value.position,
        "unknown repair '\(id)'" + (near.isEmpty ? "; there are \(ids.joined(separator: ", "))" : near))
    }
    return id
  }

  private func readCondition(_ pair: YAMLPair?, into rule: inout Configuration.Rule) {
    guard let pair else { return }
    let condition = complaints.fields(of: pair.value, as: FileFormat.condition)
    rule.code = condition.options.string("code")
    rule.table = condition.options.string("table")
    rule.index = condition.options.string("index")
    rule.store = condition.options.string("store")
    if pair.value.pairs?.isEmpty == true {
      complaints.add(
        at: pair.value.position,
        "a condition without a key would hold for every finding; write code: '*' if that is meant")
    }
    if let code = rule.code, let node = condition["code"]?.value, let hint = FindingCodes(registry).slip(in: code) {
      complaints.add(at: node.position, hint)
    }
    if let store = rule.store, let node = condition["store"]?.value,
      !stores.contains(where: { Glob.matches(store, $0) }),
      !stores.isEmpty, !store.hasPrefix("adhoc/")
    {
      let near = NearestWord.suggestion(for: store, among: stores)
      complaints.add(
        at: node.position,
        "no store here is called '\(store)'" + (near.isEmpty ? "; there are \(stores.joined(separator: ", "))" : near))
    }
  }
}

/// The codes that the plugins of a run say they may find.
struct FindingCodes {
  private let known: [String]

  init(_ registry: PluginRegistry) {
    known = Set(registry.descriptions.flatMap(\.finds).map(\.code.rawValue)).sorted()
  }

  /// What is wrong with a code or a pattern of codes that names no known one but comes near to it; nil where it may well be
  /// right, since not every code is known here.
  func slip(in pattern: String) -> String? {
    guard !known.contains(where: { Glob.matches(pattern, $0) }) else { return nil }
    let areas = Set(known.map { code in "\(code.prefix { $0 != "." }).*" }).sorted()
    let near = NearestWord.suggestion(for: pattern, among: pattern.contains("*") ? areas : known)
    return near.isEmpty ? nil : "no check finds '\(pattern)'" + near
  }
}
