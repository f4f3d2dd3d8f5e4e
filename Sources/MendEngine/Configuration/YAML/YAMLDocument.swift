import CYAML
import MendKit

/// One YAML document from bytes that nobody vouches for. Anchors, aliases and tags are refused, since nothing here needs
/// them and a few aliases can stand for gigabytes; so are several documents in one text, depth and size beyond bounds, and
/// keys that stand twice.
struct YAMLDocument {
  /// The most bytes that a document may have.
  static let maximalSize = 1 << 20
  /// The most levels of lists and maps within each other.
  static let maximalDepth = 64

  /// The value; nil for an empty document, and where the text stops being YAML.
  private(set) var root: YAMLNode?

  /// Parses a text. What is wrong with it goes to `complaints`; what could be read all the same is in `root`, so that the
  /// rest of the errors can be told too.
  init(parsing bytes: [UInt8], complaints: ComplaintList) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) != 0 else {
      complaints.lacksMemory = true
      return
    }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    // A byte order mark would count as a column; libyaml asserts that there is a buffer at all.
    let text = Array((bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]) + [0x0A])
    root = text.withUnsafeBufferPointer { buffer in
      yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
      return YAMLBuilder(events: YAMLEvents(parser: parser, text: buffer), complaints: complaints).document()
    }
  }
}

/// Puts events together to a tree.
private struct YAMLBuilder {
  let events: YAMLEvents
  let complaints: ComplaintList

  /// The text cannot be read any further; the complaint is made.
  struct Stop: Error {}

  func document() -> YAMLNode? {
    var root: YAMLNode?
    do throws(Stop) {
      while true {
        let event = try next()
        switch event.kind {
        case .streamEnd: return root
        case .documentStart:
          guard root == nil else { throw stop(event.position, "a second document begins here; only one is read") }
          root = try node(try next(), depth: 0)
        default: continue
        }
      }
    } catch {
      return root
    }
  }

  private func stop(_ position: TextPosition, _ said: String) -> Stop {
    complaints.add(at: position, said)
    return Stop()
  }

  private func next() throws(Stop) -> YAMLEvents.Event {
    let event = events.next()
    if event.lacksMemory { complaints.lacksMemory = true }
    if case .failed(let said) = event.kind { throw stop(event.position, said) }
    return event
  }

  private func node(_ event: YAMLEvents.Event, depth: Int) throws(Stop) -> YAMLNode {
    guard depth < YAMLDocument.maximalDepth else {
      throw stop(event.position, "nested deeper than \(YAMLDocument.maximalDepth) levels")
    }
    if event.hasAnchor {
      complaints.add(at: event.position, "anchors (&) and aliases (*) are not supported; write the value out")
    }
    if let tag = event.tag {
      complaints.add(
        at: event.position, "the tag '\(tag)' is not supported; put a text that looks like a number in quotes")
    }
    let position = event.position
    switch event.kind {
    case .scalar(let text, let isPlain):
      return YAMLNode(content: .scalar(text, isPlain: isPlain), position: position)
    case .listStart:
      var items: [YAMLNode] = []
      while true {
        let item = try next()
        if case .listEnd = item.kind { return YAMLNode(content: .list(items), position: position) }
        items.append(try node(item, depth: depth + 1))
      }
    case .mapStart: return YAMLNode(content: .map(try pairs(depth: depth)), position: position)
    case .alias:
      complaints.add(at: position, "anchors (&) and aliases (*) are not supported; write the value out")
      return YAMLNode(content: .scalar("", isPlain: true), position: position)
    default: throw stop(position, "expected a value")
    }
  }

  private func pairs(depth: Int) throws(Stop) -> [YAMLPair] {
    var pairs: [YAMLPair] = []
    var lines: [String: Int] = [:]
    while true {
      let event = try next()
      if case .mapEnd = event.kind { return pairs }
      let key = try node(event, depth: depth + 1)
      let value = try node(try next(), depth: depth + 1)
      guard case .scalar(let name, let isPlain) = key.content, !(isPlain && name.isEmpty) else {
        complaints.add(at: key.position, "expected a key that is a single word or text")
        continue
      }
      if let line = lines[name] {
        complaints.add(
          at: key.position, "the key '\(name)' stands twice, first in line \(line); only one of the two can hold")
        continue
      }
      lines[name] = key.position.line
      pairs.append(YAMLPair(key: name, position: key.position, value: value))
    }
  }
}

