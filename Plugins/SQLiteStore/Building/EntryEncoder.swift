import MendKit

/// Makes the entries that an index is to have of its table's rows, as SQLite writes them. One for each worker.
final class EntryEncoder {
  /// What an index is to have of a row.
  enum Outcome {
    /// The entry that stands in `entry`.
    case entry
    /// Nothing: a partial index leaves the row out.
    case leftOut
    /// What only SQLite knows.
    case unknown
  }

  /// Where a value of an entry comes from.
  private enum Term {
    case rowid
    /// The place in the record.
    case record(Int)
    /// The number of the expression.
    case computed(Int)
  }

  /// Bytes of a value in a record, by its serial type.
  private struct Part {
    var type: Int
    var start: Int
  }

  /// The record of the entry made last.
  private(set) var entry: [UInt8] = []

  private let terms: [Term]
  private let programs: RowPrograms
  private let scratch = ExpressionScratch()
  private let isUTF8: Bool
  /// Whether the numbers 0 and 1 have types of their own: since schema format 4.
  private let hasConstants: Bool
  /// The value of each column of the record in rows from before it was added.
  private let absent: [KeptValue]
  private var parts: [Part] = []
  private var values: [StoredValue] = []
  private var header: [UInt8] = []
  private var body: [UInt8] = []

  /// nil where an entry of the index cannot be told from the record alone.
  init?(
    _ index: SchemaLayout.Index, of table: SchemaLayout.Table, encoding: TextEncoding, schemaFormat: UInt32
  ) {
    isUTF8 = encoding == .utf8
    hasConstants = schemaFormat >= 4
    var expressions = TableExpressionPlan(table, isUTF8: encoding == .utf8)
    guard table.hasRowid, !index.terms.contains(where: { $0.collation == .custom }),
      expressions.obstacle(to: index) == nil
    else { return nil }
    if index.isPartial { _ = expressions.takeCondition(of: index) }
    let order = table.shape.recordOrder
    var terms: [Term] = []
    for (place, term) in index.terms.enumerated() {
      if let computed = expressions.compiled(term, place, of: index) {
        terms.append(.computed(expressions.computed.count))
        expressions.computed.append(RowPrograms.Computed(expression: computed, slot: 0))
      } else if let column = term.column, column != table.shape.rowidColumn {
        guard let place = order.firstIndex(of: column) else { return nil }
        terms.append(.record(place))
      } else {
        terms.append(.rowid)
      }
    }
    self.terms = terms
    var values = AbsentValues(encoding: encoding)
    programs = expressions.programs(order) { column in values.kept(values.value(of: column) ?? .null) }
    absent = order.map { [programs] in programs.absent[$0] }
  }

  /// Makes the entry of a row whose record was found sound, and of which so many bytes are there.
  func encode(_ record: UnsafeRawPointer, available: Int, rowid: Int64) -> Outcome {
    guard split(record, available: available) else { return .unknown }
    if !programs.conditions.isEmpty || !programs.computed.isEmpty {
      guard readValues(record, available: available) else { return .unknown }
      let row = self.row(rowid)
      for condition in programs.conditions {
        switch condition.truth(scratch, row) {
        case .yes: break
        case .no, .unknown: return .leftOut
        case .unsure: return .unknown
        }
      }
    }
    header.removeAll(keepingCapacity: true)
    body.removeAll(keepingCapacity: true)
    for term in terms {
      switch term {
      case .rowid: append(rowid)
      case .record(let place) where place < parts.count:
        guard append(parts[place], of: record, available: available) else { return .unknown }
      case .record(let place): append(absent[place].value)
      case .computed(let number):
        guard let value = programs.computed[number].expression.value(scratch, row(rowid)), isUTF8 || !value.isText
        else {
          return .unknown
        }
        append(value)
      }
    }
    // The header's size counts itself (section 2.1).
    let size = header.count + (header.count < 127 ? 1 : 2)
    entry.removeAll(keepingCapacity: true)
    entry += Varint.bytes(UInt64(size))
    entry += header
    entry += body
    return .entry
  }

  private func row(_ rowid: Int64) -> (Int) -> StoredValue {
    { [programs, values] column in
      guard column >= 0 else { return .integer(rowid) }
      switch programs.sources[column] {
      case .rowid: return .integer(rowid)
      case .record(let place): return place < values.count ? values[place] : programs.absent[column].value
      case .none: return .null
      }
    }
  }

  /// Notes where the record's values stand.
  private func split(_ record: UnsafeRawPointer, available: Int) -> Bool {
    parts.removeAll(keepingCapacity: true)
    guard let size = Varint.read(record, at: 0, end: available), size.value <= UInt64(available) else { return false }
    let headerEnd = Int(size.value)
    var at = size.next
    var start = headerEnd
    while at < headerEnd {
      guard let type = Varint.read(record, at: at, end: headerEnd), type.value <= 0xFFFF_FFFF else { return false }
      parts.append(Part(type: Int(type.value), start: start))
      start += SerialType.size(Int(type.value))
      at = type.next
    }
    return true
  }

  private func readValues(_ record: UnsafeRawPointer, available: Int) -> Bool {
    values.removeAll(keepingCapacity: true)
    for part in parts {
      guard part.start + SerialType.size(part.type) <= available else { return false }
      values.append(StoredValue(type: part.type, body: record + part.start))
    }
    return true
  }

  private func append(_ part: Part, of record: UnsafeRawPointer, available: Int) -> Bool {
    let size = SerialType.size(part.type)
    guard part.start + size <= available else { return false }
    // SQLite reads a real that is no number as NULL.
    if part.type == 7, KeyValue(type: 7, body: record + part.start).type == .null {
      header.append(0)
      return true
    }
    if part.type < 0x80 { header.append(UInt8(part.type)) } else { header += Varint.bytes(UInt64(part.type)) }
    body += UnsafeRawBufferPointer(start: record + part.start, count: size)
    return true
  }

  private func append(_ value: StoredValue) {
    switch value {
    case .null: header.append(0)
    case .integer(let number): append(number)
    case .real(let number) where number.isNaN: header.append(0)
    case .real(let number):
      header.append(7)
      withUnsafeBytes(of: number.bitPattern.bigEndian) { body += $0 }
    case .text(let bytes):
      header += Varint.bytes(UInt64(bytes.count) * 2 + 13)
      body += bytes
    case .blob(let bytes):
      header += Varint.bytes(UInt64(bytes.count) * 2 + 12)
      body += bytes
    }
  }

  /// A whole number in as few bytes as SQLite takes.
  private func append(_ number: Int64) {
    let type = SerialType.type(of: number, hasConstants: hasConstants)
    header.append(UInt8(type))
    withUnsafeBytes(of: number.bigEndian) { body += $0[(8 - SerialType.size(type))...] }
  }
}
