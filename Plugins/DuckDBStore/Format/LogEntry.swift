/// One entry of the log, as far as it needs to be understood to say what the log holds.
enum LogEntry: Equatable {
  /// The entries behind it are of this table.
  case table(String)
  case inserted(rows: Int)
  case deleted(rows: Int)
  case updated(rows: Int?)
  case definition(String)
  case sequence(String)
  case commit
  /// The content was written to the file whose catalog begins here.
  case checkpoint(UInt64)
  case other

  static let version: UInt64 = 98

  /// Reads an entry; its checksum was right, and it is hostile all the same.
  init(_ bytes: ArraySlice<UInt8>) {
    var fields = LogFields(bytes)
    guard let kind = fields.kind() else {
      self = .other
      return
    }
    switch kind {
    case 25:
      guard fields.begins(101), let schema = fields.text(), fields.begins(102), let table = fields.text() else { break }
      self = .table(schema == "main" ? table : schema + "." + table)
      return
    case 26, 27:
      guard fields.begins(101), fields.begins(100), let rows = fields.number(), rows < 1 << 32 else { break }
      self = kind == 26 ? .inserted(rows: Int(rows)) : .deleted(rows: Int(rows))
      return
    case 28:
      self = .updated(rows: Self.updatedRows(&fields))
      return
    case 10:
      guard fields.begins(101), fields.text() != nil, fields.begins(102), let name = fields.text() else { break }
      self = .sequence(name)
      return
    case 29:
      self = .inserted(rows: 0)
      return
    case 100:
      self = .commit
      return
    case 99:
      guard fields.begins(101), fields.begins(100), let block = fields.number() else { break }
      self = .checkpoint(block)
      return
    default:
      if let word = Self.definitions[kind] {
        self = .definition(word)
        return
      }
    }
    self = .other
  }

  private static func updatedRows(_ fields: inout LogFields) -> Int? {
    guard fields.begins(101), let depth = fields.number(), depth < 1000 else { return nil }
    for _ in 0..<depth where fields.number() == nil { return nil }
    guard fields.begins(102), fields.begins(100), let rows = fields.number(), rows < 1 << 32 else { return nil }
    return Int(rows)
  }

  private static let definitions: [UInt64: String] = [
    1: "CREATE TABLE", 2: "DROP TABLE", 3: "CREATE SCHEMA", 4: "DROP SCHEMA", 5: "CREATE VIEW", 6: "DROP VIEW",
    8: "CREATE SEQUENCE", 9: "DROP SEQUENCE", 11: "CREATE MACRO", 12: "DROP MACRO", 13: "CREATE TYPE", 14: "DROP TYPE",
    20: "ALTER", 21: "CREATE MACRO", 22: "DROP MACRO", 23: "CREATE INDEX", 24: "DROP INDEX",
  ]

  /// An entry that ends a transaction.
  static let commitBytes: [UInt8] = [100, 0, 100, 0xFF, 0xFF]

  /// An entry that says which checkpoint wrote the log's content to the file.
  static func checkpointBytes(_ metaBlock: UInt64) -> [UInt8] {
    [100, 0, 99, 101, 0, 100, 0] + LogFields.bytes(metaBlock) + [0xFF, 0xFF, 0xFF, 0xFF]
  }
}

/// What a log or a part of it holds, counted.
struct LogContent: Equatable {
  /// Rows inserted, deleted and updated, table by table.
  var tables: [String: Changes] = [:]
  /// Statements on the schema.
  var definitions: [String] = []
  /// Sequences that gave out values.
  var sequences: Set<String> = []
  /// Entries that could not be read.
  var unreadable = 0

  /// Changes of the rows of a table.
  struct Changes: Equatable {
    var inserted = 0
    var deleted = 0
    var updated = 0
  }

  mutating func note(_ entry: LogEntry, table: String?) {
    let name = table ?? "?"
    switch entry {
    case .inserted(let rows): tables[name, default: Changes()].inserted += rows
    case .deleted(let rows): tables[name, default: Changes()].deleted += rows
    case .updated(let rows): tables[name, default: Changes()].updated += rows ?? 1
    case .definition(let words): if definitions.count < 100 { definitions.append(words) }
    case .sequence(let name): sequences.insert(name)
    case .table, .commit, .checkpoint, .other: break
    }
  }

  mutating func add(_ other: LogContent) {
    for (table, changes) in other.tables {
      tables[table, default: Changes()].inserted += changes.inserted
      tables[table, default: Changes()].deleted += changes.deleted
      tables[table, default: Changes()].updated += changes.updated
    }
    definitions += other.definitions.prefix(max(0, 100 - definitions.count))
    sequences.formUnion(other.sequences)
    unreadable += other.unreadable
  }

  /// What it holds, in words; nil for nothing.
  var words: String? {
    var parts: [String] = []
    for (table, changes) in tables.sorted(by: { $0.key < $1.key }) {
      var told: [String] = []
      if changes.inserted > 0 { told.append("\(changes.inserted) inserted") }
      if changes.deleted > 0 { told.append("\(changes.deleted) deleted") }
      if changes.updated > 0 { told.append("\(changes.updated) updated") }
      if told.isEmpty { told = ["rows inserted"] }
      parts.append(
        (table == "?" ? "of a table that cannot be told" : "of \(table)") + " " + told.joined(separator: ", "))
    }
    if !definitions.isEmpty { parts.append(Set(definitions).sorted().joined(separator: ", ")) }
    if !sequences.isEmpty { parts.append("values of " + sequences.sorted().joined(separator: ", ")) }
    if unreadable > 0 { parts.append("\(unreadable) \(unreadable == 1 ? "entry" : "entries") that cannot be read") }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }
}

/// Fields of DuckDB's binary serialization: a number of two bytes before each, numbers in groups of seven bits, texts with their
/// length before them.
struct LogFields {
  private let bytes: ArraySlice<UInt8>
  /// The offset of the next byte.
  private(set) var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// The kind of an entry, which is its first field.
  mutating func kind() -> UInt64? { begins(100) ? number() : nil }

  /// Whether a field of this number begins here; steps over its number.
  mutating func begins(_ field: Int) -> Bool {
    guard position + 2 <= bytes.endIndex, Int(bytes[position]) | Int(bytes[position + 1]) << 8 == field else {
      return false
    }
    position += 2
    return true
  }

  /// Whether an object ends here; steps over its end.
  mutating func ends() -> Bool { begins(0xFFFF) }

  /// A number without a sign.
  mutating func number() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < bytes.endIndex else { return nil }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  /// A text.
  mutating func text() -> String? {
    guard let length = number(), length <= UInt64(bytes.endIndex - position), length < 1 << 16 else { return nil }
    defer { position += Int(length) }
    return String(validating: bytes[position..<position + Int(length)], as: UTF8.self)
  }

  /// A number in groups of seven bits.
  static func bytes(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    repeat {
      let group = UInt8(rest & 0x7F)
      rest >>= 7
      bytes.append(rest == 0 ? group : group | 0x80)
    } while rest > 0
    return bytes
  }
}
