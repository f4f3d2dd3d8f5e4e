import MendKit

/// What can be put together of the pages that are left in a file: the tables with their rows, H2's list of them, and the large objects.
///
/// Where the layout of the newest version can be read, it says where each map begins and which pages are in use: then leaves below a
/// lost node come back as they were. Where it cannot, the chunks say so: each has the root of every map that changed before all other
/// pages of that map. A root in the chunk that a closed store's headers name is the newest one; of any other nobody can tell whether
/// it is, and of leaves that no root leads to neither: what is made of those costs `changes`.
struct Reassembly {
  /// A table whose rows are there.
  struct TableMap {
    var map: Int
    /// Its number, which its map is named by.
    var id: Int
    /// Its name; nil where its definition is lost.
    var name: String?
    var types: MapTypes.Pair
    var chain: LeafChain
    /// Whether its root is that of the newest version.
    var isSure: Bool

    /// Its columns.
    var width: Int {
      if case .versioned(.row(let columns, _)) = types.values { columns.count } else { 0 }
    }

    /// Rows that are known to be missing; nil where nobody can count them.
    var lost: Int? {
      guard isSure, chain.unsure == 0 else { return nil }
      return chain.gaps.reduce(0 as Int?) { sum, gap in
        guard let sum, let entries = gap.entries, sum < 1 << 60, entries < 1 << 60 else { return nil }
        return sum + entries
      }
    }
  }

  /// The tables, H2's list of them not among them.
  var tables: [TableMap] = []
  /// H2's list of tables and other objects.
  private(set) var list: TableMap?
  /// The maps of large objects, and of the blocks that these are made of.
  private(set) var objects: TableMap?
  private(set) var blocks: TableMap?
  /// What the tables are, as far as the list tells.
  var definitions: [TableDefinition] = []
  /// What H2's list of its objects is to have beside what was found of it.
  var added: [LostDefinitions.Entry] = []
  /// What it costs.
  private(set) var loss = Loss.rows

  let file: StoreFile
  /// Reads pages, those of chunks that are not whole as well.
  private(set) var reader: PageReader
  /// The newest version, where its layout can be read, or the one that takes its place.
  private(set) var layout: StoreVersion?
  private let isOlder: Bool
  /// Whether the survey read the layout: then it tells of the indexes, too.
  let isSurveyed: Bool
  private(set) var names: [Int: String] = [:]
  private var types = MapTypes()
  private var harvest: PageHarvest?

  /// Looks through a file; `older` is a version that is to be taken in the place of the newest one. nil where no rows are found.
  init?(_ handle: FileHandle, _ survey: FileSurvey, older: StoreVersion? = nil) throws(Problem) {
    file = try StoreFile(handle)
    isOlder = older != nil
    layout = older ?? (survey.damages.contains { $0.kind == .version } ? nil : survey.newest)
    isSurveyed = layout != nil && !isOlder
    reader = PageReader(file, chunks: layout?.chunks ?? [:])
    if layout == nil { try findLayout() }
    let isNamed =
      isOlder || layout != nil && !survey.damages.contains { ["meta", "_", "layout"].contains($0.map) }
    if isOlder { loss = .changes }
    if !isNamed { try gather() }
    try readNames(isNamed)
    try readList()
    for (map, name) in names.sorted(by: { $0.key < $1.key }) { try readMap(map, name) }
    if !isNamed { try readNameless() }
    if tables.contains(where: { !$0.isSure && !($0.chain.leaves.isEmpty && pages($0.map).isEmpty) })
      || list?.isSure == false
    {
      loss = .changes
    }
    for (place, table) in tables.enumerated() { tables[place] = try filled(table, takesOlder: loss == .changes) }
    // What a large object is made of never changes.
    if let table = objects { objects = try filled(table, takesOlder: true) }
    if let table = blocks { blocks = try filled(table, takesOlder: true) }
    guard rows > 0 || layout != nil else { return nil }
  }

  /// The layout of a closed store whose newest chunk lost its beginning: a chunk ends with it.
  private mutating func findLayout() throws(Problem) {
    try gather()
    guard file.headers.isClean, let header = file.headers.newest, var last = harvest?.chunks[header.chunk],
      last.version == header.version,
      let root = pages(0).first(where: {
        $0.isRoot && $0.position.chunk == header.chunk && $0.version == header.version
      })
    else { return }
    last.root = root.position.bits
    guard case .success(let found) = try StoreVersion.read(last, in: file, known: harvest?.chunks ?? [:]),
      found.roots.count > 1
    else { return }
    layout = found
    reader = PageReader(file, chunks: reader.chunks.merging(found.chunks) { $1 })
  }

  /// Rows of all tables that were found.
  var rows: Int { tables.reduce(0) { $0 + $1.chain.entries } }

  /// Whether any row refers to a large object that is not there to its last byte.
  func lacksObjects() throws(Problem) -> Bool {
    let large = try whole()
    for table in tables {
      for leaf in table.chain.leaves {
        guard case .success(let page) = try reader.page(leaf.position, of: table.map, whole: true),
          let rows = TableLeaf(page, table.types.values)
        else { continue }
        for row in rows.rows.compactMap({ $0 }) where large.withoutLost(row, of: page.body) != nil { return true }
      }
    }
    return false
  }

