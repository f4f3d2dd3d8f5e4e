import MendKit

extension SQLiteSession: RotSession {
  /// Pages whose checksum is not that of an archive, where the file is as it was when the archive was taken.
  func rottenParts(_ notes: BackupNotes, limit: Int) throws(Problem) -> [Finding] {
    let view = try viewForChecks()
    guard view.stamp.isSameState(as: notes.stamp), let header = view.header, let known = PageNotes(try notes.read()),
      known.pageSize == header.pageSize
    else { return [] }
    let pages = try PageMap(view, header: header)
    let rotten = known.differing(pages, workers: Workers.processors)
    try view.confirmUnheld()
    try pages.confirmRead()
    guard !rotten.isEmpty else { return [] }
    let names = try treeNames()
    var findings = rotten.prefix(limit).map { finding($0, known, names, notes) }
    if rotten.count > limit { findings[limit - 1].count = rotten.count - limit + 1 }
    return findings
  }

  private func finding(
    _ page: UInt32, _ known: PageNotes, _ names: [UInt32: TreeName], _ notes: BackupNotes
  ) -> Finding {
    let owner = names[known.owner(page)]
    let of = owner.map { " of \($0.index.map { "index \($0)" } ?? "table \($0.table)")" } ?? ""
    return Finding(
      "page.rotten", .error,
      at: .init(
        table: owner?.table, index: owner?.index, page: Int(page), byte: (Int(page) - 1) * known.pageSize),
      "page \(page)\(of) is not what it was when the newest good archive was taken, and nothing was committed since",
      evidence: "its XXH3 is another than in \(Paths.name(of: notes.archive))")
  }

  private struct TreeName {
    let table: String
    let index: String?
  }

  /// The tables and indexes by their roots.
  private func treeNames() throws(Problem) -> [UInt32: TreeName] {
    var names: [UInt32: TreeName] = [1: TreeName(table: "sqlite_schema", index: nil)]
    try connection.rows("SELECT rootpage, type, name, tbl_name FROM sqlite_schema WHERE rootpage > 0") {
      row throws(Problem) in
      let isIndex = row.text(1) == "index"
      names[UInt32(clamping: row.integer(0))] = TreeName(
        table: isIndex ? row.text(3) : row.text(2), index: isIndex ? row.text(2) : nil)
      return true
    }
    return names
  }
}