/// libyaml's events as Swift values. The only place that touches its structures.
private struct YAMLEvents {
  let parser: UnsafeMutablePointer<yaml_parser_t>
  let text: UnsafeBufferPointer<UInt8>

  struct Event {
    var kind: Kind
    var position: TextPosition
    var hasAnchor = false
    var tag: String?
    var lacksMemory = false
  }

  enum Kind {
    case streamEnd, documentStart, other, alias, listStart, listEnd, mapStart, mapEnd
    case scalar(String, isPlain: Bool)
    case failed(String)
  }

  /// The next event. After the end and after a failure there is none to ask for.
  func next() -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) != 0 else { return failure() }
    defer { yaml_event_delete(&event) }
    var result = Event(kind: .other, position: Self.position(event.start_mark))
    switch event.type {
    case YAML_STREAM_END_EVENT: result.kind = .streamEnd
    case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
    case YAML_ALIAS_EVENT: result.kind = .alias
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      guard !bytes.contains(0) else {
        result.kind = .failed("a text here holds a NUL character, which no name, path or command can have")
        return result
      }
      result.kind = .scalar(
        String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
      result.hasAnchor = scalar.anchor != nil
      result.tag = Self.string(scalar.tag)
    case YAML_SEQUENCE_START_EVENT:
      result.kind = .listStart
      result.hasAnchor = event.data.sequence_start.anchor != nil
      result.tag = Self.string(event.data.sequence_start.tag)
    case YAML_SEQUENCE_END_EVENT: result.kind = .listEnd
    case YAML_MAPPING_START_EVENT:
      result.kind = .mapStart
      result.hasAnchor = event.data.mapping_start.anchor != nil
      result.tag = Self.string(event.data.mapping_start.tag)
    case YAML_MAPPING_END_EVENT: result.kind = .mapEnd
    default: break
    }
    return result
  }

  private static func position(_ mark: yaml_mark_t) -> TextPosition {
    TextPosition(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }

  private static func string(_ text: UnsafePointer<UInt8>?) -> String? { text.map { String(cString: $0) } }

  private func failure() -> Event {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "this is not YAML"
    if state.error == YAML_MEMORY_ERROR {
      return Event(kind: .failed(problem), position: Self.position(state.mark), lacksMemory: true)
    }
    if state.error == YAML_READER_ERROR {
      return Event(
        kind: .failed("\(problem); the text must be UTF-8"), position: position(ofByte: state.problem_offset))
    }
    let position = Self.position(state.problem_mark)
    var said = problem
    if let context = state.context.map({ String(cString: $0) }) {
      said += " (\(context)"
      let line = Int(clamping: state.context_mark.line) + 1
      said += line == position.line ? ")" : ", which begins in line \(line))"
    }
    if let hint = hint(at: state.problem_mark) { said += "; \(hint)" }
    return Event(kind: .failed(said), position: position)
  }

  /// What a person most likely did where no token can start.
  private func hint(at mark: yaml_mark_t) -> String? {
    // The mark counts characters, but in the line of an indentation these are bytes.
    let line = text.split(separator: 0x0A, omittingEmptySubsequences: false).dropFirst(Int(clamping: mark.line)).first
    guard let byte = line?.dropFirst(Int(clamping: mark.column)).first else { return nil }
    switch byte {
    case 0x09: return "a tab cannot indent, spaces do"
    case UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "`"):
      return "a text that begins with '\(Character(Unicode.Scalar(byte)))' stands in quotes"
    default: return nil
    }
  }

  private func position(ofByte offset: Int) -> TextPosition {
    let before = text.prefix(max(0, offset))
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let column = before[min(lineStart, before.endIndex)...].count { $0 & 0xC0 != 0x80 }
    return TextPosition(line: before.count { $0 == 0x0A } + 1, column: column + 1)
  }
}
