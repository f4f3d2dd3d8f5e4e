import MendKit

/// What is left in the tables in which an R-Tree keeps its nodes (SQLite's R-Tree module, section 6: implementation details).
struct RTreeContent {
  /// An entry of a leaf, or the place of a child: its number, and its bounds as they are stored, two for each dimension.
  struct Cell: Hashable {
    let id: Int64
    var bounds: [UInt32]
  }

  let name: String
  /// Bounds of an entry.
  let bounds: Int
  let isInteger: Bool
  /// Whether entries have further columns, which stand beside the tree.
  let hasAuxiliary: Bool
  private(set) var nodeSize = 0
  /// The cells of the nodes that can be read.
  private(set) var nodes: [Int64: [Cell]] = [:]
  /// Nodes whose bytes are no node.
  private(set) var torn: [Int64] = []
  /// The leaf of each entry, and the node above each node.
  private(set) var leaves: [Int64: Int64] = [:]
  private(set) var parents: [Int64: Int64] = [:]
  /// How many levels the root says to be above the leaves.
  private(set) var depth: Int?
  /// Whether the table that names all entries says of others that they are none.
  private(set) var namesAll = false

  static let root: Int64 = 1

  /// The module makes nodes for no more cells (RTREE_MAXCELLS).
  private static let mostCells = 51
  /// Nor takes it smaller ones.
  private static let leastSize = 512 - 64

  /// Bytes of nodes that are held in memory.
  private static let mostBytes = 256 << 20

  /// Reads the tables of an R-Tree; nil where its definition is none of the module, or there is more than memory is for.
  /// `hasAllNames` says whether the table that names all entries has lost none.
  init?(
    _ name: String, _ definition: VirtualDefinition, hasAllNames: Bool, in connection: Connection
  ) throws(Problem) {
    // The first argument names the entry, those that begin with a plus sign are no coordinates.
    let auxiliary = definition.arguments.count { $0.hasPrefix("+") }
    let coordinates = definition.arguments.count - 1 - auxiliary
    guard definition.isRTree, (2...10).contains(coordinates), coordinates % 2 == 0 else { return nil }
    self.name = name
    bounds = coordinates
    isInteger = definition.module == "rtree_i32"
    hasAuxiliary = auxiliary > 0
    func table(_ part: String) -> String { Connection.quoted(name + part) }
    let size = try connection.integer("SELECT sum(length(data)) FROM \(table("_node"))") ?? 0
    guard size <= Self.mostBytes else { return nil }
    let sizes = try connection.query(
      "SELECT length(data) FROM \(table("_node")) GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT 1")
    nodeSize = sizes.first?.first?.integer.map { Int(clamping: $0) } ?? 0
    if nodeSize < Self.leastSize {
      // As the module makes them, then.
      let pageSize = try connection.integer("PRAGMA page_size") ?? 0
      nodeSize = min(pageSize - 64, 4 + Self.mostCells * cellSize)
    }
    var nodes: [Int64: [Cell]] = [:]
    var torn: [Int64] = []
    var depth: Int?
    try connection.rows("SELECT nodeno, data FROM \(table("_node"))") { row throws(Problem) in
      guard let number = row[0].integer else { return true }
      if case .blob(let bytes) = row[1], let cells = cells(bytes) {
        nodes[number] = cells
        if number == Self.root { depth = Int(bytes[0]) << 8 | Int(bytes[1]) }
      } else {
        torn.append(number)
      }
      return true
    }
    (self.nodes, self.torn, self.depth) = (nodes, torn, depth)
    leaves = try Self.map("SELECT rowid, nodeno FROM \(table("_rowid"))", connection)
    parents = try Self.map("SELECT nodeno, parentnode FROM \(table("_parent"))", connection)
    // Where it lacks much of what the leaves have, it is the one that is not to be trusted.
    let unnamed = nodes.reduce(0) { sum, node in
      isLeaf(node.key, node.value) ? sum + node.value.count { leaves[$0.id] == nil } : sum
    }
    namesAll = hasAllNames && unnamed * Self.fewUnnamed <= leaves.count
  }

  /// Of how many entries one may be unnamed.
  private static let fewUnnamed = 8

  private static func map(_ sql: String, _ connection: Connection) throws(Problem) -> [Int64: Int64] {
    var map: [Int64: Int64] = [:]
    try connection.rows(sql) { row throws(Problem) in
      // What is no number leads nowhere.
      if let key = row[0].integer { map[key] = row[1].integer ?? -1 }
      return true
    }
    return map
  }

  // MARK: Nodes

  private var cellSize: Int { 8 + 4 * bounds }
  /// The most cells that a node holds.
  var capacity: Int { max(0, (nodeSize - 4) / cellSize) }

