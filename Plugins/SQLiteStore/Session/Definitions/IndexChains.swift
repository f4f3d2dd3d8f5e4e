/// The indexes of a schema by the tables that the schema table says they are on.
struct IndexChains: Sendable {
  /// Of each object that is a table, its first and last index; of each index, the one behind it. -1 for none.
  private var first: [Int32]
  private var next: [Int32]
  /// Indexes on a table that is not there.
  private(set) var orphans: [Int] = []
  /// Whether each index stands behind its table, as the library needs it.
  private(set) var areInOrder = true

  init(_ objects: [SchemaReading.Object]) {
    let none = [Int32](repeating: -1, count: objects.count)
    (first, next) = (none, none)
    var last = none
    var places: [[UInt8]: Int]?
    var table = -1
    for (place, object) in objects.enumerated() {
      if object.type == "table" { table = place }
      guard object.type == "index" else { continue }
      // Indexes most often stand behind one another, and behind their table.
      if table < 0 || !ASCII.areIdentical(objects[table].name, object.table) {
        if places == nil { places = Self.places(objects) }
        guard let found = places?[Self.folded(object.table)] else {
          areInOrder = false
          orphans.append(place)
          continue
        }
        table = found
      }
      if table > place { areInOrder = false }
      if first[table] < 0 { first[table] = Int32(place) } else { next[Int(last[table])] = Int32(place) }
      last[table] = Int32(place)
    }
  }

  private static func places(_ objects: [SchemaReading.Object]) -> [[UInt8]: Int] {
    var places: [[UInt8]: Int] = [:]
    for (place, object) in objects.enumerated() where object.type == "table" {
      let name = folded(object.name)
      if places[name] == nil { places[name] = place }
    }
    return places
  }

  /// A name with ASCII case taken out, as the library compares names.
  private static func folded(_ name: String) -> [UInt8] { name.utf8.map { ASCII.lowered($0) } }

  /// The indexes of a table, in the order of the schema table.
  func indexes(of table: Int) -> Chain { Chain(at: first[table], links: next) }

  struct Chain: Sequence, IteratorProtocol {
    fileprivate var at: Int32
    fileprivate let links: [Int32]

    mutating func next() -> Int? {
      guard at >= 0 else { return nil }
      defer { at = links[Int(at)] }
      return Int(at)
    }
  }
}