  /// The large objects that are whole.
  private func whole() throws(Problem) -> LargeObjects {
    guard let objects, let blocks else { return try LargeObjects([], map: 0, reader) }
    var large = try LargeObjects(blocks.chain.leaves, map: blocks.map, reader)
    for leaf in objects.chain.leaves {
      guard case .success(let page) = try reader.page(leaf.position, of: objects.map, whole: true),
        let entries = TableLeaf(page, objects.types.values)
      else { continue }
      for place in leaf.entries {
        if let range = entries.rows[place] { _ = try large.take(entries.numbers[place], page.body[range]) }
      }
    }
    return large
  }

  private mutating func gather() throws(Problem) {
    guard harvest == nil else { return }
    let found = try PageHarvest(file)
    harvest = found
    reader = PageReader(file, chunks: found.chunks.merging(layout?.chunks ?? [:]) { $1 })
  }

  private func pages(_ map: Int) -> [FoundPage] { harvest?.pages[map] ?? [] }

  /// The root of a map, and whether it is that of the newest version; nil where none is known.
  private func root(_ map: Int) -> (position: PagePosition, isSure: Bool)? {
    if let layout { return (layout.roots[map] ?? PagePosition(0), !isOlder) }
    guard let newest = pages(map).map(\.version).max(),
      let page = pages(map).first(where: { $0.version == newest && $0.isRoot })
    else { return nil }
    let header = file.headers.newest
    let isSure = file.headers.isClean && header?.chunk == page.position.chunk && header?.version == page.version
    return (page.position, isSure)
  }

  private func versions() -> (Int) -> Int {
    let chunks = reader.chunks
    return { chunks[$0]?.version ?? 0 }
  }

  /// The list of the maps' names: from its tree, or from every page of it that is left. A map has one name for as long as it is there,
  /// and its number is no other's later.
  private mutating func readNames(_ isNamed: Bool) throws(Problem) {
    if isNamed, let layout {
      let meta = try layout.meta(in: file)
      names = StoreVersion.names(meta)
      types = try MapTypes(layout, meta: meta, in: file)
      return
    }
    var meta: [String: String] = [:]
    for page in pages(layout?.metaMap ?? 1).sorted(by: { $0.version < $1.version }) where !page.position.isNode {
      meta.merge(try TextMap.entries(reader, leaf: page.position, of: page.map)) { $1 }
    }
    names = StoreVersion.names(meta)
  }

  /// What H2's list of its objects holds.
  static let listTypes = MapTypes.Pair(
    keys: .long, values: .versioned(.row(columns: [0, 1, 2, 3], hasNumber: false)))

  /// A table's types for so many columns.
  private static func types(columns: Int) -> MapTypes.Pair {
    MapTypes.Pair(keys: .long, values: .versioned(.row(columns: Array(0..<columns), hasNumber: false)))
  }

  private mutating func readList() throws(Problem) {
    var map = names.first { $0.value == "table.0" }?.key
    if map == nil {
      for candidate in pages.keys.sorted() where candidate > 1 && names[candidate] == nil && map == nil {
        if try kinds(candidate)?.count == 4, try !listed(candidate, root: nil).isEmpty { map = candidate }
      }
    }
    guard let map else { return }
    let root = root(map)
    let table = TableMap(
      map: map, id: 0, types: Self.listTypes,
      chain: try LeafChain(map, Self.listTypes, root: root?.position, reader, version: versions()),
      isSure: root?.isSure ?? false)
    if layout == nil, !table.isSure { loss = .changes }
    let filled = try filled(table, takesOlder: loss == .changes)
    list = filled
    definitions = try listed(map, chain: filled.chain)
    names[map] = "table.0"
  }

  private func listed(_ map: Int, root: PagePosition?) throws(Problem) -> [TableDefinition] {
    var chain = try LeafChain(map, Self.listTypes, root: root, reader, version: versions())
    try chain.fill(pages(map), takesOlder: true) { _ in false }
    return try listed(map, chain: chain)
  }

  private func listed(_ map: Int, chain: LeafChain) throws(Problem) -> [TableDefinition] {
    var found: [TableDefinition] = []
    for leaf in chain.leaves {
      guard case .success(let page) = try reader.page(leaf.position, of: map, whole: true),
        let rows = TableLeaf(page, Self.listTypes.values)
      else { continue }
      for place in leaf.entries {
        guard let row = rows.rows[place] else { continue }
        let definition = page.body[row].withUnsafeBytes { bytes -> TableDefinition? in
          var cursor = ValueCursor(bytes)
          guard let id = StoredValue.int(&cursor), StoredValue.int(&cursor) != nil, StoredValue.int(&cursor) != nil,
            let sql = StoredValue.text(&cursor)
          else { return nil }
          return TableDefinition(id: Int(id), sql)
        }
        if let definition { found.append(definition) }
      }
    }
    return found
  }

