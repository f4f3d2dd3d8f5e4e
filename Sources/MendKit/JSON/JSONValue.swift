/// A JSON value. Objects keep the order of their keys, so that what is written reads as it was meant.
public indirect enum JSONValue: Sendable, Hashable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([JSONMember])

  /// An object of pairs; those whose value is nil are left out.
  public static func object(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
    .object(members.compactMap { pair in pair.value.map { JSONMember(pair.key, $0) } })
  }

  /// The value under a key of an object; nil for another key or another value.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The value where it is text.
  public var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The value where it is a whole number.
  public var integer: Int? {
    if case .integer(let number) = self { return number }
    return nil
  }

  /// The items where it is an array.
  public var array: [JSONValue]? {
    if case .array(let items) = self { return items }
    return nil
  }

  /// The members where it is an object.
  public var members: [JSONMember]? {
    if case .object(let members) = self { return members }
    return nil
  }
}

/// One key and its value in a JSON object.
public struct JSONMember: Sendable, Hashable {
  /// The key.
  public var key: String
  /// What stands under it.
  public var value: JSONValue

  /// A key and its value.
  public init(_ key: String, _ value: JSONValue) {
    self.key = key
    self.value = value
  }
}
