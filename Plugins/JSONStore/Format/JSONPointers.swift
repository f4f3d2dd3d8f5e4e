import MendKit

/// Looks for values by JSON Pointer (RFC 6901).
enum JSONPointers {
  /// The value at each pointer; nothing for one that leads nowhere. `document` is JSON throughout. Of two members of one key
  /// the last counts, as it does for most programs.
  static func find(_ pointers: [String], in document: JSONDocument) -> [String: DocumentValue] {
    document.bytes.withUnsafeBytes { bytes in
      let text = UnsafeRawBufferPointer(rebasing: bytes[..<document.end])
      var finder = PointerFinder(pointers, text)
      var scanner = JSONScanner(text, from: document.start)
      _ = scanner.run(&finder)
      return finder.found
    }
  }
}

private struct PointerFinder: JSONVisitor {
  /// A part of the way to the values: the pointers that end here, and where others go on.
  private final class Node {
    var pointers: [String] = []
    var next: [String: Node] = [:]
  }

  private let text: UnsafeRawBufferPointer
  /// The node of each value that is open, nil where no pointer leads; the number of elements that began in it.
  private var way: [(node: Node?, count: Int, isArray: Bool)] = []
  private let root = Node()
  private(set) var found: [String: DocumentValue] = [:]

  init(_ pointers: [String], _ text: UnsafeRawBufferPointer) {
    self.text = text
    for pointer in pointers {
      var node = root
      // An empty pointer is the whole document; any other begins with a slash.
      for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
        let name = Self.unescaped(part)
        let next = node.next[name] ?? Node()
        node.next[name] = next
        node = next
      }
      node.pointers.append(pointer)
    }
  }

  /// `~1` stands for a slash, `~0` for itself.
  private static func unescaped(_ part: Substring) -> String {
    var result = ""
    var isEscaped = false
    for character in part {
      if isEscaped, character == "0" || character == "1" {
        result.removeLast()
        result.append(character == "1" ? "/" : "~")
        isEscaped = false
      } else {
        result.append(character)
        isEscaped = character == "~"
      }
    }
    return result
  }

  mutating func began(_ kind: JSONKind, at start: Int, key: Range<Int>?, level: Int) {
    var node: Node? = root
    if level > 0 {
      let parent = way[level - 1]
      way[level - 1].count += 1
      node = nil
      if let next = parent.node?.next, !next.isEmpty {
        if let key {
          node = next[JSONText.string(UnsafeRawBufferPointer(rebasing: text[key]))]
        } else if parent.isArray {
          node = next[String(parent.count)]
        }
      }
    }
    if let node {
      for pointer in node.pointers { found[pointer] = DocumentValue(kind: Self.kind(kind), text: nil) }
      // What an earlier member of this key held counts no more.
      forget(below: node)
    }
    way.append((node, 0, kind == .array))
  }

  mutating func ended(_ kind: JSONKind, _ range: Range<Int>, level: Int) {
    guard let node = way.removeLast().node, !node.pointers.isEmpty, kind != .object, kind != .array else { return }
    let raw = UnsafeRawBufferPointer(rebasing: text[range])
    var value = DocumentValue(kind: Self.kind(kind), text: String(decoding: raw, as: UTF8.self))
    if kind == .string {
      value.text = JSONText.string(UnsafeRawBufferPointer(rebasing: text[range.lowerBound + 1..<range.upperBound - 1]))
    }
    if kind == .number,
      !raw.contains(where: { [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0) })
    {
      value.kind = .integer
    }
    for pointer in node.pointers { found[pointer] = value }
  }

  private mutating func forget(below node: Node) {
    for next in node.next.values {
      for pointer in next.pointers { found[pointer] = nil }
      forget(below: next)
    }
  }

  private static func kind(_ kind: JSONKind) -> DocumentValue.Kind {
    switch kind {
    case .object: .object
    case .array: .array
    case .string: .string
    case .number: .number
    case .boolean: .boolean
    case .null: .null
    }
  }
}
