import CSQLite
import MendKit

/// What the definitions of a table and of its indexes have behind their names, as bytes. Where they are the same, so is all that
/// the definitions say; a schema of thousands of tables is most often one of a few kinds of table.
struct FormKey {
  private(set) var bytes: [UInt8] = []

  /// Marks that stand before what a key takes up of an object; no text that SQLite reads begins with them.
  private enum Mark {
    static let table: UInt8 = 1
    static let quotedTable: UInt8 = 2
    static let automatic: UInt8 = 3
    static let index: UInt8 = 4
    static let uniqueIndex: UInt8 = 5
  }

  /// Takes up a table and its indexes; false where one of them does not begin with the words and the very names that the
  /// schema table has for it, or where a name may be one that not every version of the library takes.
  mutating func take(_ objects: [SchemaReading.Object], _ table: Int, _ indexes: IndexChains.Chain) -> Bool {
    bytes.removeAll(keepingCapacity: true)
    let object = objects[table]
    guard var sql = object.sql, ASCII.areIdentical(object.name, object.table) else { return false }
    var name = object.name
    return name.withUTF8 { name in
      guard !name.isEmpty, sql.withUTF8({ takeTable($0, name) }) else { return false }
      var automatic = 0
      for place in indexes {
        guard takeIndex(objects[place], on: name, &automatic) else { return false }
      }
      return true
    }
  }

  private mutating func takeTable(_ sql: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    var rest = Text(sql)
    guard rest.take("CREATE TABLE ") else { return false }
    let isQuoted = rest.take("\"")
    guard rest.take(name), isQuoted ? rest.take("\"") && !name.contains(UInt8(ascii: "\"")) : Self.isWord(name, rest)
    else { return false }
    append(isQuoted ? Mark.quotedTable : Mark.table, rest.bytes)
    return true
  }

  private mutating func takeIndex(
    _ object: SchemaReading.Object, on table: UnsafeBufferPointer<UInt8>, _ automatic: inout Int
  ) -> Bool {
    var (name, owner) = (object.name, object.table)
    guard owner.withUTF8({ Self.areSame($0, table) }) else { return false }
    return name.withUTF8 { name in
      guard var sql = object.sql else {
        automatic += 1
        append(Mark.automatic, UnsafeBufferPointer(rebasing: name[0..<0]))
        return Self.isAutomatic(name, of: table, number: automatic)
      }
      return sql.withUTF8 { sql in
        var rest = Text(sql)
        let isUnique = rest.take("CREATE UNIQUE INDEX ")
        guard isUnique || rest.take("CREATE INDEX "), rest.take(name), Self.isWord(name, rest), rest.take(" ON "),
          rest.take(table), Self.isWord(table, rest)
        else { return false }
        append(isUnique ? Mark.uniqueIndex : Mark.index, rest.bytes)
        return true
      }
    }
  }

  private mutating func append(_ mark: UInt8, _ rest: UnsafeBufferPointer<UInt8>) {
    bytes.append(mark)
    bytes.append(contentsOf: rest)
  }

  /// What is left of a text.
  private struct Text {
    var bytes: UnsafeBufferPointer<UInt8>

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func take(_ word: StaticString) -> Bool {
      take(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    mutating func take(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
      guard bytes.count >= word.count, areSame(UnsafeBufferPointer(rebasing: bytes[..<word.count]), word) else {
        return false
      }
      bytes = UnsafeBufferPointer(rebasing: bytes[word.count...])
      return true
    }
  }

  /// Whether a name that was taken without quotes is one token, and no word of the language.
  private static func isWord(_ name: UnsafeBufferPointer<UInt8>, _ rest: Text) -> Bool {
    guard let first = name.first, !ASCII.isDigit(first), first != UInt8(ascii: "$"),
      name.allSatisfy(DefinitionTokens.isOfName), !(rest.bytes.first.map(DefinitionTokens.isOfName) ?? false)
    else { return false }
    return name.withMemoryRebound(to: CChar.self) {
      sqlite3_keyword_check($0.baseAddress, Int32(clamping: $0.count)) == 0
    }
  }

  private static func areSame(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard one.count == other.count, let a = one.baseAddress, let b = other.baseAddress else {
      return one.count == other.count
    }
    return memcmp(a, b, one.count) == 0
  }

  /// Whether a name is `sqlite_autoindex_TABLE_NUMBER`.
  static func isAutomatic(_ name: String, of table: String, number: Int) -> Bool {
    var (name, table) = (name, table)
    return name.withUTF8 { name in table.withUTF8 { isAutomatic(name, of: $0, number: number) } }
  }

  private static func isAutomatic(
    _ name: UnsafeBufferPointer<UInt8>, of table: UnsafeBufferPointer<UInt8>, number: Int
  ) -> Bool {
    var rest = Text(name)
    guard rest.take("sqlite_autoindex_"), rest.take(table), rest.take("_") else { return false }
    guard number > 9 else { return rest.bytes.count == 1 && Int(rest.bytes[0]) == 0x30 + number }
    return rest.bytes.elementsEqual(String(number).utf8)
  }
}
