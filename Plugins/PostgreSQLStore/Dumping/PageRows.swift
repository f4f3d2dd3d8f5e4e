import MendKit

/// Rows that the server does not read, decoded from the bytes of their pages. The server believes what a row says of itself, and its
/// process may die of one that is damaged, with all sessions of all databases: so it is asked for the page as it is, and nothing else.
struct PageRows {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let functions: PageFunctions
  private let columns: [RowColumn]
  private let encoding: String
  private let blockSize: Int
  private let path: String
  private let endings: TransactionEndings
  /// Where values are that the table keeps apart.
  private let apart: (oid: String, sql: String)?
  /// Whether what is kept apart is sound, once somebody asked.
  private var isApartSound: Bool?

  /// What of a table is looked for.
  struct Suspects {
    /// Blocks of which no row can be read.
    var blocks: [Int] = []
    /// Items by their block.
    var items: [Int: Set<Int>] = [:]
    /// Whether nothing of the table can be read.
    var isAll = false
    /// Whether an index knows rows that the table does not have, and nothing tells where they were.
    var areHidden = false
  }

  /// What was found.
  struct Outcome {
    var rows = 0
    /// Keys of rows that an index knows, as text.
    var proved: [[String]] = []
    /// Why items were not decoded, by block and item.
    var failures: [Int: [Int: String]] = [:]
  }

  /// On a connection with the functions at hand; nil where this user is given no pages.
  init?(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ functions: PageFunctions,
    _ types: TypeCatalog
  ) throws(ServerFailure) {
    guard functions.pageinspect != .unavailable else { return nil }
    self.connection = connection
    self.relation = relation
    self.functions = functions
    endings = TransactionEndings(connection)
    columns = try types.columns(of: relation.oid, connection)
    let row =
      try connection.rows(
        """
        select current_setting('server_encoding'), current_setting('block_size'),
          pg_catalog.pg_relation_filepath(c.oid), t.oid, n.nspname, t.relname
        from pg_catalog.pg_class c left join pg_catalog.pg_class t on t.oid = c.reltoastrelid
          left join pg_catalog.pg_namespace n on n.oid = t.relnamespace where c.oid = \(relation.oid)
        """
      ).first ?? []
    guard row.count == 6, let path = row[2] else { return nil }
    encoding = row[0] ?? ""
    blockSize = Int(row[1] ?? "") ?? 8192
    self.path = path
    if let oid = row[3], let schema = row[4], let name = row[5] {
      apart = (oid, Quoting.name(schema) + "." + Quoting.name(name))
    } else {
      apart = nil
    }
  }

  /// The names of the columns in SQL, in the order of the values.
  var list: String { columns.filter { !$0.isDropped }.map { Quoting.name($0.name) }.joined(separator: ", ") }

  /// Looks for rows, and hands over each as a line of `COPY`, in the encoding of the database.
  mutating func look(
    for suspects: Suspects, _ take: ([UInt8]) throws(Problem) -> Void
  ) throws(Problem) -> Outcome {
    var outcome = Outcome()
    do throws(ServerFailure) {
      let size = try connection.value("select pg_catalog.pg_relation_size(\(relation.oid)) / \(blockSize)")
      let count = size.flatMap { Int($0) } ?? 0
      let whole = suspects.isAll ? Set(0..<count) : Set(suspects.blocks)
      let blocks = suspects.areHidden ? Set(0..<count) : whole.union(suspects.items.keys)
      for block in blocks.sorted() where block < count {
        guard let page = try page(block) else { continue }
        try look(page, whole.contains(block) ? nil : suspects.items[block] ?? [], &outcome, take)
      }
    } catch {
      throw error.problem("read pages of \(relation.table.name) in", on: connection.address.uri)
    }
    return outcome
  }

  private mutating func look(
    _ page: HeapPage, _ items: Set<Int>?, _ outcome: inout Outcome, _ take: ([UInt8]) throws(Problem) -> Void
  ) throws(ServerFailure) {
    let row = HeapRow(page: page, columns: columns, ending: endings.ending)
    var looked = items ?? Set(page.pointers.indices.map { $0 + 1 })
    looked.formUnion(page.hiddenItems(besides: items ?? []))
    guard !looked.isEmpty else { return }
    let isVisible = try isAllVisible(page)
    for item in looked.sorted() {
      do throws(Undecodable) {
        let values = try texts(try row.values(of: item, besides: items ?? []))
        do throws(Problem) {
          try take(Self.line(values))
        } catch {
          throw Undecodable(said: error.said)
        }
        outcome.rows += 1
        if isVisible, let key = key(values), (try? isKnown(key)) ?? false { outcome.proved.append(key) }
      } catch {
        outcome.failures[page.block, default: [:]][item] = error.said
      }
    }
  }