  private func cells(_ bytes: [UInt8]) -> [Cell]? {
    guard bytes.count == nodeSize, bytes.count >= 4 else { return nil }
    let count = Int(bytes[2]) << 8 | Int(bytes[3])
    guard count <= capacity else { return nil }
    func big32(_ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    return (0..<count).map { index in
      let at = 4 + index * cellSize
      return Cell(
        id: Int64(bitPattern: UInt64(big32(at)) << 32 | UInt64(big32(at + 4))),
        bounds: (0..<bounds).map { big32(at + 8 + 4 * $0) })
    }
  }

  /// A node's bytes. Only the root's first two are anything but zero.
  func bytes(_ cells: [Cell], depth: Int) -> [UInt8] {
    func big(_ value: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
    var bytes = big(UInt64(depth), 2) + big(UInt64(cells.count), 2)
    for cell in cells {
      bytes += big(UInt64(bitPattern: cell.id), 8) + cell.bounds.flatMap { big(UInt64($0), 4) }
    }
    return bytes + [UInt8](repeating: 0, count: max(0, nodeSize - bytes.count))
  }

  // MARK: Bounds

  /// Whether one bound is at most another, as the module compares them.
  private func isOrdered(_ one: UInt32, _ other: UInt32) -> Bool {
    isInteger
      ? Int32(bitPattern: one) <= Int32(bitPattern: other) : Float(bitPattern: one) <= Float(bitPattern: other)
  }

  /// Whether no lower bound is above the upper one.
  func isSound(_ cell: Cell) -> Bool {
    stride(from: 0, to: bounds, by: 2).allSatisfy { isOrdered(cell.bounds[$0], cell.bounds[$0 + 1]) }
  }

  /// Whether nothing but zeros stands in the place of a cell.
  private func isBlank(_ cell: Cell) -> Bool { cell.id == 0 && !cell.bounds.contains { $0 != 0 } }

  /// Whether a cell of a leaf is an entry, and not what damage has left in its place.
  func isEntry(_ cell: Cell) -> Bool {
    guard isSound(cell) else { return false }
    if leaves[cell.id] != nil { return true }
    // What stands beside the tree of an entry cannot be told by the tree.
    return !hasAuxiliary && !namesAll && !isBlank(cell)
  }

  /// The entries of which nothing is left of what stood beside the tree, each once; none where nothing does.
  var unnamed: [Cell] {
    guard hasAuxiliary else { return [] }
    var found: [Int64: Cell] = [:]
    for (number, cells) in nodes.sorted(by: { $0.key < $1.key }) where isLeaf(number, cells) {
      for cell in cells where isSound(cell) && leaves[cell.id] == nil && !isBlank(cell) {
        found[cell.id] = found[cell.id] ?? cell
      }
    }
    return found.values.sorted { $0.id < $1.id }
  }

  /// The cells that are outside of the bounds of their node on a side where another cell is what these bounds are for: their own
  /// are not what they were.
  func strays(of cells: [Cell], within outer: [UInt32]) -> Set<Cell> {
    guard outer.count == bounds else { return [] }
    let reached = (0..<bounds).filter { side in cells.contains { $0.bounds[side] == outer[side] } }
    return Set(
      cells.filter { cell in
        reached.contains { side in
          !(side % 2 == 0 ? isOrdered(outer[side], cell.bounds[side]) : isOrdered(cell.bounds[side], outer[side]))
        }
      })
  }

  /// The bounds around some cells; nil around none.
  func around(_ cells: [Cell]) -> [UInt32]? {
    guard var result = cells.first?.bounds else { return nil }
    for cell in cells.dropFirst() {
      for side in 0..<bounds {
        let isWider =
          side % 2 == 0 ? !isOrdered(result[side], cell.bounds[side]) : !isOrdered(cell.bounds[side], result[side])
        if isWider { result[side] = cell.bounds[side] }
      }
    }
    return result
  }

  /// Whether some bounds are within others.
  func areWithin(_ inner: [UInt32], _ outer: [UInt32]) -> Bool {
    (0..<bounds).allSatisfy { side in
      side % 2 == 0 ? isOrdered(outer[side], inner[side]) : isOrdered(inner[side], outer[side])
    }
  }

  /// A bound as a literal in SQL.
  func literal(_ bound: UInt32) -> String {
    isInteger ? String(Int32(bitPattern: bound)) : String(Double(Float(bitPattern: bound)))
  }

  /// Whether a node is a leaf: its cells are entries, by what the tables beside it say, or else by the nodes that there are.
  func isLeaf(_ number: Int64, _ cells: [Cell]) -> Bool {
    let entries = cells.count { leaves[$0.id] == number }
    let children = cells.count { parents[$0.id] == number }
    guard entries == children else { return entries > children }
    if number == Self.root, let depth { return depth == 0 }
    return !cells.contains { cell in
      cell.id != number && nodes[cell.id].flatMap(around).map { areWithin($0, cell.bounds) } == true
    }
  }
}
