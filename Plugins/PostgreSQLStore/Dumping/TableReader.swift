import MendKit

/// Finds out which rows of a table can be read: by halves down to a block, and within a block row by row.
struct TableReader {
  let relation: DatabaseCatalog.Relation
  /// Where rows can be read.
  private(set) var readable: [Part] = []
  /// Where they cannot, and why.
  private(set) var unread: [(place: String, said: String)] = []
  /// The same, for who looks at the pages themselves.
  private(set) var suspects = PageRows.Suspects()
  /// How many rows can be read.
  private(set) var rows = 0
  private var blocksLeftToTry = Self.mostDamagedBlocks
  /// What amcheck says of items, by their block.
  private let damaged: [Int: [Int: String]]

  /// `damaged` are items that are not to be read.
  init(_ relation: DatabaseCatalog.Relation, leavingOut damaged: [Int: [Int: String]] = [:]) {
    self.relation = relation
    self.damaged = damaged
  }

  /// A part of a table.
  enum Part {
    /// Blocks from the first to the last.
    case blocks(Int, Int)
    /// One row.
    case item(block: Int, item: Int)

    var condition: String {
      switch self {
      case .blocks(let first, let last): "ctid >= '(\(first),0)'::tid and ctid < '(\(last + 1),0)'::tid"
      case .item(let block, let item): "ctid = '(\(block),\(item))'::tid"
      }
    }

    var place: String {
      switch self {
      case .blocks(let first, let last): first == last ? "block \(first)" : "blocks \(first) to \(last)"
      case .item(let block, let item): "block \(block), item \(item)"
      }
    }
  }

  /// Of more damaged blocks than this, rows are not tried one by one.
  private static let mostDamagedBlocks = 200
  /// The most rows that a block of 8 KiB can have (`MaxHeapTuplesPerPage`).
  private static let mostItems = 291

  var isWhole: Bool { unread.isEmpty && !suspects.areHidden }
  /// The columns in SQL, but for those that are computed.
  var columns: String { relation.storedColumns.map(Quoting.name).joined(separator: ", ") }

  mutating func look(_ connection: ServerConnection) throws(ServerFailure) {
    let size = try connection.value(
      "select pg_catalog.pg_relation_size(\(relation.oid)) / current_setting('block_size')::int")
    if let blocks = size.flatMap({ Int($0) }), blocks > 0 {
      var next = 0
      for block in damaged.keys.sorted() where block < blocks {
        if next < block { try look(connection, next, block - 1) }
        try lookAtItems(connection, block, nil)
        next = block + 1
      }
      return next < blocks ? try look(connection, next, blocks - 1) : ()
    }
    // No block is there: of an empty table by right, or since its file is gone.
    do throws(ServerFailure) {
      _ = try connection.value("select count(*) from only \(relation.sql)")
    } catch {
      guard error.isOfRows else { throw error }
      letGoOfAll(error.message)
    }
  }

  /// An index knows rows that are nowhere in the table.
  mutating func missesRows() { suspects.areHidden = true }

  mutating func letGoOfAll(_ said: String) {
    readable = []
    rows = 0
    unread = [("the whole table", said)]
    suspects = PageRows.Suspects(isAll: true)
  }

  private mutating func look(_ connection: ServerConnection, _ first: Int, _ last: Int) throws(ServerFailure) {
    let part = Part.blocks(first, last)
    do throws(ServerFailure) {
      rows += try count(connection, part)
      readable.append(part)
    } catch {
      guard error.isOfRows else { throw error }
      if first < last {
        let middle = first + (last - first) / 2
        try look(connection, first, middle)
        try look(connection, middle + 1, last)
      } else if DamagedPlace(error.message).block == first,
        error.message.contains("invalid page") || blocksLeftToTry == 0
      {
        unread.append((part.place, error.message))
        suspects.blocks.append(first)
      } else {
        blocksLeftToTry -= 1
        try lookAtItems(connection, first, error)
      }
    }
  }

  private mutating func lookAtItems(
    _ connection: ServerConnection, _ block: Int, _ failure: ServerFailure?
  ) throws(ServerFailure) {
    var isFound = false
    for item in 1...Self.mostItems {
      if let said = damaged[block]?[item] {
        isFound = true
        unread.append((Part.item(block: block, item: item).place, said))
        suspects.items[block, default: []].insert(item)
        continue
      }
      let part = Part.item(block: block, item: item)
      do throws(ServerFailure) {
        guard try count(connection, part) > 0 else { continue }
        rows += 1
        readable.append(part)
      } catch {
        guard error.isOfRows else { throw error }
        isFound = true
        unread.append((part.place, error.message))
        suspects.items[block, default: []].insert(item)
      }
    }
    if !isFound, let failure {
      unread.append((Part.blocks(block, block).place, failure.message))
      suspects.blocks.append(block)
    }
  }

  /// Reads every value of a part, and holds it against the database's encoding: a text that is none in it cannot be restored; how
  /// many rows the part has.
  private func count(_ connection: ServerConnection, _ part: Part) throws(ServerFailure) -> Int {
    let row = try connection.rows(
      """
      select count(*), pg_catalog.sum(pg_catalog.length(pg_catalog.convert_to(dbmend_row::text, pg_catalog.getdatabaseencoding())))
      from only \(relation.sql) dbmend_row where \(part.condition)
      """
    ).first
    return Int((row?.first ?? nil) ?? "") ?? 0
  }

  /// What the list of an archive says of the table; of items whose bytes were looked at in vain, why.
  func entry(file: String, _ failures: [Int: [Int: String]] = [:]) -> RemainsList.Entry {
    var reasons: [String: String] = [:]
    for (block, items) in failures {
      for (item, said) in items { reasons[Part.item(block: block, item: item).place] = said }
    }
    let unread = unread.map { place, said in (place, said + (reasons[place].map { "; of its bytes: \($0)" } ?? "")) }
    return RemainsList.Entry(
      sql: relation.sql, table: relation.table.name, file: file, columns: columns, rows: rows, unread: unread)
  }
}

extension ServerFailure {
  /// Whether rows that were asked for cannot be read or handed over, on a connection that is still there.
  fileprivate var isOfRows: Bool { (isDamage || state.hasPrefix("22")) && !isGone }
}
