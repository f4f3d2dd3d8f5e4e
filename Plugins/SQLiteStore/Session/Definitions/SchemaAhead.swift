import MendKit

/// The schema of a file and the plan of its verification, made from the pages: of a large file on other threads, while the
/// library opens the file. Where every version of the library takes the schema as it is, the library need not read it too;
/// anywhere else what it says of the schema counts, and nothing of this is used before.
final class SchemaAhead {
  /// Of a smaller file all is made before a thread has begun.
  private static let leastBytes = 1 << 20

  private struct Made {
    let schema: Schema
    /// Whether the rows of the schema table themselves give no doubt.
    let isPlain: Bool
  }

  let pages: PageMap
  private let pending: Workers.Pending<Made?>

  /// Begins; nil where the library has to be asked what texts mean.
  init?(_ view: StoreView, known: KnownSchemas = .shared) {
    guard let header = view.header, TextEncoding(rawValue: header.textEncoding) == .utf8,
      let pages = try? PageMap(view, header: header)
    else { return nil }
    self.pages = pages
    let format = header.schemaFormat
    let isLarge = view.size > Self.leastBytes
    let make: @Sendable () -> Made? = {
      let workers = isLarge ? Workers.processors : 1
      guard let content = SchemaRows.read(pages, workers: workers) else { return nil }
      let isPlain = content.isPlain && (1...4).contains(format)
      if let schema = known.find(content, format) { return Made(schema: schema, isPlain: isPlain) }
      let schema = Schema(SchemaReading(content.objects, workers: workers))
      schema.prepare(encoding: .utf8, workers: workers)
      if schema.isTheSameEverywhere { known.keep(schema, content, format) }
      return Made(schema: schema, isPlain: isPlain)
    }
    pending = isLarge ? Workers.begin(make) : Workers.later(make)
  }

  /// What was made; nil where the pages hold something that only the library can tell the meaning of.
  var schema: Schema? { made?.schema }

  /// Whether the library would have nothing to say of the schema.
  private(set) lazy var isAccepted = made.map { $0.isPlain && $0.schema.isAccepted } ?? false

  private var made: Made? {
    // Zeros that stand for what could not be read prove nothing.
    guard let made = pending.value, (try? pages.confirmRead()) != nil else { return nil }
    return made
  }
}
