/// The options of a plugin for one run: what the configuration gives, over the defaults of the description. The
/// configuration was held against the description before, so a value of the wrong type does not come here.
public struct Options: Sendable, Hashable {
  private var values: [String: OptionValue]

  /// The values, with the defaults of the description for what is left out.
  public init(_ values: [OptionPair] = [], defaults description: PluginDescription? = nil) {
    self.values = [:]
    for option in description?.options ?? [] {
      if let value = option.defaultValue { self.values[option.name] = value }
    }
    for pair in values { self.values[pair.key] = pair.value }
  }

  /// The value as it was written; nil when there is neither a value nor a default.
  public subscript(name: String) -> OptionValue? {
    guard let value = values[name], value != .null else { return nil }
    return value
  }

  /// A boolean; false where nothing is said.
  public func flag(_ name: String) -> Bool { self[name] == .boolean(true) }

  /// A whole number.
  public func integer(_ name: String) -> Int? {
    guard case .integer(let number) = self[name] else { return nil }
    return number
  }

  /// A text; numbers and booleans as their text.
  public func string(_ name: String) -> String? { self[name]?.text }

  /// A list of texts; a single value counts as a list of one.
  public func strings(_ name: String) -> [String]? { self[name]?.texts }

  /// A size in bytes.
  public func bytes(_ name: String) -> Int? {
    switch self[name] {
    case .integer(let number): number
    case .string(let text): ByteSize(text)?.bytes
    default: nil
    }
  }

  /// A length of time in seconds.
  public func seconds(_ name: String) -> Double? {
    switch self[name] {
    case .integer(let number): Double(number)
    case .string(let text): TimeSpan(text)?.seconds
    default: nil
    }
  }

  /// A share from 0 to 1.
  public func share(_ name: String) -> Double? { self[name].flatMap { Share($0)?.fraction } }

  /// A map from names to whole numbers.
  public func integers(_ name: String) -> [String: Int] {
    guard case .map(let pairs) = self[name] else { return [:] }
    var result: [String: Int] = [:]
    for pair in pairs {
      if case .integer(let number) = pair.value { result[pair.key] = number }
    }
    return result
  }
}

extension OptionValue {
  /// The value as text where it is a single one.
  public var text: String? {
    switch self {
    case .string(let text): text
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .boolean(let value): String(value)
    case .null, .list, .map: nil
    }
  }

  /// The value as a list of texts; a single value counts as a list of one.
  public var texts: [String]? {
    if case .list(let items) = self { return items.compactMap(\.text) }
    return text.map { [$0] }
  }
}
