import MendKit

/// Where something stands in a text. Lines and columns count from 1, columns in Unicode scalars.
struct TextPosition: Sendable, Hashable, Comparable {
  var line: Int
  var column: Int

  static let start = TextPosition(line: 1, column: 1)

  static func < (one: TextPosition, other: TextPosition) -> Bool {
    (one.line, one.column) < (other.line, other.column)
  }
}

/// One value of a YAML document, and where it begins.
struct YAMLNode: Sendable {
  enum Content: Sendable {
    /// `isPlain` where the text stands without quotes and is no block, so that it may be a number or a boolean.
    case scalar(String, isPlain: Bool)
    case list([YAMLNode])
    /// In the order of the text; keys are unique.
    case map([YAMLPair])
  }

  var content: Content
  var position: TextPosition

  /// The pairs where the node is a map.
  var pairs: [YAMLPair]? {
    if case .map(let pairs) = content { return pairs }
    return nil
  }

  /// The items where the node is a list.
  var items: [YAMLNode]? {
    if case .list(let items) = content { return items }
    return nil
  }

  /// The node as an untyped value; plain scalars are read by the core schema (YAML 1.2.2, section 10.3.2).
  var value: OptionValue {
    switch content {
    case .scalar(let text, isPlain: true): CoreSchema.value(text)
    case .scalar(let text, isPlain: false): .string(text)
    case .list(let items): .list(items.map(\.value))
    case .map(let pairs): .map(pairs.map { OptionPair($0.key, $0.value.value) })
    }
  }

  /// The node as a value that a type is to hold: where that is a text, plain scalars stay as they are written, so that
  /// `3.40` and `0640` keep their zeros.
  func value(as type: OptionType) -> OptionValue {
    switch (type, content) {
    case (.string, .scalar(let text, _)) where !isNull: .string(text)
    case (.commandLine, .scalar), (.commandLine, .list): value(as: .list(.string))
    case (.list(let inner), .list(let items)): .list(items.map { $0.value(as: inner) })
    case (.list(let inner), .scalar): value(as: inner)
    case (.map(let inner), .map(let pairs)): .map(pairs.map { OptionPair($0.key, $0.value.value(as: inner)) })
    case (.either(let types), _):
      types.first { $0.complaint(about: value) == nil }.map { value(as: $0) } ?? value
    default: value
    }
  }

  /// Whether nothing was written where a value might stand, or `null`.
  var isNull: Bool {
    if case .scalar(let text, isPlain: true) = content { return CoreSchema.isNull(text) }
    return false
  }

  /// The node at a path of keys and list positions, as far into the tree as the path leads.
  func node(at path: [String]) -> YAMLNode {
    var node = self
    for step in path {
      switch node.content {
      case .scalar: return node
      case .list(let items):
        guard let index = Int(step), items.indices.contains(index) else { return node }
        node = items[index]
      case .map(let pairs):
        guard let pair = pairs.first(where: { $0.key == step }) else { return node }
        node = pair.value
      }
    }
    return node
  }
}

/// One key of a map, where it stands, and its value.
struct YAMLPair: Sendable {
  var key: String
  var position: TextPosition
  var value: YAMLNode
}

/// What plain scalars mean: the core schema of YAML 1.2.2, section 10.3.2.
enum CoreSchema {
  static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

  static func value(_ text: String) -> OptionValue {
    if isNull(text) { return .null }
    switch text {
    case "true", "True", "TRUE": return .boolean(true)
    case "false", "False", "FALSE": return .boolean(false)
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
    case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
    case ".nan", ".NaN", ".NAN": return .number(.nan)
    default: break
    }
    if let number = prefixed(text) { return .integer(number) }
    guard let isWhole = numberIsWhole(text) else { return .string(text) }
    if isWhole, let number = Int(text) { return .integer(number) }
    return Double(text).map { .number($0) } ?? .string(text)
  }

  private static func prefixed(_ text: String) -> Int? {
    // Int(_:radix:) would take a sign behind the prefix.
    let digits = text.dropFirst(2)
    guard let first = digits.first, first.isHexDigit else { return nil }
    if text.hasPrefix("0x") { return Int(digits, radix: 16) }
    if text.hasPrefix("0o") { return Int(digits, radix: 8) }
    return nil
  }

  /// Whether a text is a whole number, or one with a fraction or an exponent; nil when it is no number.
  private static func numberIsWhole(_ text: String) -> Bool? {
    var rest = Substring(text)[...]
    func digits() -> Int {
      let count = rest.utf8.prefix { (0x30...0x39).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
    var isWhole = true
    let before = digits()
    var behind = 0
    if rest.first == "." {
      isWhole = false
      rest = rest.dropFirst()
      behind = digits()
    }
    guard before + behind > 0 else { return nil }
    if rest.first == "e" || rest.first == "E" {
      isWhole = false
      rest = rest.dropFirst()
      if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
      guard digits() > 0 else { return nil }
    }
    return rest.isEmpty ? isWhole : nil
  }
}
