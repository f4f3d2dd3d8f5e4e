import MendKit
import Synchronization

/// A schema and what was made of it. A folder of many databases is most often one application's, and all of them have the same
/// few schemas: sessions on databases whose schema tables are the same, byte for byte, share one of these.
final class Schema: Sendable {
  private struct Parts {
    var catalog: Catalog?
    var layout: SchemaLayout?
    var review: [Finding]?
    var plans: [TextEncoding: Plan] = [:]
  }

  /// Unchecked, since nothing of a plan is changed once it was made.
  private struct Plan: @unchecked Sendable {
    let plan: VerificationPlan
  }

  private let reading: SchemaReading
  private let parts = Mutex(Parts())

  init(_ reading: SchemaReading) { self.reading = reading }

  /// The schema of a connection's main database. `format` is the schema format in the file's header, on which the meaning of
  /// a definition depends; without it, as on a working copy, the schema is not shared.
  static func of(
    _ connection: Connection, format: UInt32?, known: KnownSchemas = .shared
  ) throws(Problem) -> Schema {
    guard let format, let key = try KnownSchemas.key(connection, format) else {
      return Schema(try SchemaReading(connection))
    }
    if let schema = known.find(key) { return schema }
    let schema = Schema(try SchemaReading(connection))
    if schema.isTheSameEverywhere { known.keep(schema, key) }
    return schema
  }

  /// The columns of a virtual table are for its module to say, which may look into the file.
  var isTheSameEverywhere: Bool { !reading.objects.contains { $0.type == "table" && $0.root == 0 } }

  // MARK: - What is made of it

  /// Whether every version of the library takes it as it is; see `SchemaReading`.
  var isAccepted: Bool { reading.isAccepted }

  /// Makes the layout and the plan where that takes no question to the library.
  func prepare(encoding: TextEncoding, workers: Int) {
    guard let layout = SchemaLayoutReader.layout(reading) else { return }
    let plan = Plan(plan: VerificationPlan.plan(layout, encoding: encoding, workers: workers))
    parts.withLock {
      $0.layout = layout
      $0.plans[encoding] = plan
    }
  }

  /// The schema in common terms.
  func catalog(_ connection: Connection) throws(Problem) -> Catalog {
    if let known = parts.withLock({ $0.catalog }) { return known }
    let catalog = try CatalogReader(connection: connection, schema: reading).read()
    parts.withLock { $0.catalog = catalog }
    return catalog
  }

  /// Whether every table is one of the catalog, or the engine's own.
  var isAllPlain: Bool { reading.isAllPlain }

  /// What rows of the schema table say otherwise than the definitions beside them.
  func review() -> [Finding] {
    if let known = parts.withLock({ $0.review }) { return known }
    let findings = SchemaReview(objects: reading.unreviewed).findings
    parts.withLock { $0.review = findings }
    return findings
  }

  /// How its tables and indexes are stored.
  func layout(_ connection: Connection) throws(Problem) -> SchemaLayout {
    if let known = parts.withLock({ $0.layout }) { return known }
    let layout = try SchemaLayoutReader(connection: connection, schema: reading).read()
    parts.withLock { $0.layout = layout }
    return layout
  }

  /// How they are verified.
  func plan(_ connection: Connection, encoding: TextEncoding) throws(Problem) -> VerificationPlan {
    if let known = parts.withLock({ $0.plans[encoding] }) { return known.plan }
    let plan = Plan(plan: VerificationPlan(try layout(connection), encoding: encoding))
    parts.withLock { $0.plans[encoding] = plan }
    return plan.plan
  }
}
