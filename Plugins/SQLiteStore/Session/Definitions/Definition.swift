import MendKit

/// What the definition in a row of the schema table says.
enum Definition: Sendable {
  case table(TableDefinition)
  case index(IndexDefinition)
  /// There is none, or one of another sort.
  case other

  init(_ object: SchemaReading.Object) {
    self = .other
    guard let sql = object.sql else { return }
    if object.type == "table" {
      if let table = TableDefinition(sql) { self = .table(table) }
    } else if object.type == "index" {
      if let index = IndexDefinition(sql) { self = .index(index) }
    }
  }

  /// Whether every version of the library takes it as it is. An index without a definition is one that a table's makes.
  var isAccepted: Bool {
    switch self {
    case .table(let table): table.isAccepted
    case .index(let index): index.isAccepted
    case .other: false
    }
  }
}

extension Workers {
  /// Objects that are worth another thread.
  private static let leastObjects = 256

  /// What is made of each of `count` objects, in their order, by several workers where they are many.
  static func inParts<Value: Sendable>(
    _ count: Int, workers: Int, _ work: @escaping @Sendable (Range<Int>) -> [Value]
  ) -> [Value] {
    guard workers > 1, count >= leastObjects else { return work(0..<count) }
    return parts(count, workers: workers, work).flatMap(\.self)
  }

  /// What is made of parts of `count` objects, one part for each worker where they are many.
  static func parts<Value: Sendable>(
    _ count: Int, workers: Int, _ work: @escaping @Sendable (Range<Int>) -> Value
  ) -> [Value] {
    let parts = count >= leastObjects ? max(1, workers) : 1
    return map(parts, workers: workers) { part in work(count * part / parts..<count * (part + 1) / parts) }
  }
}
