import Synchronization

/// The items of tables that amcheck finds damaged, by table, block and item. Whoever reads the table afterwards leaves them out: what
/// is read of such an item is no row, and may end the server's process.
enum DamagedItems {
  /// By the name of the table, the block and the item: what amcheck says.
  typealias Items = [String: [Int: [Int: String]]]

  private static let known = Mutex<[String: Items]>([:])
  private static let indexes = Mutex<[String: Set<String>]>([:])

  /// Remembers what a verification found.
  static func remember(_ items: Items, of address: PostgresAddress) { known.withLock { $0[address.uri] = items } }

  /// The tables in which something was found.
  static func tables(of address: PostgresAddress) -> [String] {
    known.withLock { $0[address.uri]?.keys.sorted() ?? [] }
  }

  /// What was found in a table.
  static func remembered(of address: PostgresAddress, table: String) -> [Int: [Int: String]] {
    known.withLock { $0[address.uri]?[table] ?? [:] }
  }

  /// Remembers which indexes are damaged, or do not agree with their tables.
  static func remember(indexes names: Set<String>, of address: PostgresAddress) {
    indexes.withLock { $0[address.uri] = names }
  }

  /// Whether an index is one of these.
  static func isSuspect(_ index: String, of address: PostgresAddress) -> Bool {
    indexes.withLock { $0[address.uri]?.contains(index) ?? false }
  }

  /// Whether an item cannot be used, rather than being too old by its transaction alone.
  static func isUnusable(_ said: String) -> Bool { !said.contains("precede") }
}
