import MendKit

/// One check as a list of checks in the file names it, before it is merged with what surrounds it.
struct CheckMention {
  var id: String
  var position: TextPosition
  var options: [OptionPair] = []
  /// Every option that is written there, right or wrong.
  var written: Set<String> = []
  var severity: Severity?
  /// `integrity: false`
  var isOff = false

  /// What tells several mentions of a repeatable check apart.
  var name: String? { options.first { $0.key == "name" }?.value.text }
}

/// The checks that a file names anywhere, also those that it switches off.
final class NamedChecks {
  fileprivate(set) var ids: Set<String> = []
}

/// Reads the lists of checks of a file and merges them.
struct CheckReader {
  let registry: PluginRegistry
  let source: SourceText
  let complaints: ComplaintList
  let named: NamedChecks
  /// Why no program that the file names is run; nil where it may be.
  var distrust: String?

  /// The checks that hold where a list stands: the inherited ones with the list's own merged in. A check that both name
  /// has the options of both, those of the list winning key by key; new ones follow in the order of the list.
  func checks(in node: YAMLNode?, over inherited: [Configuration.ConfiguredCheck]) -> [Configuration.ConfiguredCheck] {
    guard let node else { return inherited }
    var result = inherited
    // Where each check stands: a list may have as many as fit into a file.
    var places: [Key: Int] = [:]
    func note(from first: Int) {
      for index in first..<result.count {
        let key = key(of: result[index])
        if places[key] == nil { places[key] = index }
      }
    }
    note(from: 0)
    for mention in mentions(in: node) {
      named.ids.insert(mention.id)
      guard let description = registry.check(mention.id)?.description else { continue }
      if mention.isOff {
        guard result.contains(where: { $0.id == mention.id }) else { continue }
        result.removeAll { $0.id == mention.id }
        places = [:]
        note(from: 0)
        continue
      }
      let index = places[Key(id: mention.id, name: description.isRepeatable ? mention.name : nil)]
      var check = index.map { result[$0] } ?? Configuration.ConfiguredCheck(id: mention.id)
      for option in mention.options {
        check.options.removeAll { $0.key == option.key }
        check.options.append(option)
      }
      check.severity = mention.severity ?? check.severity
      check.origin = source.origin(mention.position)
      complainOfMissing(check, mention, description)
      if let index { result[index] = check } else { result.append(check) }
      if index == nil { note(from: result.count - 1) }
    }
    return result
  }

  private func key(of check: Configuration.ConfiguredCheck) -> Key {
    let isRepeatable = registry.check(check.id)?.description.isRepeatable ?? false
    return Key(id: check.id, name: isRepeatable ? check.name : nil)
  }

  /// What tells the checks of a list apart.
  private struct Key: Hashable {
    var id: String
    /// Of a check that a list may have several times.
    var name: String?
  }

  /// The mentions of a list or a map, each held against its check's description.
  private func mentions(in node: YAMLNode) -> [CheckMention] {
    var mentions: [CheckMention] = []
    for pair in node.pairs ?? [] { mentions += self.mentions(of: pair) }
    for item in node.items ?? [] {
      switch item.content {
      case .scalar(let id, _):
        if item.isNull {
          complaints.add(at: item.position, "expected a check's name, found nothing")
        } else if let mention = mention(id, at: item.position, options: nil) {
          mentions.append(mention)
        }
      case .map(let pairs): mentions += self.mentions(ofItem: pairs, at: item.position)
      case .list:
        complaints.add(at: item.position, "expected a check's name, or a map from it to its options, found a list")
      }
    }
    var seen: [String: CheckMention] = [:]
    for mention in mentions {
      let isRepeatable = registry.check(mention.id)?.description.isRepeatable ?? false
      let key = isRepeatable ? "\(mention.id)\0\(mention.name ?? "")" : mention.id
      if let first = seen[key] {
        let what = isRepeatable ? "\(mention.id) of the name '\(mention.name ?? "")'" : "the check '\(mention.id)'"
        complaints.add(at: mention.position, "\(what) is listed twice, first in line \(first.position.line)")
      } else {
        seen[key] = mention
      }
    }
    return mentions
  }

