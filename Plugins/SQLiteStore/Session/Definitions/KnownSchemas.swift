import MendKit
import Synchronization

/// The schemas that were asked for last, by all that decides about them.
final class KnownSchemas: Sendable {
  /// Those that the sessions of this process share.
  static let shared = KnownSchemas()

  private static let most = 8
  /// Schemas with more than so many bytes in their tables are not kept.
  private static let mostBytes = 64 << 10

  private let kept = Mutex<[(key: [UInt8], schema: Schema)]>([])

  /// Everything in the schema table, and the schema format; nil where that is too much to be kept.
  static func key(_ connection: Connection, _ format: UInt32) throws(Problem) -> [UInt8]? {
    var key: [UInt8] = [UInt8(truncatingIfNeeded: format)]
    key.reserveCapacity(4096)
    try connection.rows(
      "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid"
    ) { row throws(Problem) in
      for column in 0..<5 { row.append(column, to: &key) }
      return key.count <= mostBytes
    }
    return key.count <= mostBytes ? key : nil
  }

  /// The schema of a key; nil when it is not known.
  func find(_ key: [UInt8]) -> Schema? {
    kept.withLock { kept in
      guard let place = kept.firstIndex(where: { $0.key == key }) else { return nil }
      let entry = kept[place]
      // The one asked for last stands first.
      if place > 0 {
        kept.remove(at: place)
        kept.insert(entry, at: 0)
      }
      return entry.schema
    }
  }

  /// Keeps a schema, and forgets the one that was not asked for the longest.
  func keep(_ schema: Schema, _ key: [UInt8]) {
    kept.withLock { kept in
      guard !kept.contains(where: { $0.key == key }) else { return }
      if kept.count == Self.most { kept.removeLast() }
      kept.insert((key, schema), at: 0)
    }
  }
}