  // MARK: - Pages

  /// A page as the server has it; where the server does not take it for one, as it is in the file.
  private func page(_ block: Int) throws(ServerFailure) -> HeapPage? {
    if let bytes = try bytes("\(functions.rawPage)(\(Quoting.text(relation.sql)), \(block))") {
      return HeapPage(bytes, block: block)
    }
    // Every GiB of a table is a file of its own.
    let perFile = (1 << 30) / blockSize
    let file = path + (block < perFile ? "" : ".\(block / perFile)")
    let place = block % perFile * blockSize
    let bytes = try bytes("pg_catalog.pg_read_binary_file(\(Quoting.text(file)), \(place), \(blockSize))")
    return bytes.map { HeapPage($0, block: block) }
  }

  /// Bytes that a function of the server gives; nil where it refuses.
  private func bytes(_ call: String) throws(ServerFailure) -> [UInt8]? {
    do throws(ServerFailure) {
      return Hexadecimal.bytes(try connection.value("select pg_catalog.encode(\(call), 'hex')") ?? "")
    } catch {
      guard !error.isGone else { throw error }
      return nil
    }
  }

  // MARK: - Values

  private mutating func texts(_ values: [StoredValue]) throws(Undecodable) -> [[UInt8]?] {
    var texts: [[UInt8]?] = []
    for (column, value) in zip(columns.filter { !$0.isDropped }, values) {
      do throws(Undecodable) {
        texts.append(try text(value, column))
      } catch {
        throw Undecodable(said: "its value of \(column.name): \(error.said)")
      }
    }
    return texts
  }

  private mutating func text(_ value: StoredValue, _ column: RowColumn) throws(Undecodable) -> [UInt8]? {
    let text: [UInt8]
    switch value {
    case .null: return nil
    case .text(let known): text = Array(known.utf8)
    case .bytes(let bytes):
      guard column.layout.length == -1 else {
        text = try column.type.text(of: bytes)
        break
      }
      switch try Varlena.content(bytes) {
      case .plain(let content): text = try column.type.text(of: content)
      case .apart(let pointer): text = try column.type.text(of: try content(of: pointer))
      }
    }
    guard !text.contains(0) else { throw Undecodable(said: "there is a zero in the text") }
    guard encoding != "UTF8" || String(validating: text, as: UTF8.self) != nil else {
      throw Undecodable(said: "it is no text in the database's encoding")
    }
    return text
  }

  /// A value that is kept apart. Its pieces are rows, too: they are asked for where all of them are sound.
  private mutating func content(of pointer: Varlena.Pointer) throws(Undecodable) -> [UInt8] {
    guard let apart, pointer.relation == UInt32(apart.oid) else {
      throw Undecodable(said: "it is kept apart in no place of its table's")
    }
    if isApartSound == nil { isApartSound = (try? verifyApart(apart.oid)) ?? false }
    guard isApartSound == true else { throw Undecodable(said: "it is kept apart, where pages are damaged too") }
    let rows: [[String?]]
    do throws(ServerFailure) {
      rows = try connection.rows(
        """
        select chunk_seq, pg_catalog.encode(chunk_data, 'hex') from \(apart.sql) where chunk_id = \(pointer.value)
        order by chunk_seq
        """)
    } catch {
      throw Undecodable(said: error.message)
    }
    var pieces: [UInt8] = []
    for (number, row) in rows.enumerated() {
      guard row.count == 2, row[0] == String(number), let piece = Hexadecimal.bytes(row[1] ?? "") else {
        throw Undecodable(said: "a piece of it is missing")
      }
      pieces += piece
    }
    return try Varlena.content(pieces, of: pointer)
  }

  private func verifyApart(_ oid: String) throws(ServerFailure) -> Bool {
    guard functions.amcheck != .unavailable else { return false }
    let found = try connection.value(
      "select count(*) from (select 1 from \(functions.verifyHeap)(relation => \(oid)) limit 1) f")
    guard found == "0" else { return false }
    _ = try connection.rows(
      """
      select \(functions.checkIndex)(index => i.indexrelid::pg_catalog.regclass, heapallindexed => false)
      from pg_catalog.pg_index i where i.indrelid = \(oid)
      """)
    return true
  }

