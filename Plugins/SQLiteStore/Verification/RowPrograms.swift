/// What the schema's expressions say of a table's rows, evaluated natively: which rows a partial index takes, what index terms
/// and generated columns are, and whether CHECK constraints hold.
final class RowPrograms: Sendable {
  /// A value that is computed for an index.
  struct Computed: Sendable {
    let expression: Expression
    /// Where its hash is kept for the indexes.
    let slot: Int
  }

  /// A CHECK constraint.
  struct Check: Sendable {
    let expression: Expression
    let text: String
  }

  /// A column that the key of a table without rowid holds twice, under two collations.
  struct Copy: Sendable {
    /// The places in the record.
    let first: Int
    let second: Int
  }

  /// Where a column's value comes from.
  enum Source: Sendable {
    case rowid
    /// The place in the record.
    case record(Int)
    /// Not stored: no expression here asks for it.
    case none
  }

  let sources: [Source]
  /// The value of each column in rows from before it was added.
  let absent: [KeptValue]
  let conditions: [Expression]
  let computed: [Computed]
  let checks: [Check]
  let copies: [Copy]

  init(
    sources: [Source], absent: [KeptValue], conditions: [Expression], computed: [Computed], checks: [Check],
    copies: [Copy] = []
  ) {
    self.sources = sources
    self.absent = absent
    self.conditions = conditions
    self.computed = computed
    self.checks = checks
    self.copies = copies
  }

  var isEmpty: Bool { conditions.isEmpty && computed.isEmpty && checks.isEmpty && copies.isEmpty }
}

/// A value whose bytes are kept for as long as it is. Unchecked, since they are never written after the initialiser.
final class KeptValue: @unchecked Sendable {
  let value: StoredValue
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ value: StoredValue) {
    switch value {
    case .text(let source), .blob(let source):
      bytes = .allocate(byteCount: max(1, source.count), alignment: 1)
      bytes.copyMemory(from: source)
      let kept = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<source.count])
      self.value = if case .text = value { .text(kept) } else { .blob(kept) }
    default:
      bytes = .allocate(byteCount: 1, alignment: 1)
      self.value = value
    }
  }

  deinit { bytes.deallocate() }
}

extension TreeWalker {
  /// Evaluates the programs of a table for one row. The results stand in `slots` and `conditionResults`; false where only
  /// SQLite knows one of them.
  @inline(never) func run(
    _ programs: RowPrograms, _ record: UnsafeRawPointer, size: Int, rowid: Int64, page: UInt32, at cell: Int
  ) -> Bool {
    readValues(record, size: size)
    let values = rowValues
    let row: (Int) -> StoredValue = { column in
      guard column >= 0 else { return .integer(rowid) }
      switch programs.sources[column] {
      case .rowid: return .integer(rowid)
      case .record(let place): return place < values.count ? values[place] : programs.absent[column].value
      case .none: return .null
      }
    }
    var isSure = true
    conditionResults.removeAll(keepingCapacity: true)
    for condition in programs.conditions {
      switch condition.truth(scratch, row) {
      case .yes: conditionResults.append(true)
      case .no, .unknown: conditionResults.append(false)
      case .unsure:
        conditionResults.append(false)
        isSure = false
      }
    }
    for computed in programs.computed {
      // A text that an expression made is UTF-8, whatever the database's own encoding is.
      if let value = computed.expression.value(scratch, row), encoding == .utf8 || !value.isText {
        slots[computed.slot] = Self.hash(value)
        sources[computed.slot] = .computed
      } else {
        isSure = false
      }
    }
    for (number, check) in programs.checks.enumerated() {
      switch check.expression.truth(scratch, row) {
      case .yes, .unknown: break
      case .no: note(.condition, page, at: cell, first: Int64(number), row: rowid)
      case .unsure: isSure = false
      }
    }
    for copy in programs.copies where max(copy.first, copy.second) < values.count {
      guard Self.hash(values[copy.first]) != Self.hash(values[copy.second]) else { continue }
      note(.keyCopy, page, at: cell, first: Int64(copy.second))
    }
    return isSure
  }

  /// The values of a record that was found sound.
  private func readValues(_ record: UnsafeRawPointer, size: Int) {
    rowValues.removeAll(keepingCapacity: true)
    guard let start = Varint.read(record, at: 0, end: size) else { return }
    let headerEnd = Int(truncatingIfNeeded: start.value)
    var at = start.next
    var body = headerEnd
    while at < headerEnd, let type = Varint.read(record, at: at, end: headerEnd) {
      at = type.next
      rowValues.append(StoredValue(type: Int(truncatingIfNeeded: type.value), body: record + body))
      body += SerialType.size(Int(truncatingIfNeeded: type.value))
    }
  }

  private static func hash(_ value: StoredValue) -> Hash128 {
    switch value {
    case .null: return .null
    case .integer(let number): return Hash128(integer: number)
    case .real(let number): return hash(number)
    case .text(let bytes): return hash(bytes, isText: true)
    case .blob(let bytes): return hash(bytes, isText: false)
    }
  }

  /// As a record would hold the number.
  static func hash(_ number: Double) -> Hash128 {
    withUnsafeBytes(of: number.bitPattern.bigEndian) { bytes in
      bytes.baseAddress.map { KeyValue(type: 7, body: $0).hash } ?? .null
    }
  }

  /// Eight bytes before a value are read with its end, so it is copied to where they are readable.
  static func hash(_ bytes: UnsafeRawBufferPointer, isText: Bool) -> Hash128 {
    withUnsafeTemporaryAllocation(byteCount: bytes.count + 8, alignment: 8) { buffer in
      guard let start = buffer.baseAddress else { return .null }
      start.initializeMemory(as: UInt8.self, repeating: 0, count: 8)
      if let source = bytes.baseAddress { (start + 8).copyMemory(from: source, byteCount: bytes.count) }
      return Hash128(UnsafeRawPointer(start + 8), count: bytes.count, isText: isText)
    }
  }
}

extension StoredValue {
  /// A value by its serial type.
  init(type: Int, body: UnsafeRawPointer) {
    let value = KeyValue(type: type, body: body)
    switch value.type {
    case .null: self = .null
    // A real that holds a whole number stays a real for an expression.
    case .integer where type == 7: self = .real(Double(value.bits))
    case .integer: self = .integer(value.bits)
    case .real: self = .real(Double(bitPattern: UInt64(bitPattern: value.bits)))
    case .text: self = .text(value.bytes)
    case .blob: self = .blob(value.bytes)
    }
  }
}
