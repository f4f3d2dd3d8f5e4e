import MendKit

extension Reassembly {
  /// What was written.
  struct Written {
    /// Of each table, by the name of its map: the numbers of the rows that the tree does not lead to any more.
    var found: [String: Set<Int64>] = [:]
    /// Of each table, by its number: rows in which NULL stands in the place of a large object that is lost.
    var withoutObjects: [Int: Int] = [:]
    /// Of each table, by its number: rows of which nothing tells whether they were there to the last. They are in a map of their own,
    /// as those of a table with a number of its own.
    var aside: [Int: Int] = [:]
    fileprivate var asideLeaves: [StoreWriter.Branch] = []
  }

  /// The numbers of what is set aside of tables begin here.
  static let firstAside = 3_000_000

  /// What is to be said of it.
  func notes(_ written: Written) -> [String] {
    var notes = ["put the pages together that are left, and made a new database of what H2's Recover read there"]
    for table in tables {
      let name = table.name ?? "a table whose definition is lost"
      if table.chain.found > 0 {
        notes.append("\(table.chain.found) pages of \(name) came back that nothing led to any more")
      }
      if table.chain.unsure > 0 {
        notes.append(
          "\(table.chain.unsure) rows of \(name) are as older pages have them: some may have been changed or deleted since"
        )
      } else if !table.isSure, !table.chain.leaves.isEmpty {
        notes.append("the rows of \(name) are those of version \(version(of: table)), which may not be the newest one")
      }
      if let count = written.aside[table.id] {
        notes.append(
          "\(count) rows stood below a lost page of \(name), and may have been changed or deleted since: they are in "
            + "dbmend_set_aside_\(name)")
      }
      if let count = written.withoutObjects[table.id] {
        notes.append(
          "\(count) rows of \(name) refer to large objects that are lost: NULL, or nothing, stands in their place")
      }
    }
    return notes
  }

  private func version(of table: TableMap) -> Int { table.chain.leaves.map(\.version).max() ?? 0 }

  /// Writes everything into a new file, which H2's `Recover` reads. `evidence` are the sound indexes of the tables, by the names of
  /// their maps: a row that nothing leads to is one of the table when they have it, and none when they lack it.
  func write(to path: String, _ evidence: [String: RowEvidence] = [:]) throws(Problem) -> Written {
    let writer = try StoreWriter(path, like: file.headers.newest, format: file.format)
    var written = Written()
    var roots: [Int: PagePosition] = [:]
    var free = (names.keys.max() ?? 1) + (tables.map(\.map).max() ?? 1) + 2
    func freeMap() -> Int {
      free += 1
      return free
    }
    var maps = Maps()
    let large = try writeObjects(writer, &maps, &roots, freeMap)
    let listMap = list?.map ?? freeMap()
    roots[listMap] = try writeList(listMap, writer)
    maps.add(listMap, "table.0", Self.listTypes)
    for table in tables {
      roots[table.map] = try write(table, writer, large, &written, evidence["table.\(table.id)"])
      maps.add(table.map, "table.\(table.id)", table.types)
      guard !written.asideLeaves.isEmpty else { continue }
      // A page says which map it belongs to.
      let map = table.map + Self.asideMaps
      roots[map] = try writer.root(map, above: written.asideLeaves)
      maps.add(map, "table.\(Self.firstAside + table.id)", table.types)
      written.asideLeaves = []
    }
    // H2 holds values against the open transactions: what a log has of one is kept as it is.
    for (map, name) in names where name.hasPrefix("undoLog") {
      guard let root = layout?.roots[map], root.isSaved, let copy = try copy(root, of: map, writer) else { continue }
      roots[map] = copy.position
      maps.add(map, name, nil)
    }
    maps.add(freeMap(), "openTransactions", nil)
    let registry = freeMap()
    maps.add(registry, "_", nil)
    roots[registry] = try writer.leaves(registry, maps.types)
    let meta = freeMap()
    roots[meta] = try writer.texts(meta, maps.entries)
    try writer.finish(roots: roots, metaMap: meta)
    return written
  }

