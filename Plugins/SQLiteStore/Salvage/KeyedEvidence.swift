import MendKit

/// What the whole indexes of a table without rowid hold of rows that are missing in its gaps.
struct KeyedEvidence {
  /// An entry of a missing row.
  struct Entry {
    /// A record that begins with the row's key.
    let key: UnsafeRawPointer
    let page: UInt32
    let offset: Int
    let index: Int
  }

  /// An index that takes part, and its pages.
  struct Index {
    let layout: KeyedLayout.Index
    let pages: [UInt32]
  }

  /// The entries by their rows, in the order of their keys.
  private(set) var rows: [[Entry]] = []
  private(set) var indexes: [Index] = []

  private let file: SalvageFile
  private let table: KeyedTable
  private let reader: EntryReader

  /// Bytes before and behind a record that comparing may read.
  private static let slack = 16
  /// Entries that are held in memory.
  private static let mostEntries = 1 << 20
  /// Rows whose values are held against an index's, to tell whether it is the table's.
  private static let sampled = 64

  init(_ file: SalvageFile, _ table: KeyedTable, _ candidates: [Index], _ present: [KeyedEntry], keyCount: Int) {
    self.file = file
    self.table = table
    reader = EntryReader(file)
    var found: [Entry] = []
    for candidate in candidates {
      let order = IndexOrder(reader, candidate.layout.terms, file.encoding)
      guard candidate.pages.allSatisfy({ order.isKept(at: $0) }),
        let entries = entries(candidate, number: indexes.count, present, keyCount: keyCount),
        found.count + entries.count <= Self.mostEntries
      else { continue }
      indexes.append(candidate)
      found += entries
    }
    found.sort { isBefore($0.key, $1.key) || !isBefore($1.key, $0.key) && $0.index < $1.index }
    for entry in found {
      if let last = rows.last?.first, !isBefore(last.key, entry.key) {
        rows[rows.count - 1].append(entry)
      } else {
        rows.append([entry])
      }
    }
  }

  /// Whether every index that takes part has exactly one of these entries: else one of them refutes the row.
  func isProof(_ entries: [Entry]) -> Bool {
    entries.count == indexes.count && zip(entries, entries.dropFirst()).allSatisfy { $0.index != $1.index }
  }

  /// The entries of the row with a key; empty where no index holds any.
  func entries(of key: UnsafeRawPointer) -> [Entry] {
    let place = rows.partitioningIndex { row in row.first.map { !isBefore($0.key, key) } ?? true }
    guard place < rows.count, let first = rows[place].first, !isBefore(key, first.key) else { return [] }
    return rows[place]
  }

  /// The values that entries hold of a row, by their place in the table's record; nil where two contradict each other.
  func values(_ entries: [Entry]) -> [Int: StoredField]? {
    var values: [Int: StoredField] = [:]
    for entry in entries {
      guard let page = file.original(entry.page), let header = BTreePage(page, number: entry.page),
        let cell = FoundCell.read(page, at: entry.offset, kind: header.kind, geometry: file.geometry),
        let record = reader.payload(page, cell), let fields = RecordParts.fields(record)
      else { return nil }
      for (place, field) in zip(indexes[entry.index].layout.places, fields) {
        guard let place else { continue }
        if let known = values[place], known != field { return nil }
        values[place] = field
      }
    }
    return values
  }

  private func isBefore(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer) -> Bool {
    table.isBefore(one, other, file.encoding)
  }

  // MARK: Reading an index

  /// The entries of rows that are missing; nil where the index is not what it seems, or none that holds every row.
  private func entries(_ index: Index, number: Int, _ present: [KeyedEntry], keyCount: Int) -> [Entry]? {
    var entries: [Entry] = []
    var count = 0
    var agreeing = 0
    var differing = 0
    for pageNumber in index.pages {
      guard let page = reader.page(pageNumber), let header = BTreePage(page, number: pageNumber), !header.kind.isTable,
        header.cellPointersEnd <= file.usableSize
      else { continue }
      for cellIndex in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * cellIndex)
        guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry),
          let record = reader.payload(page, cell), let fields = RecordParts.fields(record),
          fields.count == index.layout.places.count, let key = key(fields, index.layout, keyCount)
        else { return nil }
        count += 1
        let place = present.partitioningIndex { row in
          key.withUnsafeBytes { bytes in bytes.baseAddress.map { !isBefore(row.record, $0 + Self.slack) } ?? true }
        }
        let isThere = key.withUnsafeBytes { bytes in
          place < present.count && bytes.baseAddress.map { !isBefore($0 + Self.slack, present[place].record) } == true
        }
        if isThere {
          guard agreeing + differing < Self.sampled else { continue }
          if agrees(fields, index.layout, present[place]) { agreeing += 1 } else { differing += 1 }
          continue
        }
        let isMissing = key.withUnsafeBytes { bytes in
          bytes.baseAddress.map { table.isMissing($0 + Self.slack, file.encoding) } == true
        }
        guard isMissing else { continue }
        guard entries.count < Self.mostEntries, let kept = file.keep(key).baseAddress else { return nil }
        entries.append(Entry(key: kept + Self.slack, page: pageNumber, offset: at, index: number))
      }
    }
    return count > 0 && agreeing >= differing ? entries : nil
  }

  /// A record of the key that an entry holds, with room around it.
  private func key(_ fields: [StoredField], _ layout: KeyedLayout.Index, _ keyCount: Int) -> [UInt8]? {
    var key = [StoredField?](repeating: nil, count: keyCount)
    for (place, field) in zip(layout.places, fields) {
      if let place, place < keyCount { key[place] = field }
    }
    let room = [UInt8](repeating: 0, count: Self.slack)
    let values = key.compactMap(\.self)
    return values.count == keyCount ? room + RecordParts.record(values) + room : nil
  }

  /// Whether an entry has the values of its row.
  private func agrees(_ fields: [StoredField], _ layout: KeyedLayout.Index, _ row: KeyedEntry) -> Bool {
    var cursor = ValueCursor(row.record)
    var own: [ValueCursor.Value] = []
    while !cursor.isAtEnd { own.append(cursor.next()) }
    return zip(layout.places, fields).allSatisfy { place, field in
      guard let place, place < own.count else { return true }
      return own[place].type == field.type
        && UnsafeRawBufferPointer(start: own[place].start, count: own[place].size).elementsEqual(field.bytes)
    }
  }
}

extension RandomAccessCollection where Index == Int {
  /// The first place from which on a condition holds, of elements of which it holds from some place on.
  func partitioningIndex(_ condition: (Element) -> Bool) -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
