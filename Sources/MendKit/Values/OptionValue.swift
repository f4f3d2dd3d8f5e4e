/// A value as a configuration gives it: a tree without types, which an `OptionType` accepts or refuses.
public indirect enum OptionValue: Sendable, Hashable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([OptionValue])
  /// In the order in which they were written; keys are unique.
  case map([OptionPair])

  /// The value under a key of a map; nil for another key or another value.
  public subscript(key: String) -> OptionValue? {
    guard case .map(let pairs) = self else { return nil }
    return pairs.first { $0.key == key }?.value
  }
}

/// One key and its value in a map of options.
public struct OptionPair: Sendable, Hashable {
  /// The key.
  public var key: String
  /// What stands under it.
  public var value: OptionValue

  /// A key and its value.
  public init(_ key: String, _ value: OptionValue) {
    self.key = key
    self.value = value
  }
}
