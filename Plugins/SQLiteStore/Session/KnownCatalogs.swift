import MendKit
import Synchronization

/// Catalogs of the schemas that were read last. A folder of many databases is most often one application's, and all of them
/// have the same few schemas; what the library makes of a definition is the same each time.
enum KnownCatalogs {
  private static let most = 8
  /// Schemas of more text than this are not kept, in bytes.
  private static let mostText = 64 << 10

  private struct Entry {
    let key: [UInt8]
    let catalog: Catalog
  }

  private static let entries = Mutex<[Entry]>([])

  /// What decides about the catalog of a database: every definition in its schema table, byte for byte. Empty where there
  /// is too much of it to be kept.
  static func key(_ connection: Connection) throws(Problem) -> [UInt8] {
    var key: [UInt8] = []
    key.reserveCapacity(4096)
    try connection.rows("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid") { row throws(Problem) in
      for column in 0..<4 { row.append(column, to: &key) }
      return key.count <= mostText
    }
    return key.count <= mostText ? key : []
  }

  /// The catalog of a key; nil when it is not known.
  static func catalog(_ key: [UInt8]) -> Catalog? {
    guard !key.isEmpty else { return nil }
    return entries.withLock { entries in
      guard let place = entries.firstIndex(where: { $0.key == key }) else { return nil }
      let entry = entries[place]
      if place > 0 {
        entries.remove(at: place)
        entries.insert(entry, at: 0)
      }
      return entry.catalog
    }
  }

  /// Keeps a catalog, and forgets the one that was not asked for the longest. The columns of a virtual table are for its module
  /// to say, which may look into the file: a catalog that has one is not kept.
  static func keep(_ catalog: Catalog, _ key: [UInt8]) {
    guard !key.isEmpty, !catalog.tables.contains(where: \.isVirtual) else { return }
    entries.withLock { entries in
      if entries.contains(where: { $0.key == key }) { return }
      if entries.count == most { entries.removeLast() }
      entries.insert(Entry(key: key, catalog: catalog), at: 0)
    }
  }
}
