import MendKit

/// The message as a JSON Schema (draft 2020-12), made from its objects.
enum MessageSchema {
  /// The whole schema: a document is a request or a reply. What is named in `$defs` can be referred to alone:
  /// `plugin-message.schema.json#/$defs/check_reply`.
  static var document: JSONValue {
    var definitions: [JSONMember] = []
    for object in MessageFormat.objects { definitions.append(JSONMember(object.name, schema(of: object))) }
    let outermost = (MessageFormat.requests + MessageFormat.replies).map { JSONValue.object(["$ref": reference($0)]) }
    return .object([
      "$schema": .string("https://json-schema.org/draft/2020-12/schema"),
      "title": .string("The messages between dbmend and its plugins, version \(MessageFormat.version)"),
      "anyOf": .array(outermost), "$defs": .object(definitions),
    ])
  }

  private static func reference(_ object: MessageObject) -> JSONValue { .string("#/$defs/\(object.name)") }

  private static func schema(of object: MessageObject) -> JSONValue {
    let required = object.members.filter(\.isRequired).map { JSONValue.string($0.name) }
    return .object([
      "description": .string(object.title), "type": .string("object"),
      "properties": .object(object.members.map { JSONMember($0.name, described($0)) }),
      "required": required.isEmpty ? nil : .array(required), "additionalProperties": .boolean(false),
    ])
  }

  private static func described(_ member: MessageMember) -> JSONValue {
    guard case .object(let members) = schema(of: member.shape) else { return .boolean(true) }
    return .object(members + [JSONMember("description", .string(member.meaning))])
  }

  private static func schema(of shape: MessageShape) -> JSONValue {
    switch shape {
    case .boolean: .object(["type": .string("boolean")])
    case .integer(let least): .object(["type": .string("integer"), "minimum": least.map { .integer($0) }])
    case .number: .object(["type": .string("number")])
    case .text: .object(["type": .string("string")])
    case .words(let words): .object(["enum": .array(words.map { .string($0) })])
    case .constant(let number): .object(["const": .integer(number)])
    case .any: .object([])
    case .null: .object(["type": .string("null")])
    case .list(let shape): .object(["type": .string("array"), "items": schema(of: shape)])
    case .map(let shape): .object(["type": .string("object"), "additionalProperties": schema(of: shape)])
    case .object(let object): .object(["$ref": reference(object)])
    case .either(let shapes): .object(["anyOf": .array(shapes.map(schema))])
    }
  }
}
