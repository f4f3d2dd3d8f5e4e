import MendKit

/// What a dump in the custom format has of rows: how many of each table, and whether their text is text.
///
/// A head of `PGDMP`, version, sizes of numbers and the time; the table of contents; then, where an entry says that it begins, its data
/// in chunks, each with its length before it (`pg_backup_archiver.c`, `pg_backup_custom.c`). Rows are lines of `COPY`.
struct DumpContent {
  /// The rows of each table, as reports call it.
  private(set) var rows: [String: Int] = [:]
  /// Tables with a text that is none in the encoding of the database: no server takes these rows.
  private(set) var invalid: [String] = []

  /// Reads a dump; nil where it is of a version that is not known here.
  init?(_ path: String) throws(Problem) {
    var reader = DumpReader(try FileHandle.read(path))
    guard let entries = try reader.contents() else { return nil }
    let isUTF8 = entries.contains { $0.kind == "ENCODING" && $0.definition.contains("'UTF8'") }
    for entry in entries where entry.kind == "TABLE DATA" {
      guard let place = entry.place else { continue }
      guard let lines = try reader.lines(of: entry, at: place, holdingAgainstUTF8: isUTF8) else { return nil }
      let name = DatabaseCatalog.shown(entry.schema, entry.name)
      rows[name] = lines.rows
      if !lines.isValid { invalid.append(name) }
    }
  }
}

/// Reads a dump from front to back, and its data where an entry begins.
struct DumpReader {
  /// An entry of the table of contents.
  struct Entry {
    var number: Int
    var schema: String
    var name: String
    /// `TABLE DATA`, `ENCODING`, …
    var kind: String
    var definition: String
    /// Where its data begins; nil where it has none, or nobody noted it.
    var place: Int?
  }

  private let file: FileHandle
  private var buffer: [UInt8] = []
  private var start = 0
  private var offset = 0
  private var numberSize = 4

  init(_ file: FileHandle) { self.file = file }

  /// Longer names and definitions are none.
  private static let longestText = 64 << 20
  private static let blockSize = 1 << 20

  /// The table of contents; nil where the dump is none, or of a version that is not known here.
  mutating func contents() throws(Problem) -> [Entry]? {
    guard try bytes(5) == Array("PGDMP".utf8), let major = try byte(), let minor = try byte(), try byte() != nil,
      let number = try byte(), let offsetSize = try byte(), try byte() == 1, major == 1, (14...16).contains(minor),
      number == 4, offsetSize == 8
    else { return nil }
    if minor >= 15 { _ = try byte() } else { _ = try number32() }
    for _ in 0..<7 { _ = try number32() }
    for _ in 0..<3 { _ = try text() }
    guard let count = try number32(), count >= 0 else { return nil }
    var entries: [Entry] = []
    for _ in 0..<count {
      guard let entry = try entry(minor) else { return nil }
      entries.append(entry)
    }
    return entries
  }

  private mutating func entry(_ minor: UInt8) throws(Problem) -> Entry? {
    guard let number = try number32(), let hasData = try number32() else { return nil }
    _ = (try text(), try text())
    guard let name = try text(), let kind = try text(), try number32() != nil else { return nil }
    let definition = try text() ?? ""
    _ = (try text(), try text())
    let schema = try text() ?? ""
    _ = (try text(), try text())
    if minor >= 16 { _ = try number32() }
    _ = (try text(), try text())
    // What it depends on, up to a text that is none.
    while try text() != nil {}
    guard let state = try byte(), let place = try bytes(8) else { return nil }
    let isKnown = state == 2 && hasData == 1
    let value = place.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Entry(
      number: number, schema: schema, name: name, kind: kind, definition: definition,
      place: isKnown ? Int(exactly: value) : nil)
  }

  /// Counts the lines of an entry's data. They end with a line of `\.` and two empty ones.
  mutating func lines(
    of entry: Entry, at place: Int, holdingAgainstUTF8 isUTF8: Bool
  ) throws(Problem) -> (rows: Int, isValid: Bool)? {
    seek(place)
    guard try byte() == 1, try number32() == entry.number else { return nil }
    var walk = ChunkWalk(isUTF8: isUTF8, numberSize: numberSize)
    while try fill(1 + numberSize) || walk.isWithinChunk && buffer.count > offset {
      let (ending, taken) = buffer[offset...].withUnsafeBytes { walk.take($0) }
      offset += taken
      switch ending {
      case .further: continue
      case .end: return (max(0, walk.lines - 3), walk.check.isValid)
      case .malformed: return nil
      }
    }
    return nil
  }

