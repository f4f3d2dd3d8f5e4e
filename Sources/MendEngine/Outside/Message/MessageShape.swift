import MendKit

/// One kind of object in the plugin message: what it may hold. Replies are held against it, and the JSON Schema and the
/// documentation are made from it, so that the three cannot disagree.
struct MessageObject: Sendable {
  /// The name, as the schema refers to it: `finding`.
  var name: String
  /// What it is, in one line.
  var title: String
  var members: [MessageMember]
}

/// One member of an object.
struct MessageMember: Sendable {
  var name: String
  var shape: MessageShape
  var isRequired: Bool
  /// What it says, in one line.
  var meaning: String

  init(_ name: String, _ shape: MessageShape, isRequired: Bool = false, _ meaning: String) {
    self.name = name
    self.shape = shape
    self.isRequired = isRequired
    self.meaning = meaning
  }
}

/// What may stand in one place of the message.
indirect enum MessageShape: Sendable {
  case boolean
  /// A whole number, at least so much.
  case integer(atLeast: Int?)
  case number
  case text
  /// One of these words.
  case words([String])
  /// This number and no other.
  case constant(Int)
  /// Any JSON.
  case any
  case null
  case list(MessageShape)
  /// An object with any names.
  case map(MessageShape)
  /// An object of the format's.
  case object(MessageObject)
  case either([MessageShape])

  /// What it is, in a few words.
  var title: String {
    switch self {
    case .boolean: "true or false"
    case .integer(let least): least.map { "a whole number, at least \($0)" } ?? "a whole number"
    case .number: "a number"
    case .text: "text"
    case .words(let words): words.map { "\"\($0)\"" }.joined(separator: ", ")
    case .constant(let number): "\(number)"
    case .any: "any JSON"
    case .null: "null"
    case .list(let shape): "a list of \(shape.title)"
    case .map(let shape): "an object from any name to \(shape.title)"
    case .object(let object): "`\(object.name)`"
    case .either(let shapes): shapes.map(\.title).joined(separator: " or ")
    }
  }
}

/// What is wrong in a message, and where.
struct MessageComplaint: Sendable, Hashable, CustomStringConvertible {
  /// The way to it from the outermost object: `findings[3].code`; empty for that object itself.
  var path: String
  /// What was expected and what stands there.
  var said: String

  var description: String { path.isEmpty ? said : "\(path): \(said)" }
}

extension MessageObject {
  /// What is wrong with a value that should be this object; empty where nothing is. A member that the object does not have counts
  /// only where the reading is strict: a newer plugin may say more than this version understands.
  func complaints(about value: JSONValue, at path: String = "", isStrict: Bool = false) -> [MessageComplaint] {
    guard let given = value.members else {
      return [MessageComplaint(path: path, said: "expected an object (\(title)), found \(value.words)")]
    }
    var complaints: [MessageComplaint] = []
    for member in members {
      guard let value = value[member.name] else {
        if member.isRequired {
          complaints.append(MessageComplaint(path: path, said: "'\(member.name)' is missing: \(member.shape.title)"))
        }
        continue
      }
      complaints += member.shape.complaints(about: value, at: Self.join(path, member.name), isStrict: isStrict)
    }
    for member in given where isStrict && !members.contains(where: { $0.name == member.key }) {
      let near = NearestWord.suggestion(for: member.key, among: members.map(\.name))
      complaints.append(MessageComplaint(path: Self.join(path, member.key), said: "unknown\(near)"))
    }
    return complaints
  }

  private static func join(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}

extension MessageShape {
  func complaints(about value: JSONValue, at path: String, isStrict: Bool) -> [MessageComplaint] {
    func refused() -> [MessageComplaint] {
      [MessageComplaint(path: path, said: "expected \(title), found \(value.words)")]
    }
    switch (self, value) {
    case (.any, _), (.boolean, .boolean), (.number, .number), (.number, .integer), (.text, .string), (.null, .null):
      return []
    case (.integer(let least), .integer(let number)): return number >= least ?? Int.min ? [] : refused()
    case (.constant(let wanted), .integer(let number)): return number == wanted ? [] : refused()
    case (.words(let words), .string(let word)):
      guard !words.contains(word) else { return [] }
      let near = NearestWord.suggestion(for: word, among: words)
      return near.isEmpty ? refused() : [MessageComplaint(path: path, said: "unknown word '\(word)'\(near)")]
    case (.list(let shape), .array(let items)):
      return items.enumerated().flatMap { place, item in
        shape.complaints(about: item, at: "\(path)[\(place)]", isStrict: isStrict)
      }
    case (.map(let shape), .object(let members)):
      return members.flatMap { shape.complaints(about: $0.value, at: "\(path).\($0.key)", isStrict: isStrict) }
    case (.object(let object), _): return object.complaints(about: value, at: path, isStrict: isStrict)
    case (.either(let shapes), _):
      let all = shapes.map { $0.complaints(about: value, at: path, isStrict: isStrict) }
      if all.contains(where: \.isEmpty) { return [] }
      // The one that got into the value knows best what is wrong.
      return all.first { complaints in complaints.contains { $0.path != path } } ?? refused()
    default: return refused()
    }
  }
}

extension JSONValue {
  /// What the value is, in the words of a message.
  var words: String {
    switch self {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value.count > 40 ? "\"\(value.prefix(40))…\"" : "\"\(value)\""
    case .array: "a list"
    case .object: "an object"
    }
  }
}
