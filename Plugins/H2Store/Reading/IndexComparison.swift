/// Holds the indexes of a closed store against their tables.
///
/// Of a store that an application has open, or that was not closed, the roots of the maps may be of different moments within the
/// transactions of that time, and nothing is compared.
struct IndexComparison {
  private struct Table {
    var map: Int
    var indexes: [(map: Int, columns: [Int])] = []
  }

  private var tables: [String: Table] = [:]
  private var tableOfMap: [Int: String] = [:]
  private var tableOfIndex: [Int: String] = [:]
  private let names: [Int: String]
  private var sums: [Int: RowSums] = [:]

  init(_ names: [Int: String], _ objects: ObjectNames, _ types: MapTypes, isClosed: Bool) {
    self.names = names
    guard isClosed else { return }
    for (map, name) in names {
      guard let object = objects[name], object.index == nil, types[map]?.keys == .long,
        case .versioned(.row(_, false)) = types[map]?.values
      else { continue }
      tables[object.table] = Table(map: map)
      tableOfMap[map] = object.table
    }
    for (map, name) in names {
      guard let object = objects[name], object.index != nil, tables[object.table] != nil,
        types[map]?.values == .versioned(.nothing), case .row(let columns, true) = types[map]?.keys
      else { continue }
      tables[object.table]?.indexes.append((map, columns))
      tableOfIndex[map] = object.table
    }
  }

  /// The sums to be taken of a map; nil of one that has nothing to do with indexes.
  func sums(of map: Int) -> RowSums? {
    if let table = tableOfIndex[map], let index = tables[table]?.indexes.first(where: { $0.map == map }) {
      return RowSums(columns: [Array(index.columns.indices)])
    }
    guard let table = tableOfMap[map].flatMap({ tables[$0] }), !table.indexes.isEmpty else { return nil }
    return RowSums(columns: table.indexes.map(\.columns))
  }

  /// The sums of a map all of whose pages are in order.
  mutating func take(_ sums: RowSums?, of map: Int) { self.sums[map] = sums }

  /// The indexes that agree with their tables and those that do not, by their maps' names, with the columns that they were taken to
  /// have.
  func results() -> (agreeing: [String: [Int]], disagreeing: [String: [Int]]) {
    var agreeing: [String: [Int]] = [:]
    var disagreeing: [String: [Int]] = [:]
    for table in tables.values {
      guard let rows = sums[table.map], !rows.isChanging else { continue }
      for (place, index) in table.indexes.enumerated() {
        guard let entries = sums[index.map], !entries.isChanging, let name = names[index.map] else { continue }
        if entries.count == rows.count, entries.sums[0] == rows.sums[place] {
          agreeing[name] = index.columns
        } else {
          disagreeing[name] = index.columns
        }
      }
    }
    return (agreeing, disagreeing)
  }
}