  /// Goes through the chunks of an entry's data: a number each, and so many bytes; a number of 0 at the end. A dump that is not
  /// compressed has a chunk for each row.
  private struct ChunkWalk {
    private(set) var lines = 0
    private(set) var check = UTF8Check()
    private var rest = 0
    private let isUTF8: Bool
    private let numberSize: Int

    init(isUTF8: Bool, numberSize: Int) {
      self.isUTF8 = isUTF8
      self.numberSize = numberSize
    }

    enum Ending { case further, end, malformed }

    var isWithinChunk: Bool { rest > 0 }

    /// Takes up as much of the bytes as is whole; how many that were.
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> (Ending, taken: Int) {
      var at = 0
      while true {
        if rest > 0 {
          let count = min(rest, bytes.count - at)
          guard count > 0 else { return (.further, at) }
          let part = UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])
          lines += Self.newlines(part)
          if isUTF8 { check.take(part) }
          at += count
          rest -= count
        }
        guard rest == 0, bytes.count - at > numberSize else { return (.further, at) }
        // A byte for the sign, and the number, its lowest byte first.
        var length = 0
        for place in 0..<numberSize { length |= Int(bytes[at + 1 + place]) << (8 * place) }
        guard bytes[at] == 0 else { return (.malformed, at) }
        at += 1 + numberSize
        if length == 0 { return (.end, at) }
        rest = length
      }
    }

    private static func newlines(_ bytes: UnsafeRawBufferPointer) -> Int {
      var count = 0
      for byte in bytes where byte == UInt8(ascii: "\n") { count &+= 1 }
      return count
    }
  }

  // MARK: - Pieces

  private mutating func seek(_ place: Int) {
    start = place
    buffer = []
    offset = 0
  }

  /// Whether so many bytes are there to be read.
  private mutating func fill(_ count: Int) throws(Problem) -> Bool {
    if buffer.count - offset >= count { return true }
    start += offset
    buffer = try file.read(max(Self.blockSize, count), at: start)
    offset = 0
    return buffer.count >= count
  }

  private mutating func byte() throws(Problem) -> UInt8? { try bytes(1)?.first }

  private mutating func bytes(_ count: Int) throws(Problem) -> [UInt8]? {
    guard try fill(count) else { return nil }
    defer { offset += count }
    return Array(buffer[offset..<offset + count])
  }

  /// A byte for the sign, and the number, its lowest byte first.
  private mutating func number32() throws(Problem) -> Int? {
    guard let bytes = try bytes(1 + numberSize) else { return nil }
    let value = bytes[1...].reversed().reduce(0) { $0 << 8 | Int($1) }
    return bytes[0] == 0 ? value : -value
  }

  /// A length and a text; nil for one that is none.
  private mutating func text() throws(Problem) -> String? {
    guard let length = try number32(), length >= 0, length <= Self.longestText, let bytes = try bytes(length) else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Holds bytes that come in pieces against the rules of UTF-8.
struct UTF8Check {
  private(set) var isValid = true
  /// The beginning of a character whose end is in the next piece.
  private var rest: [UInt8] = []

  mutating func take(_ bytes: UnsafeRawBufferPointer) {
    guard isValid else { return }
    if rest.isEmpty, Self.isASCII(bytes) { return }
    let all = rest + bytes
    // A character has at most four bytes: the last one may not be whole.
    let lead = all.suffix(3).lastIndex { $0 & 0xC0 == 0xC0 } ?? all.endIndex
    // No character begins with more.
    guard lead == all.endIndex || all[lead] < 0xF5 else {
      isValid = false
      return
    }
    let needed = lead < all.endIndex ? (all[lead] >= 0xF0 ? 4 : all[lead] >= 0xE0 ? 3 : 2) : 0
    let end = lead < all.endIndex && all.endIndex - lead < needed ? lead : all.endIndex
    isValid = String(validating: all[..<end], as: UTF8.self) != nil
    rest = Array(all[end...])
  }

  private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var all: UInt64 = 0
    let words = bytes.count / 8
    for word in 0..<words { all |= bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) }
    for byte in bytes[(words * 8)...] { all |= UInt64(byte) }
    return all & 0x8080_8080_8080_8080 == 0
  }
}
