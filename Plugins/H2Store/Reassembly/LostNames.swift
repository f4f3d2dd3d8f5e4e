import MendKit

/// What the application's tables are, as their own definitions say, which H2 keeps in the map `table.0`.
struct TableDefinition {
  /// The number of the table.
  var id: Int
  /// Its name in the catalog.
  var name: String
  /// The types of its columns, in capital letters, as H2 writes them.
  var columns: [String]

  /// Reads `CREATE CACHED TABLE "PUBLIC"."T"(\n "A" INTEGER NOT NULL, …)`; nil of any other statement.
  init?(id: Int, _ sql: [UInt8]) {
    let statement = QuotedNames(sql)
    guard statement.names.count == 2, statement.words.range(of: " TABLE ") != nil,
      statement.words.hasPrefix("CREATE"), let open = sql.firstIndex(of: UInt8(ascii: "("))
    else { return nil }
    self.id = id
    name = H2Catalog.name(statement.names)
    columns = Self.parts(sql[(open + 1)...]).map(Self.type)
    guard !columns.isEmpty else { return nil }
  }

  /// What stands between the commas up to the parenthesis that ends the list.
  private static func parts(_ sql: ArraySlice<UInt8>) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    var depth = 0
    var quote: UInt8?
    for byte in sql {
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
      } else if byte == UInt8(ascii: "(") {
        depth += 1
      } else if byte == UInt8(ascii: ")") {
        if depth == 0 { return parts }
        depth -= 1
      } else if byte == UInt8(ascii: ","), depth == 0 {
        parts.append([])
        continue
      }
      parts[parts.count - 1].append(byte)
    }
    return parts
  }

  /// The words behind a column's name, which is in quotes.
  private static func type(_ part: [UInt8]) -> String {
    var isQuoted = false
    var end = part.startIndex
    for (place, byte) in part.enumerated() {
      if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
        end = place + 1
      } else if byte > 0x20, !isQuoted, end > part.startIndex {
        break
      }
    }
    return String(decoding: part[end...].drop { $0 <= 0x20 }, as: UTF8.self).uppercased()
  }

  /// Whether values of these kinds, column by column, may be of the table.
  func fits(_ kinds: [Set<UInt8>]) -> Bool {
    kinds.count == columns.count
      && zip(columns, kinds).allSatisfy { type, kinds in
        guard let expected = Self.kinds(type) else { return true }
        return kinds.allSatisfy { $0 == 0 || expected.contains($0) }
      }
  }

  /// What values of a type begin with (`StoredValue`); nil of a type of which that is not known.
  private static func kinds(_ type: String) -> Set<UInt8>? {
    guard !type.hasPrefix("\""), type.range(of: " ARRAY") == nil else { return nil }
    return table.first { type.hasPrefix($0.0) }?.1
  }

  private static let table: [(String, Set<UInt8>)] = [
    ("CHARACTER VARYING", Set(68...99).union([13])), ("CHARACTER LARGE", [16]), ("CHARACTER", [21]),
    ("VARCHAR_IGNORECASE", [14]), ("BINARY VARYING", Set(100...131).union([12])), ("BINARY LARGE", [15]),
    ("BINARY", [137]), ("BOOLEAN", [64, 65]), ("TINYINT", [2]), ("SMALLINT", [3]),
    ("INTEGER", Set(32...47).union([4, 66])), ("BIGINT", Set(48...55).union([5, 67])),
    ("NUMERIC", [6, 56, 57, 58, 59]),
    ("REAL", [8, 62, 63]), ("DOUBLE", [7, 60, 61]), ("DECFLOAT", [138]), ("DATE", [10]),
    ("TIMESTAMP", [11, 24, 135]), ("TIME", [9, 136]), ("UUID", [20]), ("JSON", [134]), ("GEOMETRY", [22]),
    ("INTERVAL", [26]), ("ENUM", [25]),
  ]
}

/// Tells which map belongs to which table where the list of the maps is lost.
enum LostNames {
  /// A map that holds rows of a table which is not known.
  struct Candidate {
    var map: Int
    var kinds: [Set<UInt8>]
  }

  /// The tables' numbers by the maps' numbers. One that fits but one other is that one's; where as many maps as tables are left that
  /// all fit each other, they are told by the order in which they were made. Anything else would be a guess.
  static func match(_ maps: [Candidate], _ tables: [TableDefinition]) -> [Int: Int] {
    var found: [Int: Int] = [:]
    var maps = maps.sorted { $0.map < $1.map }
    var tables = tables.sorted { $0.id < $1.id }
    while true {
      let fits = maps.map { map in tables.filter { $0.fits(map.kinds) }.map(\.id) }
      guard let place = fits.firstIndex(where: { $0.count == 1 }),
        case let id = fits[place][0], fits.filter({ $0.contains(id) }).count == 1
      else { break }
      found[maps[place].map] = id
      maps.remove(at: place)
      tables.removeAll { $0.id == id }
    }
    while let first = maps.first {
      let same = tables.filter { $0.fits(first.kinds) }
      let rivals = maps.filter { map in same.contains { $0.fits(map.kinds) } }
      let isClosed = rivals.allSatisfy { map in tables.filter { $0.fits(map.kinds) }.map(\.id) == same.map(\.id) }
      if isClosed, rivals.count == same.count {
        for (map, table) in zip(rivals, same) { found[map.map] = table.id }
      }
      maps.removeAll { map in rivals.contains { $0.map == map.map } }
      if rivals.isEmpty { maps.removeFirst() }
    }
    return found
  }
}
