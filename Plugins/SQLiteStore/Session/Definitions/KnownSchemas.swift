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

  // MARK: - By what was read from the pages

  /// The last of them may be large: a schema of thousands of tables takes longer to be forgotten than to be used.
  private static let mostLargeBytes = 1 << 20

  private struct Kept {
    let content: SchemaRows.Content
    let format: UInt32
    let schema: Schema
  }

  private let read = Mutex<(small: [Kept], large: Kept?)>(([], nil))

  /// The schema with these rows and this format; nil when it is not known.
  func find(_ content: SchemaRows.Content, _ format: UInt32) -> Schema? {
    func isSame(_ kept: Kept) -> Bool {
      kept.format == format && kept.content.bytes == content.bytes && kept.content.isPlain == content.isPlain
        && kept.content.objects == content.objects
    }
    return read.withLock { read in
      guard content.bytes <= Self.mostBytes else {
        return read.large.flatMap { isSame($0) ? $0.schema : nil }
      }
      guard let place = read.small.firstIndex(where: isSame) else { return nil }
      let kept = read.small[place]
      if place > 0 {
        read.small.remove(at: place)
        read.small.insert(kept, at: 0)
      }
      return kept.schema
    }
  }

  /// Keeps a schema, and forgets the one that was not asked for the longest.
  func keep(_ schema: Schema, _ content: SchemaRows.Content, _ format: UInt32) {
    guard content.bytes <= Self.mostLargeBytes else { return }
    let kept = Kept(content: content, format: format, schema: schema)
    read.withLock { read in
      guard content.bytes <= Self.mostBytes else {
        read.large = kept
        return
      }
      if read.small.count == Self.most { read.small.removeLast() }
      read.small.insert(kept, at: 0)
    }
  }

  // MARK: - By what the library gives

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