  /// Whether every table that is not in the list was dropped.
  private var isListWhole: Bool { list.map { $0.chain.gaps.isEmpty } ?? false }

  private mutating func readMap(_ map: Int, _ name: String) throws(Problem) {
    if name == "lobMap" { objects = try table(map, -1, types[map] ?? MapTypes.Pair(keys: .long, values: .largeObject)) }
    if name == "lobData" { blocks = try table(map, -1, types[map] ?? MapTypes.Pair(keys: .long, values: .bytes)) }
    guard name.hasPrefix("table."), let id = Int(name.dropFirst(6)), id > 0,
      definitions.contains(where: { $0.id == id }) || !isListWhole || layout != nil
    else { return }
    var found = types[map]
    if found == nil {
      try gather()
      found = try kinds(map).map { Self.types(columns: $0.count) }
    }
    let columns = definitions.first { $0.id == id }?.columns.count ?? 1
    tables.append(try table(map, id, found ?? Self.types(columns: columns)))
  }

  private func table(_ map: Int, _ id: Int, _ types: MapTypes.Pair) throws(Problem) -> TableMap {
    // What a large object is made of never changes, and may be in newer chunks.
    let root = isOlder && id < 0 ? nil : root(map)
    return TableMap(
      map: map, id: id, name: definitions.first { $0.id == id }?.name, types: types,
      chain: try LeafChain(map, types, root: root?.position, reader, version: versions()),
      isSure: root?.isSure ?? false)
  }

  private static let mostSampled = 32

  /// The kinds of the values of a map's leaves, column by column, where they may be rows of a table.
  private func kinds(_ map: Int) throws(Problem) -> [Set<UInt8>]? {
    var found: [Set<UInt8>]?
    for page in pages(map).filter({ !$0.position.isNode && $0.keys > 0 }).suffix(Self.mostSampled) {
      guard case .success(let content) = try reader.page(page.position, of: map, whole: true),
        let kinds = TableLeaf.kinds(content)
      else { continue }
      guard let before = found else {
        found = kinds
        continue
      }
      guard before.count == kinds.count else { return nil }
      found = zip(before, kinds).map { $0.union($1) }
    }
    return found
  }

  /// Tells maps that no list names by what stands in them.
  private mutating func readNameless() throws(Problem) {
    var candidates: [LostNames.Candidate] = []
    for map in pages.keys.sorted() where map > 1 && names[map] == nil {
      if let kinds = try kinds(map) {
        candidates.append(LostNames.Candidate(map: map, kinds: kinds))
      } else if objects == nil, try holds(map, .largeObject) {
        objects = try table(map, -1, MapTypes.Pair(keys: .long, values: .largeObject))
      } else if blocks == nil, try holds(map, .bytes) {
        blocks = try table(map, -1, MapTypes.Pair(keys: .long, values: .bytes))
      }
    }
    let open = definitions.filter { definition in !tables.contains { $0.id == definition.id } }
    let matched = LostNames.match(candidates, open)
    for candidate in candidates {
      let id = matched[candidate.map] ?? Self.firstLost + candidate.map
      guard matched[candidate.map] != nil || !isListWhole || open.contains(where: { $0.fits(candidate.kinds) }) else {
        continue
      }
      tables.append(try table(candidate.map, id, Self.types(columns: candidate.kinds.count)))
    }
  }

  /// The numbers of tables whose own are not known begin here.
  static let firstLost = 1_000_000

  private var pages: [Int: [FoundPage]] { harvest?.pages ?? [:] }

  private func holds(_ map: Int, _ type: MapType) throws(Problem) -> Bool {
    let leaves = pages(map).filter { !$0.position.isNode && $0.keys > 0 }.suffix(Self.mostSampled)
    for page in leaves {
      guard case .success(let content) = try reader.page(page.position, of: map, whole: true) else { continue }
      guard TableLeaf(content, type) != nil else { return false }
    }
    return !leaves.isEmpty
  }

  /// A table with what was found below its lost nodes; with `takesOlder` in a file without a layout, or of what never changes, with
  /// leaves of older versions as well.
  private mutating func filled(_ table: TableMap, takesOlder: Bool) throws(Problem) -> TableMap {
    let takesOlder = takesOlder && (layout == nil || table.id < 0)
    guard table.chain.gaps.contains(where: { $0.isNode || takesOlder }) else { return table }
    try gather()
    let layout = layout
    let removed = harvest?.removed ?? [:]
    let pages = pages(table.map)
    let root = layout?.roots[table.map].flatMap { layout?.chunks[$0.chunk]?.version }
    let changed = max(
      root ?? 0, pages.filter { layout?.chunks[$0.position.chunk]?.version == $0.version }.map(\.version).max() ?? 0)
    var table = table
    try table.chain.fill(pages, takesOlder: takesOlder, isSettled: changed < layout?.last.version ?? 0) { page in
      layout?.chunks[page.position.chunk]?.version == page.version
        && removed[page.position.chunk]?.contains(page.number) != true
    }
    return table
  }
}
