import MendKit

/// Fills the gaps of tables with rows that are proved: from indexes that are whole and hold all of a row, and from a backup,
/// where each whole index of the table still holds the row's rowid. What an index holds is the live file's, and goes before
/// what the backup holds. A row that one index lacks was deleted, and does not come back.
///
/// Where a table has no index to ask, nothing is proved or refuted: such rows of a backup are set aside, or taken only where
/// what changed since may be lost.
final class GapFill {
  /// Rows of a backup that are kept apart from the table.
  struct Unproved {
    let table: String
    let missing: GapRanges
  }

  /// Where a row came from that no page of the table held.
  struct Origin {
    enum Source: String {
      case index
      case backup
    }

    let table: String
    /// nil for a row of a table without rowid,
    var rowid: Int64?
    /// which has a key.
    var key: [SQLValue] = []
    let source: Source
    /// The page of the index, or of the backup.
    let page: UInt32
  }

  let file: SalvageFile
  let objects: [SchemaObject]
  let aid: SalvageAid
  private var opened: BackupRows?
  private var isOpened = false

  private var unproved: [Unproved] = []
  /// Rows without rowid of a backup that are kept apart.
  var unprovedKeys: [UnprovedKeys] = []
  var origins: [Origin] = []
  var notes: [String] = []

  init(_ file: SalvageFile, _ objects: [SchemaObject], _ aid: SalvageAid) {
    self.file = file
    self.objects = objects
    self.aid = aid
  }

  /// Adds to the written file what does not belong into its own tables, and tells what was done.
  func finish(_ path: String, _ outcome: inout RepairOutcome) throws(Problem) {
    outcome.notes += notes
    let extra = SalvageTables(path: path)
    if !unprovedKeys.isEmpty {
      outcome.notes += try extra.setAside(unprovedKeys)
      for one in unprovedKeys { outcome.rows[one.table, default: RowTally(lost: nil)].setAside += one.rows.count }
    }
    if let backup = opened?.path, !unproved.isEmpty {
      let aside = try extra.setAside(unproved, from: backup)
      for (table, count) in aside.rows { outcome.rows[table, default: RowTally(lost: nil)].setAside += count }
      outcome.notes += aside.notes
    }
    if aid.tellsProvenance { try extra.tell(origins) }
  }

  /// Says which rows of a table could not be read.
  func tell(_ missing: GapRanges, of table: String) {
    // Beyond the first and the last row that are known nobody can say that there were any.
    let stood = missing.isBounded ? "stood" : "may have stood"
    notes.append("\(table): rows \(missing.words) \(stood) on pages that could not be read")
  }

  /// Adds to the parts of a table what is proved to have stood in its gaps.
  func fill(
    _ table: inout SalvagedTable, _ parts: [TableRebuild.Part], _ missing: GapRanges, _ layout: RowLayout,
    _ evidence: IndexEvidence, _ survey: FileSurvey
  ) -> [TableRebuild.Part] {
    guard let object = objects.first(where: { $0.kind == "table" && $0.name == table.name }) else { return parts }
    var rows: [Int64: [UInt8]] = [:]
    var proved: [Int64] = []
    evidence.forEachRow { rowid, entries in
      guard missing.contains(rowid), evidence.isProof(entries) else { return }
      proved.append(rowid)
      guard let values = evidence.values(entries), let record = whole(values, layout, table.expected),
        let page = entries.first?.page
      else { return }
      rows[rowid] = record
      table.tally.fromIndex += 1
      origins.append(Origin(table: table.name, rowid: rowid, source: .index, page: page))
    }
    // An index says of every row whether it was there; without one, only a backup tells what may have been.
    let isTold = evidence.isTold
    if !isTold || rows.count < proved.count {
      take(object, layout, evidence, missing, isTold: isTold, &rows, &table)
    }
    if isTold { table.tally.lost = proved.count - rows.count }
    table.tally.lostRanges = isTold ? missing.around(proved.filter { rows[$0] == nil }) : missing.lost
    return merged(parts, rows, survey)
  }

  /// The record of a row of which the indexes hold every value; nil where one is missing.
  private func whole(_ values: [Int: StoredField], _ layout: RowLayout, _ expected: ExpectedRecord) -> [UInt8]? {
    var fields: [StoredField] = []
    for place in layout.columns.indices {
      guard let field = place == layout.rowidAlias ? .null : values[place] else { return nil }
      fields.append(field)
    }
    return accepted(fields, expected)
  }