  private static func line(_ values: [[UInt8]?]) -> [UInt8] {
    var line: [UInt8] = []
    for (number, value) in values.enumerated() {
      if number > 0 { line.append(UInt8(ascii: "\t")) }
      guard let value else {
        line += Array("\\N".utf8)
        continue
      }
      for byte in value {
        switch byte {
        case UInt8(ascii: "\\"): line += Array("\\\\".utf8)
        case UInt8(ascii: "\n"): line += Array("\\n".utf8)
        case UInt8(ascii: "\r"): line += Array("\\r".utf8)
        case UInt8(ascii: "\t"): line += Array("\\t".utf8)
        default: line.append(byte)
        }
      }
    }
    return line + [UInt8(ascii: "\n")]
  }

  // MARK: - Proof

  private func isAllVisible(_ page: HeapPage) throws(ServerFailure) -> Bool {
    guard page.isAllVisible, !relation.table.primaryKey.isEmpty else { return false }
    return try VisibilityMap(connection, relation, functions, blockSize: blockSize).isAllVisible(page.block)
  }

  private func key(_ values: [[UInt8]?]) -> [String]? {
    let names = columns.filter { !$0.isDropped }.map(\.name)
    var key: [String] = []
    for name in relation.table.primaryKey {
      guard let place = names.firstIndex(of: name), let value = values[place],
        let text = String(validating: value, as: UTF8.self)
      else { return nil }
      key.append(text)
    }
    return key.isEmpty ? nil : key
  }

  /// Whether the index of the primary key has an entry of this key, by the index alone.
  private func isKnown(_ key: [String]) throws(ServerFailure) -> Bool {
    let places = zip(relation.indexes, relation.table.indexes)
    guard
      let index = places.first(where: {
        $1.columns.compactMap(\.self) == relation.table.primaryKey && $1.isUnique && !$1.isPartial
      })?.0,
      index.method == "btree", index.isValid, index.isReady,
      !DamagedItems.isSuspect(index.shown, of: connection.address)
    else { return false }
    let conditions = zip(relation.table.primaryKey, key).map { "\(Quoting.name($0)) = \(Quoting.text($1))" }
    let names = relation.table.primaryKey.map(Quoting.name).joined(separator: ", ")
    let query = "select \(names) from only \(relation.sql) where \(conditions.joined(separator: " and "))"
    let ways = ["seqscan", "bitmapscan", "tidscan"]
    try connection.run(ways.map { "set enable_\($0) = off" }.joined(separator: "; "))
    defer { try? connection.run(ways.map { "set enable_\($0) = on" }.joined(separator: "; ")) }
    let plan = try connection.plan(query)
    guard plan.contains("\"Node Type\": \"Index Only Scan\""),
      plan.contains("\"Index Name\": \(JSONValue.string(index.name).text(pretty: false))")
    else { return false }
    return try connection.rows(query).count == 1
  }
}

/// The connection on which pages are looked at while a damaged database is dumped.
struct PageReading {
  private let connection: ServerConnection
  private let functions: PageFunctions
  private let types: TypeCatalog

  /// Connects, and makes the functions that are needed for the time of it.
  init(_ address: PostgresAddress, patience: Double) throws(Problem) {
    connection = try ServerConnection(address, .workOn(snapshot: nil), patience: patience)
    do throws(ServerFailure) {
      functions = try PageFunctions.find(connection)
      try functions.prepare(connection)
      types = try TypeCatalog(connection)
    } catch {
      throw error.problem("make functions for looking at pages in", on: address.uri)
    }
  }

  func end() { connection.end() }

  /// Writes the rows of a table to a file that the server did not read; why others were not found. Nothing where this user is given no
  /// pages: what the server read is no less for that.
  func look(
    _ reader: TableReader, to path: String
  ) -> (found: RemainsList.Found?, failures: [Int: [Int: String]])? {
    guard var rows = (try? PageRows(connection, reader.relation, functions, types)) ?? nil,
      let file = try? FileHandle.create(path, mode: 0o600)
    else { return nil }
    defer { file.close() }
    var size = 0
    let outcome = try? rows.look(for: reader.suspects) { (line) throws(Problem) in
      try file.write(line, at: size)
      size += line.count
    }
    guard let outcome, outcome.rows > 0 else {
      try? Paths.removeFile(path)
      return (nil, outcome?.failures ?? [:])
    }
    let found = RemainsList.Found(
      file: Paths.name(of: path), columns: rows.list, rows: outcome.rows, proved: outcome.proved)
    return (found, outcome.failures)
  }
}
