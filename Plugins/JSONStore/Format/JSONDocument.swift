import MendKit

/// A JSON file, read wholly: what it is, and what is wrong with it.
struct JSONDocument {
  /// Larger files are refused: they are held in memory.
  static let mostBytes = 1 << 30

  /// A top-level list or map of the document, which checks see as a table.
  struct Collection {
    let name: String
    var rows: Int
  }

  let bytes: [UInt8]
  /// Where the text begins: behind a byte order mark.
  let start: Int
  /// Where it ends: before NUL bytes that fill the rest of the file.
  let end: Int
  /// Where the text stops being JSON; nil where all of it is.
  let fault: JSONScanner.Fault?
  let remarks: JSONScanner.Remarks
  /// The part that is certainly whole; nil where no value is.
  let wholePart: JSONScanner.WholePart?
  /// What the outermost value is; nil where none begins.
  let root: JSONKind?
  /// The members of the outermost object that are objects or arrays; the outermost array itself under the name `$`, and so an
  /// object of very many.
  let collections: [Collection]

  /// The unit of a text in UTF-16 or UTF-32, by its byte order mark or by where its NUL bytes stand.
  var otherEncoding: String? { Self.otherEncoding(bytes) }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    var end = bytes.count
    while end > start, bytes[end - 1] == 0 { end -= 1 }
    self.end = end
    var visitor = CollectionCounter()
    let (fault, remarks, wholePart) = bytes.withUnsafeBytes { [start] buffer in
      visitor.text = UnsafeRawBufferPointer(rebasing: buffer[..<end])
      var scanner = JSONScanner(visitor.text, from: start)
      let fault = scanner.run(&visitor)
      return (fault, scanner.remarks, scanner.wholePart)
    }
    (self.fault, self.remarks, self.wholePart) = (fault, remarks, wholePart)
    root = visitor.root
    collections = visitor.collections
  }

  /// NUL bytes behind the text.
  var nulCount: Int { bytes.count - end }

  /// Where an offset is for a person: the line and the character in it, both from 1.
  func position(of byte: Int) -> Finding.TextPosition {
    var line = 1
    var lineStart = start
    for at in start..<min(byte, bytes.count) where bytes[at] == 0x0A {
      line += 1
      lineStart = at + 1
    }
    // Every byte but the ones that go on in a character begins one.
    let characters = bytes[min(lineStart, byte)..<min(byte, bytes.count)].count { $0 & 0xC0 != 0x80 }
    return Finding.TextPosition(line: line, character: characters + 1)
  }

  private static func otherEncoding(_ bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
    guard bytes.count >= 4, bytes.count % 2 == 0 else { return nil }
    // The first character of JSON is ASCII: in two bytes, one of them is NUL.
    let zeros = bytes[..<4].map { $0 == 0 }
    if zeros == [true, false, true, false] || zeros == [false, true, false, true] { return "UTF-16" }
    if zeros == [true, true, true, false] || zeros == [false, true, true, true] { return "UTF-32" }
    return nil
  }
}

/// Counts what the top-level collections hold.
private struct CollectionCounter: JSONVisitor {
  /// An object of more collections than these is one itself: it holds its users, say, under their names.
  private static let most = 256

  var text = UnsafeRawBufferPointer(start: nil, count: 0)
  private(set) var root: JSONKind?
  /// The members of the outermost object, or the elements of the outermost array.
  private var members = 0
  private var named: [JSONDocument.Collection] = []
  private var places: [String: Int] = [:]
  /// The collection that is open.
  private var current: Int?

  var collections: [JSONDocument.Collection] {
    root == .array || named.count > Self.most ? [JSONDocument.Collection(name: "$", rows: members)] : named
  }

  mutating func began(_ kind: JSONKind, at start: Int, key: Range<Int>?, level: Int) {
    switch level {
    case 0: root = kind
    case 1:
      members += 1
      current = nil
      guard kind == .array || kind == .object, let key, named.count <= Self.most else { return }
      let name = JSONText.string(UnsafeRawBufferPointer(rebasing: text[key]))
      // Of two members of one key, programs see the last.
      let place = places[name] ?? named.count
      if place == named.count { named.append(JSONDocument.Collection(name: name, rows: 0)) }
      named[place].rows = 0
      places[name] = place
      current = place
    case 2: if let current { named[current].rows += 1 }
    default: break
    }
  }

  mutating func ended(_ kind: JSONKind, _ range: Range<Int>, level: Int) {}
}
