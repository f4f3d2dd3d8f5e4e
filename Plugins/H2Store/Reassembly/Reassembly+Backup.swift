import MendKit

/// What a backup has to do with pages of a version that is lost.
extension Reassembly {
  /// Leaves out the rows that are not newer than a backup of the same database, of tables that the backup has: it has the same rows,
  /// or newer ones. Whether there were any.
  mutating func giveWay(to backup: BackupCopy) throws(Problem) -> Bool {
    var isChanged = false
    for (place, table) in tables.enumerated() {
      guard let name = table.name, !table.isSure,
        try RowEvidence([], in: table.chain, width: table.width).missing(name, in: backup.survey, backup.handle) != nil
      else { continue }
      let before = table.chain.entries
      tables[place].chain.leaveOut(upTo: backup.version, layout: layout?.last.version)
      if tables[place].chain.entries < before { isChanged = true }
    }
    return isChanged
  }

  /// What is left of each table, which no index tells of.
  func evidence() throws(Problem) -> [String: RowEvidence] {
    var evidence: [String: RowEvidence] = [:]
    for table in tables {
      guard let name = table.name else { continue }
      var rows: Set<Int64> = []
      for leaf in table.chain.leaves {
        guard case .success(let page) = try reader.page(leaf.position, of: table.map, whole: true),
          let entries = TableLeaf(page, table.types.values)
        else { continue }
        for place in leaf.entries where entries.rows[place] != nil { rows.insert(entries.numbers[place]) }
      }
      evidence[name] = RowEvidence(rows, in: table.chain, width: table.width)
    }
    for definition in definitions where evidence[definition.name] == nil {
      evidence[definition.name] = RowEvidence([], in: nil, width: definition.columns.count)
    }
    return evidence
  }
}
