import MendKit

/// What a plugin from outside says of itself, understood.
struct OutsideDescription: Sendable {
  /// In the words of every plugin.
  var plugin: PluginDescription
  /// The kinds of stores that it is for; nil for all.
  var kinds: Set<String>?
  /// What its requests hold.
  var needs: Set<MessageFormat.Need>
  /// Whether a repair is asked what it offers.
  var offers: Bool

  /// The codes that it may find, `*` standing for any run of characters, with their severities.
  var patterns: [(pattern: String, severity: Severity)] {
    plugin.finds.map { ($0.code.rawValue, $0.severity) }
  }
}

/// Reads replies to `describe`.
enum DescriptionReading {
  /// The descriptions in a reply, or everything that is wrong with it.
  static func descriptions(in reply: JSONValue, isStrict: Bool = false) -> (
    descriptions: [OutsideDescription], complaints: [MessageComplaint]
  ) {
    let isSeveral = reply["plugins"] != nil
    let shape = isSeveral ? MessageFormat.describeReply : MessageFormat.description
    var complaints = shape.complaints(about: reply, isStrict: isStrict)
    guard complaints.isEmpty else { return ([], complaints) }
    let items = isSeveral ? reply["plugins"]?.array ?? [] : [reply]
    var descriptions: [OutsideDescription] = []
    for (place, item) in items.enumerated() {
      let path = isSeveral ? "plugins[\(place)]." : ""
      let description = description(item)
      complaints += Self.complaints(about: description, item, at: path)
      if descriptions.contains(where: { $0.plugin.id == description.plugin.id }) {
        complaints.append(MessageComplaint(path: "\(path)id", said: "'\(description.plugin.id)' is there twice"))
      }
      descriptions.append(description)
    }
    if items.isEmpty { complaints.append(MessageComplaint(path: "plugins", said: "there is no plugin in it")) }
    return (descriptions, complaints)
  }

  private static func description(_ value: JSONValue) -> OutsideDescription {
    let isRepair = value["kind"]?.string == "repair"
    let finds = (value["finds"]?.array ?? []).map { item in
      var find = FindingDescription(
        FindingCode(rawValue: item["code"]?.string ?? item.string ?? ""),
        item["severity"]?.string.flatMap(Severity.init(rawValue:)) ?? .error, item["meaning"]?.string ?? "")
      // Each finding says for itself how severe it is and what it measured.
      find.isOpen = true
      return find
    }
    let plugin = PluginDescription(
      id: value["id"]?.string ?? "", title: value["title"]?.string ?? "",
      discussion: value["discussion"]?.string ?? "", kind: isRepair ? .repair : .check, finds: finds,
      mends: value["mends"]?.texts ?? [],
      loss: isRepair ? value["loss"]?.string.flatMap(Loss.init(rawValue:)) ?? Loss.none : nil,
      options: (value["options"]?.members ?? []).map(option), isRepeatable: value["repeatable"] == .boolean(true),
      examples: (value["examples"]?.array ?? []).map(example))
    let needs = value["needs"]?.texts.map { Set($0.compactMap(MessageFormat.Need.init(rawValue:))) }
    return OutsideDescription(
      plugin: plugin, kinds: value["kinds"]?.texts.map(Set.init), needs: needs ?? [.snapshot, .catalog],
      offers: value["offers"] == .boolean(true))
  }

  private static func option(_ member: JSONMember) -> OptionDescription {
    let value = member.value
    let words = value["words"]?.texts ?? []
    let type: OptionType =
      switch value["type"]?.string {
      case "integer"?:
        .integer(
          (value["minimum"]?.integer ?? Int.min)...max(
            value["minimum"]?.integer ?? Int.min, value["maximum"]?.integer ?? Int.max))
      case "choice"?: .choice(words)
      case "list"?: .list(simple(value["of"]?.string ?? "text"))
      case "map"?: .map(simple(value["of"]?.string ?? "text"))
      case let name?: simple(name)
      case nil: .any
      }
    return OptionDescription(
      member.key, type, default: value["default"].map(OptionValue.init),
      isRequired: value["required"] == .boolean(true),
      value["meaning"]?.string ?? "")
  }

  private static func simple(_ name: String) -> OptionType {
    switch name {
    case "boolean": .boolean
    case "integer": .integer(Int.min...Int.max)
    case "text", "string": .string
    case "number": .number
    case "size": .size
    case "duration": .duration
    case "share": .share
    default: .any
    }
  }

