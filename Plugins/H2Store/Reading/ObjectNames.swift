import MendKit

/// What H2's own list of tables and other objects (the map `table.0`) says of the maps of tables and indexes.
struct ObjectNames {
  /// What a map holds.
  struct Object: Hashable {
    /// The table's name, as the catalog has it.
    var table: String
    /// The index's name; nil of a table.
    var index: String?
  }

  /// What each map holds, by its name.
  private(set) var objects: [String: Object] = [:]

  /// What the map of a name holds; nil where that is not known.
  subscript(map: String) -> Object? { objects[map] }

  /// No names.
  init() {}

  /// Reads the list as far as it can be read.
  init(_ version: StoreVersion, map: Int, _ types: MapTypes, in file: StoreFile) throws(Problem) {
    guard let root = version.roots[map],
      types[map]?.values == .versioned(.row(columns: [0, 1, 2, 3], hasNumber: false))
    else {
      return
    }
    let reader = PageReader(file, chunks: version.chunks)
    var pending = [root]
    var count = 0
    while let position = pending.popLast(), count < Self.mostPages {
      count += 1
      guard position.isSaved, case .success(let page) = try reader.page(position, of: map, whole: true) else {
        continue
      }
      pending += page.children.map(\.position)
      if !position.isNode { read(page) }
    }
  }

  private static let mostPages = 100_000

  private mutating func read(_ page: Page) {
    page.body.withUnsafeBytes { bytes in
      var cursor = ValueCursor(bytes)
      guard MapType.long.skip(page.keys, &cursor), cursor.byte() == 0 else { return }
      for _ in 0..<page.keys {
        guard let id = StoredValue.int(&cursor), StoredValue.int(&cursor) != nil, StoredValue.int(&cursor) != nil,
          let sql = StoredValue.text(&cursor)
        else { return }
        note(Int(id), sql)
      }
    }
  }

  /// `CREATE CACHED TABLE "PUBLIC"."USERS"(…)`, `CREATE UNIQUE INDEX "PUBLIC"."I" ON "PUBLIC"."USERS"(…)`.
  private mutating func note(_ id: Int, _ sql: [UInt8]) {
    let statement = QuotedNames(sql)
    let names = statement.names
    if names.count == 2, statement.words.range(of: " TABLE ") != nil {
      objects["table.\(id)"] = Object(table: H2Catalog.name(names))
    } else if names.count == 4, statement.words.range(of: " ON ") != nil {
      objects["index.\(id)"] = Object(table: H2Catalog.name(Array(names[2...])), index: names[1])
    }
  }
}
