/// A row of a page: a head of 23 bytes, a bitmap of NULLs where there are any, and the values of the columns one behind the other.
///
/// The server takes its word for all of that, and dies where it is wrong. Here nothing is believed: the values have to end exactly
/// where the row does, and what lies between them has to be zeros. Where the head contradicts itself, what it may have been is
/// tried, and counts only where one reading alone makes a row.
struct HeapRow {
  let page: HeapPage
  let columns: [RowColumn]
  /// How a transaction ended whose end the row has not noted.
  var ending: (UInt32) -> TransactionEnding? = { _ in nil }

  /// What is said of a row of whose absence nobody need wonder.
  static let isGone = "its head says that it was deleted, or never committed"

  /// What the head says of the transaction that deleted the row, or of the one that never came to write it.
  enum Fate { case alive, gone }

  private enum Bits {
    static let hasNulls: UInt16 = 0x0001
    static let deleterOnlyLocks: UInt16 = 0x0080
    static let writerCommitted: UInt16 = 0x0100
    static let writerAborted: UInt16 = 0x0200
    static let deleterCommitted: UInt16 = 0x0400
    static let deleterAborted: UInt16 = 0x0800
    static let isLock: UInt16 = 0x1000 | 0x0010 | 0x0040
    static let columnCount: UInt16 = 0x07FF
  }

  /// How a head is to be read.
  private struct Reading: Hashable {
    var columns: Int
    var hasNulls: Bool

    /// Where the values begin.
    var start: Int {
      PageBytes.aligned(HeapPage.rowHeadSize + (hasNulls ? (columns + 7) / 8 : 0), to: 8)
    }
  }

