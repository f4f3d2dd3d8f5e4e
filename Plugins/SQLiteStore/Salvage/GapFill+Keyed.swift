import MendKit

/// Tables without rowid are filled by their keys, by the same rules of proof: their indexes hold the key in every entry.
extension GapFill {
  /// Rows of a backup of which nothing tells whether they were there to the last.
  struct UnprovedKeys {
    let table: String
    /// The columns that the rows give the values of.
    let columns: [String]
    var rows: [[SQLValue]] = []
  }

  /// Bytes of such rows that are held in memory.
  private static let mostBytes = 64 << 20

  /// The rows of a table with those that are proved to have stood in its gaps.
  func fill(
    _ table: KeyedTable, _ rows: [KeyedEntry], _ indexes: [(name: String, pages: [UInt32])], _ memory: Connection?
  ) -> [KeyedEntry] {
    guard !table.gaps.isEmpty, let layout = memory.flatMap({ KeyedLayout(table.name, in: $0) }),
      let object = objects.first(where: { $0.kind == "table" && $0.name == table.name })
    else { return rows }
    let candidates = indexes.compactMap { index in
      layout.indexes[index.name].map { KeyedEvidence.Index(layout: $0, pages: index.pages) }
    }
    let evidence = KeyedEvidence(file, table, candidates, rows, keyCount: layout.keyCount)
    let isTold = !evidence.indexes.isEmpty
    var added: [KeyedEntry] = []
    var open: [[KeyedEvidence.Entry]] = []
    for entries in evidence.rows where evidence.isProof(entries) {
      guard let values = evidence.values(entries), let page = entries.first?.page,
        let record = whole(values, layout, table.expected)
      else {
        open.append(entries)
        continue
      }
      add(record, from: .index, page, table, layout, &added)
    }
    table.tally.fromIndex = added.count
    if !isTold || !open.isEmpty { take(object, table, layout, evidence, rows, &added) }
    table.tally.fromBackup = added.count - table.tally.fromIndex
    if isTold { table.tally.lost = open.count - table.tally.fromBackup }
    let count = layout.keyCount
    table.tally.lostRanges =
      table.tally.lost == 0 ? [] : table.gaps.map { .keys(above: key($0.above, count), below: key($0.below, count)) }
    if table.tally.lost != 0 || !added.isEmpty {
      let places = table.gaps.count == 1 ? "a range" : "\(table.gaps.count) ranges"
      notes.append("\(table.name): rows in \(places) of its keys stood on pages that could not be read")
    }
    return added.isEmpty ? rows : (rows + added).sorted { table.isBefore($0.record, $1.record, file.encoding) }
  }

  private func take(
    _ object: SchemaObject, _ table: KeyedTable, _ layout: KeyedLayout, _ evidence: KeyedEvidence,
    _ present: [KeyedEntry], _ added: inout [KeyedEntry]
  ) {
    guard let backup = backup() else { return }
    let isTold = !evidence.indexes.isEmpty
    var taken = added
    var aside = UnprovedKeys(table: table.name, columns: layout.columns)
    var bytes = 0
    let isKnown = backup.keyedRows(of: object, like: table) { row in
      guard table.isMissing(row.record, file.encoding), !holds(present, row, table),
        let fields = RecordParts.fields(row)
      else { return }
      guard isTold else {
        if aid.takesUnproved, let record = accepted(fields, table.expected) {
          return add(record, from: .backup, row.page, table, layout, &taken)
        }
        bytes += fields.reduce(64) { $0 + $1.bytes.count }
        if bytes <= Self.mostBytes { aside.rows.append(fields.map { $0.value(file.encoding) }) }
        return
      }
      let entries = evidence.entries(of: row.record)
      guard evidence.isProof(entries), let values = evidence.values(entries),
        whole(values, layout, table.expected) == nil,
        let record = updated(fields, with: values, rowidAlias: nil, table.expected)
      else { return }
      add(record, from: .backup, row.page, table, layout, &taken)
    }
    added = taken
    if !isKnown { notes.append("\(object.name): the backup has no table of the same definition") }
    if !aside.rows.isEmpty { unprovedKeys.append(aside) }
    if bytes > Self.mostBytes { notes.append("\(object.name): more rows of the backup were left out") }
  }

  /// Whether rows in the order of their keys have one of this key.
  private func holds(_ rows: [KeyedEntry], _ row: KeyedEntry, _ table: KeyedTable) -> Bool {
    let place = rows.partitioningIndex { !table.isBefore($0.record, row.record, file.encoding) }
    return place < rows.count && !table.isBefore(row.record, rows[place].record, file.encoding)
  }

  private func add(
    _ record: [UInt8], from source: Origin.Source, _ page: UInt32, _ table: KeyedTable, _ layout: KeyedLayout,
    _ rows: inout [KeyedEntry]
  ) {
    let room = [UInt8](repeating: 0, count: 16)
    guard let start = file.keep(room + record + room).baseAddress else { return }
    let entry = KeyedEntry(
      cell: PayloadWriter(file: file).keyedCell(payload: record), record: start + room.count, chain: [], page: 0)
    rows.append(entry)
    origins.append(Origin(table: table.name, key: key(entry, layout.keyCount) ?? [], source: source, page: page))
  }

  /// The record of a row of which the indexes hold every value; nil where one is missing.
  private func whole(_ values: [Int: StoredField], _ layout: KeyedLayout, _ expected: ExpectedRecord) -> [UInt8]? {
    let fields = layout.columns.indices.compactMap { values[$0] }
    return fields.count == layout.columns.count ? accepted(fields, expected) : nil
  }

  private func key(_ entry: KeyedEntry?, _ count: Int) -> [SQLValue]? {
    entry.flatMap(RecordParts.fields).map { $0.prefix(count).map { $0.value(file.encoding) } }
  }
}

extension RecordParts {
  /// The values of a row without rowid.
  static func fields(_ entry: KeyedEntry) -> [StoredField]? {
    var cursor = ValueCursor(entry.record)
    var fields: [StoredField] = []
    while !cursor.isAtEnd {
      let value = cursor.next()
      fields.append(
        StoredField(type: value.type, bytes: Array(UnsafeRawBufferPointer(start: value.start, count: value.size))))
    }
    return fields.isEmpty ? nil : fields
  }
}
