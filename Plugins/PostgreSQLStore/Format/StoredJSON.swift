import MendKit

/// A value of the type `jsonb`: containers, each with a head that tells how many values it has, an entry of four bytes for each, and
/// the values (`jsonb.h`).
struct StoredJSON {
  private let value: PageBytes

  private static let deepest = 500
  private static let countMask: UInt32 = 0x0FFF_FFFF
  private static let isScalar: UInt32 = 0x1000_0000
  private static let isObject: UInt32 = 0x2000_0000
  private static let isArray: UInt32 = 0x4000_0000
  private static let isOffset: UInt32 = 0x8000_0000

  init(_ value: PageBytes) { self.value = value }

  func text() throws(Undecodable) -> [UInt8] {
    var text: [UInt8] = []
    try write(containerAt: 0, ..<value.count, depth: 0, to: &text)
    return text
  }

  private func write(
    containerAt start: Int, _ bounds: PartialRangeUpTo<Int>, depth: Int, to text: inout [UInt8]
  ) throws(Undecodable) {
    guard depth < Self.deepest else { throw Undecodable(said: "it is nested too deeply") }
    let head = try value.number(UInt32.self, at: start)
    let count = Int(head & Self.countMask)
    let isObject = head & Self.isObject != 0
    guard isObject != (head & Self.isArray != 0) else { throw Undecodable(said: "it is neither array nor object") }
    let entries = isObject ? 2 * count : count
    let first = start + 4 + 4 * entries
    guard entries <= value.count / 4, first <= bounds.upperBound else {
      throw Undecodable(said: "it has \(count) values")
    }
    var parts: [(kind: UInt32, start: Int, end: Int)] = []
    var end = 0
    for number in 0..<entries {
      let entry = try value.number(UInt32.self, at: start + 4 + 4 * number)
      let told = Int(entry & Self.countMask)
      let begin = end
      end = entry & Self.isOffset != 0 ? told : begin + told
      guard end >= begin, first + end <= bounds.upperBound else { throw Undecodable(said: "a value is beyond its end") }
      parts.append((entry >> 28 & 7, first + begin, first + end))
    }
    if head & Self.isScalar != 0, !isObject {
      guard let part = parts.first, parts.count == 1 else { throw Undecodable(said: "it is no single value") }
      return try write(part, depth, to: &text)
    }
    text += Array((isObject ? "{" : "[").utf8)
    for number in 0..<count {
      if number > 0 { text += Array(", ".utf8) }
      if isObject {
        guard parts[number].kind == 0 else { throw Undecodable(said: "a key is no text") }
        try write(parts[number], depth, to: &text)
        text += Array(": ".utf8)
      }
      try write(parts[isObject ? count + number : number], depth, to: &text)
    }
    text += Array((isObject ? "}" : "]").utf8)
  }

  private func write(
    _ part: (kind: UInt32, start: Int, end: Int), _ depth: Int, to text: inout [UInt8]
  ) throws(Undecodable) {
    switch part.kind {
    case 0: text += Self.quoted(try value.part(part.start, part.end - part.start))
    case 1:
      let start = PageBytes.aligned(part.start, to: 4)
      guard case .plain(let bytes) = try Varlena.content(Array(try value.part(start, part.end - start))) else {
        throw Undecodable(said: "a number is kept apart")
      }
      text += try ValueType.numeric.text(of: bytes)
    case 2: text += Array("false".utf8)
    case 3: text += Array("true".utf8)
    case 4: text += Array("null".utf8)
    case 5:
      try write(
        containerAt: PageBytes.aligned(part.start, to: 4), ..<part.end, depth: depth + 1, to: &text)
    default: throw Undecodable(said: "it has a value of no kind")
    }
  }

  private static func quoted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var text = [UInt8(ascii: "\"")]
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
      case 0..<0x20: text += Array("\\u00".utf8) + Array(Hexadecimal.text([byte]).utf8)
      default: text.append(byte)
      }
    }
    return text + [UInt8(ascii: "\"")]
  }
}