  func accepted(_ fields: [StoredField], _ expected: ExpectedRecord) -> [UInt8]? {
    let record = RecordParts.record(fields)
    let isExpected = record.withUnsafeBytes { bytes -> Bool in
      guard let start = bytes.baseAddress else { return false }
      var work = 0
      return expected.accepts(
        start, available: bytes.count, payload: bytes.count, checksText: false, work: &work)
    }
    return isExpected ? record : nil
  }

  // MARK: From a backup

  func backup() -> BackupRows? {
    if isOpened { return opened }
    isOpened = true
    do throws(Problem) {
      guard let path = try aid.backup() else { return nil }
      opened = BackupRows(path, encoding: file.encoding)
      if opened == nil {
        notes.append("the backup is no sound database whose texts are stored as here; it was not used")
      }
    } catch {
      notes.append("the backup could not be used: \(error)")
    }
    return opened
  }

  private func take(
    _ object: SchemaObject, _ layout: RowLayout, _ evidence: IndexEvidence, _ missing: GapRanges, isTold: Bool,
    _ rows: inout [Int64: [UInt8]], _ table: inout SalvagedTable
  ) {
    guard let backup = backup() else { return }
    var taken = rows
    var fromBackup = 0
    var aside = 0
    let isKnown = backup.rows(of: object, missing) { row in
      guard taken[row.rowid] == nil, let fields = RecordParts.fields(row.record) else { return }
      let entries = evidence.entries(of: row.rowid)
      let isProved = evidence.isProof(entries)
      guard isTold || isProved else {
        guard aid.takesUnproved, let record = accepted(fields, table.expected) else {
          aside += 1
          return
        }
        taken[row.rowid] = record
        return note(row, object.name, &fromBackup)
      }
      guard isProved, let values = evidence.values(entries),
        let record = updated(fields, with: values, rowidAlias: layout.rowidAlias, table.expected)
      else { return }
      taken[row.rowid] = record
      note(row, object.name, &fromBackup)
    }
    rows = taken
    table.tally.fromBackup += fromBackup
    if !isKnown { notes.append("\(object.name): the backup has no table of the same definition") }
    if aside > 0 { unproved.append(Unproved(table: object.name, missing: missing.without(taken.keys))) }
  }

  private func note(_ row: BackupRows.Row, _ table: String, _ count: inout Int) {
    count += 1
    origins.append(Origin(table: table, rowid: row.rowid, source: .backup, page: row.page))
  }

  /// A backup's record with the values that the live file's indexes hold.
  func updated(
    _ fields: [StoredField], with values: [Int: StoredField], rowidAlias: Int?, _ expected: ExpectedRecord
  ) -> [UInt8]? {
    var fields = fields
    for (place, field) in values where place != rowidAlias {
      // A column that was added later and that the row does not have yet.
      guard place < fields.count else { return nil }
      fields[place] = field
    }
    return accepted(fields, expected)
  }

  // MARK: Into the table

  /// The parts with rows in between, in the order of their rowids.
  private func merged(
    _ parts: [TableRebuild.Part], _ rows: [Int64: [UInt8]], _ survey: FileSurvey
  ) -> [TableRebuild.Part] {
    guard !rows.isEmpty else { return parts }
    let writer = PayloadWriter(file: file)
    var added = rows.sorted { $0.key < $1.key }.map {
      TableRebuild.LeafCell(bytes: writer.cell(rowid: $0.key, payload: $0.value), rowid: $0.key)
    }[...]
    var result: [TableRebuild.Part] = []
    for part in parts {
      switch part {
      case .page(let page, let last):
        let before = added.prefix { $0.rowid < survey[page].first }
        if !before.isEmpty { result.append(.cells(Array(before))) }
        added = added.dropFirst(before.count).drop { $0.rowid <= last }
        result.append(part)
      case .cells(let cells):
        var all: [TableRebuild.LeafCell] = []
        for cell in cells {
          let before = added.prefix { $0.rowid < cell.rowid }
          all += before
          added = added.dropFirst(before.count).drop { $0.rowid == cell.rowid }
          all.append(cell)
        }
        result.append(.cells(all))
      }
    }
    if !added.isEmpty { result.append(.cells(Array(added))) }
    return result
  }
}
