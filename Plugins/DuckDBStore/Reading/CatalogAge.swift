import MendKit

/// Whether the catalog of a file is that of its newest checkpoint, as far as the list of free blocks tells.
///
/// A block of the catalog that is one from before a checkpoint has a right checksum, and what it says can be read: a table as it was.
/// But the blocks that the table had then were given back by that checkpoint, and are on the list that it wrote.
enum CatalogAge {
  /// A table whose rows the catalog has in a block that is free.
  struct Contradiction {
    /// The table; nil where it is the catalog itself that is in such a block.
    var table: String?
    var block: Int
    /// How many such blocks there are, of all tables.
    var count: Int
  }

  /// What contradicts the list; nil where nothing does. A log may have blocks in use that were free at the checkpoint before it: beside
  /// one nobody can tell.
  static func contradiction(_ session: DuckDBSession) throws(Problem) -> Contradiction? {
    guard let survey = session.survey, let use = survey.use, let header = survey.headers.active else { return nil }
    guard use.hasCatalog else { return Contradiction(block: Int(header.metaBlock & (1 << 56 - 1)), count: 1) }
    guard use.isFree.contains(true), !FileStatus.exists(session.path + Sidecars.log) else { return nil }
    let tables = session.structure.catalog.tables.filter { !$0.name.contains("\"") }
    let answers = try session.ask(
      tables.map { table in
        "SELECT list(DISTINCT b) AS b FROM (SELECT block_id AS b, persistent FROM pragma_storage_info("
          + "\(session.sqlName(table.name).asLiteral))) WHERE persistent AND b >= 0"
      })
    var found: Contradiction?
    for (table, answer) in zip(tables, answers) {
      let blocks = (answer.rows.first?["b"]?.array ?? []).compactMap(\.integer)
      let free = blocks.filter { $0 >= header.blockCount || $0 < use.isFree.count && use.isFree[$0] }.sorted()
      guard let first = free.first else { continue }
      found = found ?? Contradiction(table: table.name, block: first, count: 0)
      found?.count += free.count
    }
    return found
  }

  /// The same of a file that nobody has open.
  static func contradiction(at path: String) throws(Problem) -> Contradiction? {
    guard let session = try? DuckDBSession.open(path, patience: 1) else { return nil }
    defer { session.end() }
    return try contradiction(session)
  }
}

extension CatalogAge.Contradiction {
  /// What is in the block, as the part of a sentence.
  var content: String { table.map { "rows of \($0)" } ?? "itself" }

  /// As a finding.
  func finding(blockSize: Int) -> Finding {
    Finding(
      "file.malformed", .error,
      at: Finding.Location(table: table, page: block, byte: FileHeaders.end + block * blockSize),
      "the catalog has \(content) in block \(block), which the newest checkpoint does not have in use: a block of the catalog is from "
        + "before that",
      evidence: "\(count) \(count == 1 ? "block is" : "blocks are") in use, and on the list of free ones")
  }
}
