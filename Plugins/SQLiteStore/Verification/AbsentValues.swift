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

  /// A value as a record would hold it, and the bit of its class.
  func source(_ value: SQLValue, memory: PlanMemory) -> (source: ValueSource, classBit: UInt8) {
    switch value {
    case .null: (.null, RowPlan.nullBit)
    case .integer(let number):
      (Self.source(number, type: SerialType.type(of: number, hasConstants: true), memory), RowPlan.integerBit)
    case .real(let number):
      (Self.source(Int64(bitPattern: number.bitPattern), type: 7, memory), RowPlan.realBit)
    case .text(let text): (Self.source(encoded(text), type: 13, memory), RowPlan.textBit)
    case .blob(let bytes): (Self.source(bytes, type: 12, memory), RowPlan.blobBit)
    }
  }

  /// The last bytes of a word, as many as the type has.
  private static func source(_ word: Int64, type: Int, _ memory: PlanMemory) -> ValueSource {
    let kept = memory.copy([word.bigEndian])
    let end = UnsafeRawPointer(kept.baseAddress.map { $0 + 1 })
    return end.map { ValueSource(type: type, start: $0 - SerialType.size(type)) } ?? .null
  }

  /// Eight bytes before a value are readable.
  private static func source(_ bytes: [UInt8], type: Int, _ memory: PlanMemory) -> ValueSource {
    let kept = memory.copy([UInt8](repeating: 0, count: 8) + bytes)
    return kept.baseAddress.map { ValueSource(type: type + 2 * bytes.count, start: UnsafeRawPointer($0 + 8)) } ?? .null
  }

  /// The value as an expression reads it.
  func kept(_ value: SQLValue) -> KeptValue {
    switch value {
    case .null: KeptValue(.null)
    case .integer(let number): KeptValue(.integer(number))
    case .real(let number): KeptValue(.real(number))
    case .text(let text): encoded(text).withUnsafeBytes { KeptValue(.text($0)) }
    case .blob(let bytes): bytes.withUnsafeBytes { KeptValue(.blob($0)) }
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
