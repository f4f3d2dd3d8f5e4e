import MendKit

/// The schema table, and what plain definitions in it say of the tables. Read once for whoever wants to know of the schema:
/// asking the library about a table takes three statements and more for its indexes, which for thousands of tables takes
/// longer than reading their rows.
struct SchemaReading: Sendable {
  /// A row of the schema table.
  final class Object: Sendable, Equatable {
    let type: String
    let name: String
    let table: String
    let root: UInt32
    let sql: String?

    init(type: String, name: String, table: String, root: UInt32, sql: String?) {
      self.type = type
      self.name = name
      self.table = table
      self.root = root
      self.sql = sql
    }

    static func == (one: Object, other: Object) -> Bool {
      one.root == other.root && one.type == other.type && one.name == other.name && one.table == other.table
        && one.sql == other.sql
    }
  }

  let objects: [Object]
  /// For each object that is a table with a plain definition and plain indexes, what they say; nil for any other, of which the
  /// library has to be asked.
  let plain: [PlainTable?]

  /// Whether there is no table that the library has to be asked about; nor, then, one that a virtual table's module made.
  let isAllPlain: Bool
  /// The objects of which it is not known yet whether their columns say the same as their definitions.
  let unreviewed: [Object]
  /// Whether every version of the library takes the schema as it is, so that it need not be asked. Where the roots are is left
  /// out, and what only the bytes of a text tell.
  let isAccepted: Bool

  /// Reads the schema table. `asksLibrary` leaves every definition to the library, for tests that hold both ways against
  /// each other.
  init(_ connection: Connection, asksLibrary: Bool = false) throws(Problem) {
    var objects: [Object] = []
    try connection.rows(
      "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid"
    ) { row throws(Problem) in
      objects.append(
        Object(
          type: row.text(0), name: row.text(1), table: row.text(2), root: UInt32(clamping: row.integer(3)),
          sql: row[4].text))
      return true
    }
    self.init(objects, asksLibrary: asksLibrary)
  }

  /// Reads the definitions of these objects, by several workers where they are many.
  init(_ objects: [Object], asksLibrary: Bool = false, workers: Int = 1) {
    self.objects = objects
    let parts =
      asksLibrary ? [] : TableReader.read(objects, IndexChains(objects), workers: workers)
    guard !asksLibrary, !parts.contains(where: \.isContrary) else {
      plain = objects.map { _ in nil }
      isAllPlain = !objects.contains { $0.type == "table" }
      unreviewed = objects
      isAccepted = false
      return
    }
    plain = parts.count == 1 ? parts[0].plain : parts.flatMap(\.plain)
    isAllPlain = parts.allSatisfy(\.isAllPlain)
    unreviewed = parts.flatMap(\.disagreeing).sorted().map { objects[$0] }
    isAccepted =
      isAllPlain && unreviewed.isEmpty && parts.allSatisfy(\.isAccepted)
      && Self.areDistinct(objects, parts.flatMap(\.names))
  }

  /// Whether no name and no root is there twice; where two names have one hash they may be the same.
  private static func areDistinct(_ objects: [Object], _ names: [UInt64]) -> Bool {
    var roots = NumberSet(capacity: objects.count + 1)
    var seen = NumberSet(capacity: objects.count)
    _ = roots.insert(1)
    return objects.allSatisfy { $0.root > 0 && roots.insert(UInt64($0.root)) } && names.allSatisfy { seen.insert($0) }
  }
}

/// Hashes of names that are the same for names that are the same to the library.
enum NameHash {
  /// Hashes eight bytes at a time. Of every byte the bit is set that tells small letters from capitals, so a few other
  /// characters pass for one another, too.
  static func of(_ name: String) -> UInt64 {
    var name = name
    return name.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      var sum = UInt64(bytes.count)
      var at = 0
      while at < bytes.count {
        var word: UInt64 = 0
        if at + 8 <= bytes.count {
          word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        } else {
          for place in at..<bytes.count { word = word << 8 | UInt64(bytes[place]) }
        }
        sum = (sum ^ (word | 0x2020_2020_2020_2020)) &* 0x9E37_79B9_7F4A_7C15
        sum ^= sum >> 29
        at += 8
      }
      return sum
    }
  }
}

/// Numbers other than 0, in an open table.
private struct NumberSet {
  private var table: [UInt64]

  init(capacity: Int) {
    var size = 64
    while size < 2 * capacity { size *= 2 }
    table = Array(repeating: 0, count: size)
  }

  /// Whether it was not there before.
  mutating func insert(_ number: UInt64) -> Bool {
    guard number != 0 else { return false }
    let mask = UInt64(table.count - 1)
    var at = Int((number &* 0x9E37_79B9_7F4A_7C15) >> 32 & mask)
    while table[at] != 0 {
      if table[at] == number { return false }
      at = (at + 1) & Int(mask)
    }
    table[at] = number
    return true
  }
}