  private static func example(_ value: JSONValue) -> Example {
    Example(
      value["title"]?.string ?? "", kind: value["kind"]?.string ?? "sqlite", script: value["script"]?.string ?? "",
      damage: (value["damage"]?.array ?? []).compactMap(damage),
      options: (value["options"]?.members ?? []).map { OptionPair($0.key, OptionValue($0.value)) },
      finds: Set((value["finds"]?.texts ?? []).map(FindingCode.init(rawValue:))))
  }

  private static func damage(_ value: JSONValue) -> Example.Damage? {
    if let offset = value["overwrite"]?.integer, let bytes = value["bytes"]?.string.flatMap(Hexadecimal.bytes) {
      return .overwrite(offset: offset, bytes: bytes)
    }
    if let text = value["replace"]?.string, let other = value["with"]?.string, text.utf8.count == other.utf8.count {
      return .replace(text, with: other)
    }
    return value["truncate"]?.integer.map { .truncate(to: $0) }
  }

  // MARK: - What shapes do not say

  private static func complaints(
    about description: OutsideDescription, _ value: JSONValue, at path: String
  ) -> [MessageComplaint] {
    let plugin = description.plugin
    var complaints: [MessageComplaint] = []
    func complain(_ member: String, _ said: String) {
      complaints.append(MessageComplaint(path: path + member, said: said))
    }
    if !isID(plugin.id) {
      complain("id", "'\(plugin.id)' is no id: lower-case letters, digits and hyphens, a letter first, at most 60")
    }
    if plugin.title.allSatisfy(\.isWhitespace) || plugin.title.contains(where: \.isNewline) || plugin.title.count > 200
    {
      complain("title", "expected one line of text")
    }
    for (place, find) in plugin.finds.enumerated() where !isCode(find.code.rawValue) {
      complain(
        "finds[\(place)]", "'\(find.code)' is no code: an area of the plugin's own, a full stop, and what is wrong")
    }
    switch plugin.kind {
    case .check:
      if plugin.finds.isEmpty { complain("finds", "a check says what it may find") }
      if !plugin.mends.isEmpty { complain("mends", "a check mends nothing") }
    default:
      if plugin.mends.isEmpty { complain("mends", "a repair says what it mends") }
      if !plugin.finds.isEmpty { complain("finds", "a repair finds nothing") }
    }
    for option in plugin.options {
      let place = "options.\(option.name)"
      if OutsideCheck.ownOptions.contains(where: { $0.name == option.name }) || option.name == "severity" {
        complain(place, "every check of a plugin has an option of this name")
      }
      if !isOptionName(option.name) {
        complain(place, "an option's name has lower-case letters, digits and underscores")
      }
      if let value = option.defaultValue, let complaint = option.type.complaint(about: value) {
        complain(place + ".default", complaint.said)
      }
      if case .choice(let words) = option.type, words.isEmpty { complain(place, "a choice needs its 'words'") }
    }
    if plugin.isRepeatable, !plugin.options.contains(where: { $0.name == "name" }) {
      complain("repeatable", "what may be named several times needs an option 'name'")
    }
    for (place, item) in (value["examples"]?.array ?? []).enumerated() {
      for (number, item) in (item["damage"]?.array ?? []).enumerated() where damage(item) == nil {
        complain(
          "examples[\(place)].damage[\(number)]",
          "expected overwrite and bytes, replace and with (of one length), or truncate")
      }
      for code in item["finds"]?.texts ?? [] where plugin.kind == .check {
        guard !plugin.finds.contains(where: { Glob.matches($0.code.rawValue, code) }) else { continue }
        complain("examples[\(place)].finds", "'\(code)' is none of the codes that it finds")
      }
    }
    return complaints
  }

  static func isID(_ text: String) -> Bool {
    guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= 60 else { return false }
    return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }

  private static func isOptionName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
  }

  /// `area.what-is-wrong`; the second part may have `*` for any run of characters, the area may not.
  private static func isCode(_ text: String) -> Bool {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, isID(String(parts[0])), !parts[1].isEmpty, text.utf8.count <= 120 else { return false }
    return parts[1].utf8.allSatisfy {
      (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x2A].contains($0)
    }
  }
}

extension JSONValue {
  /// The texts of an array; nil of anything else.
  var texts: [String]? { array.map { $0.compactMap(\.string) } }
}

extension OptionValue {
  /// A value as JSON has it.
  init(_ value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .boolean(let value): .boolean(value)
      case .integer(let value): .integer(value)
      case .number(let value): .number(value)
      case .string(let value): .string(value)
      case .array(let items): .list(items.map(OptionValue.init))
      case .object(let members): .map(members.map { OptionPair($0.key, OptionValue($0.value)) })
      }
  }
}
