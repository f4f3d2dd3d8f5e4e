/// What the rows of a table can look like: what tells a cell from bytes that happen to look like one.
struct ExpectedRecord: Sendable {
  struct Column: Sendable {
    /// Classes of values that the column may hold, as the bits of `SerialType`.
    var allowed: UInt8
    /// Whether the column is another name for the rowid, so that its record holds NULL.
    var isRowidAlias = false
    /// Classes of values that a column of its declared type mostly holds.
    var usual: UInt8 = 0x1F
    /// How many bytes such values mostly have.
    var usualSize = 0...Int.max

    /// Every class of values.
    static let anything = Column(allowed: 0x1F)
  }

  /// How many values a record may have: fewer than the table has columns where some were added later.
  var counts: ClosedRange<Int>
  /// The columns in the order of the record; those behind the last may hold anything.
  var columns: [Column]
  /// How text is stored; nil where text that is not valid is no reason to refuse a cell that no pointer names.
  var encoding: TextEncoding?

  /// Of how many columns the declared type, or the module that they belong to, says what they mostly hold.
  var typedColumns: Int { columns.count { !$0.isRowidAlias && $0.usual != 0x1F } }

  /// Whether a record has every column, unless `isWhole` is false, and in each what columns of its type mostly hold.
  func isUsual(_ record: UnsafeRawPointer, available: Int, payload: Int, isWhole: Bool = true) -> Bool {
    let count = RecordHeader.read(record, available: available, payload: payload) { column, type, _ in
      guard column < columns.count, !columns[column].isRowidAlias else { return true }
      return SerialType.classBit(type) & (columns[column].usual | SerialType.nullBit) != 0
        && columns[column].usualSize.contains(SerialType.size(type))
    }
    return isWhole ? count == counts.upperBound : count.map(counts.contains) ?? false
  }

  /// Whether a record's values are what is expected. Text is looked at only with `checksText`.
  @inline(__always) func accepts(
    _ record: UnsafeRawPointer, available: Int, payload: Int, checksText: Bool, work: inout Int
  ) -> Bool {
    var seen = 0
    let count = RecordHeader.read(record, available: available, payload: payload) { column, type, at in
      seen += 1
      guard column < counts.upperBound else { return false }
      guard column < columns.count else { return true }
      if columns[column].isRowidAlias { return type == 0 }
      return SerialType.classBit(type) & columns[column].allowed != 0
    }
    work += seen + 1
    guard let count, counts.contains(count) else { return false }
    guard checksText, let encoding else { return true }
    var looked = 0
    let isText = RecordHeader.read(record, available: available, payload: payload) { _, type, at in
      guard type >= 13, type & 1 == 1, at + SerialType.size(type) <= available else { return true }
      looked += SerialType.size(type) / 8
      return encoding.isValid(UnsafeRawBufferPointer(start: record + at, count: SerialType.size(type)))
    }
    work += looked
    return isText != nil
  }
}
