import MendKit

/// The schema of a large file and the plan of its verification, made from the pages on another thread while the library
/// opens the file and reads the schema itself. What the library says of the schema counts: nothing of this is used before.
final class SchemaAhead {
  /// Of a smaller file the library has read the schema before a thread has begun.
  private static let leastBytes = 1 << 20

  let pages: PageMap
  private let pending: Workers.Pending<Schema?>

  /// Begins; nil where it is not worth it, or where the library has to be asked what texts mean.
  init?(_ view: StoreView) {
    guard view.size > Self.leastBytes, let header = view.header, TextEncoding(rawValue: header.textEncoding) == .utf8,
      let pages = try? PageMap(view, header: header)
    else { return nil }
    self.pages = pages
    pending = Workers.begin {
      guard let objects = SchemaRows.read(pages) else { return nil }
      let schema = Schema(SchemaReading(objects))
      schema.prepare(encoding: .utf8)
      return schema
    }
  }

  /// What was made; nil where the pages hold something that only the library can tell the meaning of.
  var schema: Schema? {
    // Zeros that stand for what could not be read prove nothing.
    guard let schema = pending.value, (try? pages.confirmRead()) != nil else { return nil }
    return schema
  }
}