  /// An item `- id: options`. A common slip is to indent the options no deeper than the id.
  private func mentions(ofItem pairs: [YAMLPair], at position: TextPosition) -> [CheckMention] {
    guard let first = pairs.first else {
      complaints.add(at: position, "expected a check's name, found an empty map")
      return []
    }
    guard pairs.count == 1 else {
      let options = registry.check(first.key)?.description.options.map(\.name) ?? []
      let isSlip = first.value.isNull && (options + ["severity"]).contains(pairs[1].key)
      complaints.add(
        at: pairs[1].position,
        isSlip
          ? "'\(pairs[1].key)' is an option of \(first.key): indent it deeper than '\(first.key)'"
          : "two checks in one item of the list: begin '\(pairs[1].key)' on a line of its own with '- '")
      return []
    }
    return mentions(of: first)
  }

  /// `id: options`; in a map, a repeatable check may have a list of options.
  private func mentions(of pair: YAMLPair) -> [CheckMention] {
    if let items = pair.value.items, registry.check(pair.key)?.description.isRepeatable == true {
      return items.compactMap { mention(pair.key, at: $0.position, options: $0) }
    }
    return mention(pair.key, at: pair.position, options: pair.value).map { [$0] } ?? []
  }

  private func mention(_ id: String, at position: TextPosition, options: YAMLNode?) -> CheckMention? {
    guard let description = registry.check(id)?.description else {
      complaints.add(at: position, "unknown check '\(id)'" + hint(for: id))
      return nil
    }
    var mention = CheckMention(id: id, position: position)
    guard let options, !options.isNull else { return mention }
    if case .boolean(let isOn) = options.value {
      mention.isOff = !isOn
      return mention
    }
    guard let pairs = options.pairs else {
      complaints.add(
        at: options.position,
        "expected the options of \(id) as a map, or true or false, found \(options.value.words)")
      return nil
    }
    for pair in pairs { read(pair, into: &mention, of: description) }
    if let distrust, let program = pairs.first(where: { Self.isProgram($0.key, description) }) {
      complaints.add(at: program.position, distrust)
    }
    return mention
  }

  /// Whether an option names a program to run.
  private static func isProgram(_ option: String, _ description: PluginDescription) -> Bool {
    guard case .commandLine? = description.options.first(where: { $0.name == option })?.type else { return false }
    return true
  }

  private func read(_ pair: YAMLPair, into mention: inout CheckMention, of description: PluginDescription) {
    mention.written.insert(pair.key)
    let options = description.options + [FileFormat.checkSeverity]
    if description.takesAnyOption, pair.key != FileFormat.checkSeverity.name { return }
    guard let option = options.first(where: { $0.name == pair.key }) else {
      let known = options.map(\.name)
      let near = NearestWord.suggestion(for: pair.key, among: known)
      complaints.add(
        at: pair.position,
        "unknown option '\(pair.key)' of the check \(mention.id)"
          + (near.isEmpty ? "; it has \(known.joined(separator: ", "))" : near))
      return
    }
    guard complaints.check(pair.value, is: option.type) else { return }
    if option.name == FileFormat.checkSeverity.name {
      mention.severity = pair.value.value.text.flatMap(Severity.init(rawValue:))
    } else {
      mention.options.append(OptionPair(pair.key, pair.value.value(as: option.type)))
    }
  }

  private func complainOfMissing(
    _ check: Configuration.ConfiguredCheck, _ mention: CheckMention, _ description: PluginDescription
  ) {
    for option in description.options where option.isRequired && !mention.written.contains(option.name) {
      guard !check.options.contains(where: { $0.key == option.name }) else { continue }
      complaints.add(
        at: mention.position, "the check \(mention.id) needs the option '\(option.name)': \(option.type.title)")
    }
  }

  private func hint(for id: String) -> String {
    if registry.repair(id) != nil { return "; it is the name of a repair" }
    let ids = registry.checks.map(\.description.id)
    let near = NearestWord.suggestion(for: id, among: ids)
    return near.isEmpty ? "; there are \(ids.joined(separator: ", "))" : near
  }
}

extension Configuration.ConfiguredCheck {
  /// What tells several of a repeatable check apart.
  var name: String? { options.first { $0.key == "name" }?.value.text }
}
