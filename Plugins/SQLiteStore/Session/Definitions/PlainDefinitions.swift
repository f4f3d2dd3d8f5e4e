import MendKit

/// The tables of a schema as far as plain definitions tell of them.
struct PlainDefinitions {
  /// What the schema table has of indexes on one table, in its order.
  private struct Owned {
    var written: [(name: String, definition: IndexDefinition)] = []
    /// The indexes without a definition: the library makes them for constraints.
    var implicit: Set<[UInt8]> = []
  }

  private var indexes: [[UInt8]: Owned] = [:]

  /// Sorts the indexes of a schema by their tables; nil where one of them may be on another table than the schema table says.
  init?(_ objects: [CatalogReader.Object]) {
    for object in objects where object.type == "index" {
      let table = Self.folded(object.table)
      guard let sql = object.sql else {
        indexes[table, default: Owned()].implicit.insert(Array(object.name.utf8))
        continue
      }
      guard let definition = IndexDefinition(sql), Self.folded(definition.table) == table else { return nil }
      indexes[table, default: Owned()].written.append((object.name, definition))
    }
  }

  /// A table of the schema; nil where its definition, or that of an index on it, is not plain.
  func table(_ object: CatalogReader.Object) -> Table? {
    guard let sql = object.sql, let definition = TableDefinition(sql),
      definition.name.utf8.elementsEqual(object.name.utf8)
    else { return nil }
    let owned = indexes[Self.folded(object.name)] ?? Owned()
    guard let indexes = Self.indexes(definition, owned) else { return nil }
    return Table(
      name: object.name, columns: definition.columns, primaryKey: definition.primaryKey,
      keyIsStructural: definition.isRowidAlias, hasSequence: definition.isAutoincrement, indexes: indexes)
  }

  /// In the library's order, which has the newest first.
  private static func indexes(_ table: TableDefinition, _ owned: Owned) -> [Index]? {
    var indexes: [Index] = []
    for (number, constraint) in table.constraints.enumerated() {
      let name = "sqlite_autoindex_\(table.name)_\(number + 1)"
      guard owned.implicit.contains(Array(name.utf8)) else { return nil }
      indexes.append(
        Index(name: name, isUnique: true, isPartial: false, columns: constraint.columns, isImplicit: true))
    }
    guard indexes.count == owned.implicit.count else { return nil }
    for (name, definition) in owned.written {
      guard let names = definition.columns else { return nil }
      var columns: [String] = []
      for name in names {
        guard let column = table.column(name) else { return nil }
        columns.append(column.name)
      }
      indexes.append(
        Index(
          name: name, isUnique: definition.isUnique, isPartial: definition.isPartial, columns: columns,
          isImplicit: false))
    }
    return indexes.reversed()
  }

  /// A name with ASCII case taken out, as the library compares names.
  private static func folded(_ name: String) -> [UInt8] {
    Array(name.utf8).map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }
}