  /// The values of an item as bytes, by the columns that are not dropped.
  func values(of item: Int, besides suspects: Set<Int>) throws(Undecodable) -> [StoredValue] {
    var failure = Undecodable(said: "its bytes are not found in the page")
    for place in page.places(of: item, besides: suspects) {
      do throws(Undecodable) {
        guard fate(at: place.offset, item) == .alive else {
          throw Undecodable(said: Self.isGone)
        }
        return try values(at: place)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private func fate(at offset: Int, _ item: Int) -> Fate {
    guard let mask = try? page.bytes.number(UInt16.self, at: offset + 20),
      let writer = try? page.bytes.number(UInt32.self, at: offset),
      let deleter = try? page.bytes.number(UInt32.self, at: offset + 4)
    else { return .alive }
    switch mask & (Bits.writerCommitted | Bits.writerAborted) {
    case Bits.writerAborted: return .gone
    case 0 where ending(writer) == .aborted: return .gone
    default: break
    }
    guard deleter != 0, mask & (Bits.deleterAborted | Bits.deleterOnlyLocks) == 0 else { return .alive }
    if mask & Bits.deleterCommitted != 0 { return .gone }
    guard mask & Bits.isLock == 0 else { return .alive }
    // An update leads on to the next version.
    return ending(deleter) == .committed || ending(deleter) == nil && !page.isOwn(offset, item) ? .gone : .alive
  }

  /// Whether an item is of a row that is gone and of which an index may still have an entry of its own: of versions within a chain
  /// (`HEAP_HOT_UPDATED`, `HEAP_ONLY_TUPLE`) only the first has one, which leads to the version that is left.
  func isGoneWithEntries(_ item: Int) -> Bool {
    let pointer = page.pointers[item - 1]
    if pointer.state == 3 { return true }
    guard pointer.state == 1, let mask = try? page.bytes.number(UInt16.self, at: pointer.offset + 18) else {
      return false
    }
    return mask & 0xC000 == 0 && fate(at: pointer.offset, item) == .gone
  }

  private func values(at place: HeapPage.Place) throws(Undecodable) -> [StoredValue] {
    let mask = try page.bytes.number(UInt16.self, at: place.offset + 20)
    let second = try page.bytes.number(UInt16.self, at: place.offset + 18)
    let start = Int(try page.bytes.number(UInt8.self, at: place.offset + 22))
    let told = Reading(columns: Int(second & Bits.columnCount), hasNulls: mask & Bits.hasNulls != 0)
    var failure = Undecodable(said: "its head contradicts itself")
    // That may be no more than where the values begin, which follows from the rest.
    do throws(Undecodable) {
      return try values(at: place, told)
    } catch {
      if told.start == start { failure = error }
    }
    var others: Set<Reading> = []
    for count in Set([told.columns, columns.count]) {
      for hasNulls in [false, true] { others.insert(Reading(columns: count, hasNulls: hasNulls)) }
    }
    // Rows that were there before a column was have fewer.
    for count in columns.indices.dropFirst() where Reading(columns: count, hasNulls: true).start == start {
      others.insert(Reading(columns: count, hasNulls: true))
    }
    others.remove(told)
    var found: [StoredValue]?
    for reading in others {
      guard let values = try? values(at: place, reading) else { continue }
      if let found, found != values { throw Undecodable(said: "its head can be read in more than one way") }
      found = values
    }
    guard let found else { throw failure }
    return found
  }

  private func values(at place: HeapPage.Place, _ reading: Reading) throws(Undecodable) -> [StoredValue] {
    guard reading.columns >= 1, reading.columns <= columns.count else {
      throw Undecodable(said: "it has \(reading.columns) columns, and its table \(columns.count)")
    }
    let end = place.length.map { place.offset + $0 } ?? place.limit
    let row = PageBytes(try page.bytes.part(place.offset, end - place.offset))
    var values: [StoredValue] = []
    var offset = reading.start
    for (number, column) in columns.enumerated() {
      var value = StoredValue.null
      if number >= reading.columns {
        switch column.before {
        case .null: value = .null
        case .text(let text): value = .text(text)
        case .untold: throw Undecodable(said: "what it has of \(column.name), which is younger, is not known")
        }
      } else if reading.hasNulls,
        try row.number(UInt8.self, at: HeapPage.rowHeadSize + number / 8) >> (number % 8) & 1 == 0
      {
        value = .null
      } else {
        do throws(Undecodable) {
          value = .bytes(try column.layout.take(from: row, at: &offset))
        } catch {
          throw Undecodable(said: "its value of \(column.name): \(error.said)")
        }
      }
      if !column.isDropped { values.append(value) }
    }
    let isWhole =
      place.length != nil
      ? offset == row.count : PageBytes.aligned(offset, to: 8) == row.count || isFollowed(place, offset)
    guard isWhole else { throw Undecodable(said: "its values end at \(offset), and the row at \(row.count)") }
    return values
  }

  /// Whether another row of the page begins where one ends of which no line pointer tells the length.
  private func isFollowed(_ place: HeapPage.Place, _ length: Int) -> Bool {
    let next = place.offset + PageBytes.aligned(length, to: 8)
    return page.pointers.indices.contains { page.isOwn(next, $0 + 1) }
  }
}

/// A value as it stands in a row.
enum StoredValue: Hashable {
  case null
  /// As it is stored; of a type of varying length with its head.
  case bytes([UInt8])
  /// As text: of a column that is younger than the row.
  case text(String)
}

/// A column, as far as rows are laid out by it.
struct RowColumn {
  var name: String
  var layout: ValueLayout
  var type: ValueType
  var isDropped: Bool
  /// What rows have that were there before the column was.
  var before: Before = .null

  enum Before: Hashable {
    case null
    case text(String)
    case untold
  }
}

/// How values of a type are laid out.
struct ValueLayout: Hashable, Sendable {
  /// In bytes; -1 for values that tell their own length, -2 for those that end with a zero.
  var length: Int
  /// Values begin at a multiple of it.
  var alignment: Int

  /// The bytes of a value, and how far it goes.
  func take(from row: PageBytes, at offset: inout Int) throws(Undecodable) -> [UInt8] {
    let start = offset
    // A value with a head of one byte stands where the one before it ends.
    let first = try row.number(UInt8.self, at: offset)
    if length != -1 || first == 0 {
      offset = PageBytes.aligned(offset, to: alignment)
    }
    guard try row.part(start, offset - start).allSatisfy({ $0 == 0 }) else {
      throw Undecodable(said: "what stands before it is no padding")
    }
    let size: Int
    switch length {
    case -1: size = try Varlena.size(row, at: offset)
    case -2:
      guard let zero = row.all[min(offset, row.count)...].firstIndex(of: 0) else {
        throw Undecodable(said: "it does not end")
      }
      size = zero - offset + 1
    default: size = length
    }
    let value = try row.part(offset, size)
    offset += size
    return Array(value)
  }
}