  /// The entries of the map that names the others, and of the list of types.
  private struct Maps {
    var entries: [String: String] = [:]
    var types: [String: [UInt8]] = [:]

    mutating func add(_ map: Int, _ name: String, _ pair: MapTypes.Pair?) {
      let number = String(map, radix: 16)
      var text = "name:\(name)"
      if let pair { text += ",key:\(type(pair.keys)),val:\(type(pair.values))" }
      entries["map.\(number)"] = text
      entries["name.\(name)"] = number
    }

    /// The name of a type in the list, which it is added to.
    private mutating func type(_ type: MapType) -> String {
      let bytes = type.bytes
      let name = "t" + bytes.map { String($0, radix: 16) }.joined()
      types[name] = bytes
      return name
    }
  }

  /// Writes large objects and their blocks; which of the objects are whole, nil where all are.
  private func writeObjects(
    _ writer: StoreWriter, _ maps: inout Maps, _ roots: inout [Int: PagePosition], _ freeMap: () -> Int
  ) throws(Problem) -> LargeObjects? {
    guard let objects, let blocks else {
      maps.add(self.objects?.map ?? freeMap(), "lobMap", MapTypes.Pair(keys: .long, values: .largeObject))
      maps.add(self.blocks?.map ?? freeMap(), "lobData", MapTypes.Pair(keys: .long, values: .bytes))
      return try LargeObjects([], map: 0, reader)
    }
    var large = try LargeObjects(blocks.chain.leaves, map: blocks.map, reader)
    var hasLost = !objects.chain.gaps.isEmpty
    var ignored = Written()
    roots[blocks.map] = try write(blocks, writer, nil, &ignored)
    var leaves: [StoreWriter.Branch] = []
    for leaf in objects.chain.leaves {
      guard case .success(let page) = try reader.page(leaf.position, of: objects.map, whole: true),
        let entries = TableLeaf(page, objects.types.values)
      else { continue }
      for place in leaf.entries {
        guard let range = entries.rows[place] else { continue }
        guard try large.take(entries.numbers[place], page.body[range]) else {
          hasLost = true
          continue
        }
        if let (count, body) = entries.body(page, [place]) {
          leaves.append(try writer.leaf(objects.map, keys: count, first: .number(entries.numbers[place]), body))
        }
      }
    }
    roots[objects.map] = try writer.root(objects.map, above: leaves)
    maps.add(objects.map, "lobMap", objects.types)
    maps.add(blocks.map, "lobData", blocks.types)
    return hasLost ? large : nil
  }

  /// Writes H2's list of its objects: what is left of it, and what was added.
  private func writeList(_ map: Int, _ writer: StoreWriter) throws(Problem) -> PagePosition? {
    var ignored = Written()
    var leaves = try list.map { (list) throws(Problem) in try branches(list, writer, nil, &ignored) } ?? []
    for entry in added.sorted(by: { $0.id < $1.id }) {
      var body: [UInt8] = []
      body.append(variable: UInt64(entry.id))
      // Four values: a number, another that is 0, the sort, and the statement.
      body += [0, 4]
      body.append(variable: UInt64(entry.id))
      body += [32, 32 + UInt8(entry.type), 13]
      body.append(text: entry.sql)
      leaves.append(try writer.leaf(map, keys: 1, first: .number(Int64(entry.id)), body))
    }
    return try writer.root(map, above: leaves)
  }

  /// Writes the leaves of a table and the nodes above them.
  private func write(
    _ table: TableMap, _ writer: StoreWriter, _ large: LargeObjects?, _ written: inout Written,
    _ evidence: RowEvidence? = nil
  ) throws(Problem) -> PagePosition? {
    try writer.root(table.map, above: branches(table, writer, large, &written, evidence))
  }

