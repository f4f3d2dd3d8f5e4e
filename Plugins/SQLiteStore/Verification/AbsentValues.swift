import MendKit

/// The values that rows show for columns which were added after they were written: the columns' defaults.
struct AbsentValues {
  let encoding: TextEncoding
  private var engine: Connection?

  init(encoding: TextEncoding) { self.encoding = encoding }

  /// The default of a column with its affinity applied; nil where SQLite cannot tell it either.
  mutating func value(of column: SchemaLayout.Column) -> SQLValue? {
    guard let sql = column.defaultSQL else { return .null }
    if sql.uppercased() == "NULL" { return .null }
    if let number = Int64(sql), column.affinity != .text { return .integer(number) }
    if engine == nil { engine = try? Connection.open(copy: ":memory:", create: true) }
    guard let engine else { return nil }
    // A bare or quoted word is a text where it stands alone, and a column's name within brackets; an expression needs them.
    return Self.ask(engine, column, sql) ?? Self.ask(engine, column, "(\(sql))")
  }

  private static func ask(_ engine: Connection, _ column: SchemaLayout.Column, _ sql: String) -> SQLValue? {
    let type = Connection.quoted(column.type.isEmpty ? "blob" : column.type)
    do throws(Problem) {
      try engine.execute(
        "DROP TABLE IF EXISTS d; CREATE TABLE d(x); INSERT INTO d VALUES(1); ALTER TABLE d ADD COLUMN c \(type) DEFAULT \(sql)"
      )
      return try engine.query("SELECT c FROM d", limit: 1).first?.first
    } catch {
      return nil
    }
  }

  /// The hash of a value as a record would hold it, and the bit of its class.
  func hash(_ value: SQLValue) -> (hash: Hash128, classBit: UInt8) {
    switch value {
    case .null: return (.null, RowPlan.nullBit)
    case .integer(let number): return (Hash128(integer: number), RowPlan.integerBit)
    case .real(let number):
      let bits = number.bitPattern.bigEndian
      return withUnsafeBytes(of: bits) { bytes in
        (bytes.baseAddress.map { KeyValue(type: 7, body: $0).hash } ?? .null, RowPlan.realBit)
      }
    case .text(let text): return (hash(encoded(text), isText: true), RowPlan.textBit)
    case .blob(let bytes): return (hash(bytes, isText: false), RowPlan.blobBit)
    }
  }

  private func hash(_ bytes: [UInt8], isText: Bool) -> Hash128 {
    // Eight bytes before the value are read with its end.
    (Array(repeating: 0, count: 8) + bytes).withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return .null }
      return Hash128(start + 8, count: bytes.count, isText: isText)
    }
  }

  private func encoded(_ text: String) -> [UInt8] {
    switch encoding {
    case .utf8: Array(text.utf8)
    case .utf16le: text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    case .utf16be: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    }
  }
}