  private func branches(
    _ table: TableMap, _ writer: StoreWriter, _ large: LargeObjects?, _ written: inout Written,
    _ evidence: RowEvidence? = nil
  ) throws(Problem) -> [StoreWriter.Branch] {
    var branches: [StoreWriter.Branch] = []
    for leaf in table.chain.leaves {
      guard case .success(let page) = try reader.page(leaf.position, of: table.map, whole: true) else { continue }
      let isAll = leaf.entries.count == leaf.all
      if isAll, large == nil, !leaf.isFound {
        branches.append(try writer.leaf(table.map, keys: page.keys, first: .number(leaf.first), page.body))
        continue
      }
      guard let rows = TableLeaf(page, table.types.values) else { continue }
      var changed: [Int: [UInt8]] = [:]
      if let large {
        for place in leaf.entries {
          if let row = rows.rows[place], let bytes = large.withoutLost(row, of: page.body) { changed[place] = bytes }
        }
        if !changed.isEmpty { written.withoutObjects[table.id, default: 0] += changed.count }
      }
      let (own, aside) = parted(leaf, rows, evidence)
      if leaf.isFound { written.found["table.\(table.id)", default: []].formUnion(own.map { rows.numbers[$0] }) }
      if own.count == leaf.all, changed.isEmpty {
        branches.append(try writer.leaf(table.map, keys: page.keys, first: .number(leaf.first), page.body))
      } else if let (count, body) = rows.body(page, own, changed: changed),
        let first = own.first(where: { rows.rows[$0] != nil })
      {
        branches.append(try writer.leaf(table.map, keys: count, first: .number(rows.numbers[first]), body))
      }
      if let (count, body) = rows.body(page, aside, changed: changed), let first = aside.first {
        written.aside[table.id, default: 0] += count
        let map = table.map + Self.asideMaps
        written.asideLeaves.append(try writer.leaf(map, keys: count, first: .number(rows.numbers[first]), body))
      }
    }
    return branches
  }

  /// The entries of a leaf that are the table's, and those of which nothing tells.
  private func parted(_ leaf: LeafChain.Leaf, _ rows: TableLeaf, _ evidence: RowEvidence?) -> (own: [Int], aside: [Int])
  {
    guard leaf.isFound, let evidence, layout != nil else {
      return leaf.isDoubtful ? ([], Array(leaf.entries)) : (Array(leaf.entries), [])
    }
    var own: [Int] = []
    var aside: [Int] = []
    for place in leaf.entries {
      switch evidence.verdict(on: rows.numbers[place]) {
      case .proved: own.append(place)
      case .refuted: continue
      case .unproved: if leaf.isDoubtful { aside.append(place) } else { own.append(place) }
      }
    }
    return (own, aside)
  }

  private static let deepest = 64
  private static let asideMaps = 1 << 24

  /// Writes a map as it is; nil where a page of it cannot be read.
  private func copy(
    _ position: PagePosition, of map: Int, _ writer: StoreWriter, depth: Int = 0
  ) throws(Problem) -> StoreWriter.Branch? {
    guard depth < Self.deepest, case .success(let page) = try reader.page(position, of: map, whole: true) else {
      return nil
    }
    guard position.isNode else { return try writer.leaf(map, keys: page.keys, first: .number(0), page.body) }
    var children: [StoreWriter.Branch] = []
    for child in page.children {
      guard child.position.isSaved, let branch = try copy(child.position, of: map, writer, depth: depth + 1) else {
        return nil
      }
      children.append(branch)
    }
    return try writer.node(map, above: children, keys: page.body)
  }
}

extension MapType {
  /// As H2 writes it into its list of types.
  fileprivate var bytes: [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .long: bytes.append(text: "org.h2.mvstore.type.LongDataType")
    case .bytes: bytes.append(text: "org.h2.mvstore.type.ByteArrayDataType")
    case .largeObject: bytes.append(text: "org.h2.mvstore.db.LobStorageMap$BlobMeta$Type")
    case .row(let columns, _):
      bytes.append(text: "org.h2.mvstore.db.RowDataType$Factory")
      bytes.append(variable: UInt64(columns.count))
      // No order, no index, and no number before the values.
      bytes += [0, 0, 0]
    case .versioned(let type):
      bytes.append(text: "org.h2.mvstore.tx.VersionedValueType$Factory")
      bytes += type.bytes
    default: bytes.append(text: "org.h2.mvstore.type.StringDataType")
    }
    return bytes
  }
}
